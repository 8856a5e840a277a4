#!/usr/bin/env python3
"""Two facilities in one gateway: a clinic on the Web API that signs, and one on the terminal folder that never does. Nothing of the one is ever the other's: files, results,
Bundle-IDs, unit keys, request ids, links, certificates, signatures, trouble.
"""
import base64
import json
import os
import subprocess
import sys

from house import CLINIC, Box, House, Runner, bundle_ids, equal, only, sample, true, until

OTHER = "1318814790"
LETTER_FILES = ("06-letter-ecg.pdf", "06-letter-key-image.png")


class StrictBox(Box):
    """Each institution only with the client certificate that bears its own code."""

    def start(self):
        while "--institution" in self.words:
            at = self.words.index("--institution")
            del self.words[at:at + 2]
        for code in (CLINIC, OTHER):
            self.words += ["--institution", "%s:%s" % (code, code)]
        super().start()


class Clinic:
    def __init__(self, house, name, code, link, **facility):
        self.house, self.name, self.code, self.link = house, name, code, link
        house.facility(code, link=link, **facility)
        self.source = house.source(name, code)

    def document(self, name, request_id=None, **unit):
        document = json.loads(sample(name).replace(CLINIC.encode(), self.code.encode()))
        document["request_id"] = request_id or document["request_id"]
        document["units"][0].update(unit)
        return document

    def send(self, name, document=None, files=()):
        for other in files:
            self.source.drop(other, sample(other))
        return self.source.result(self.source.drop(name, self.document(name) if document is None else document))

    def rows(self):
        return [r for r in self.house.box.ctl("requests") if r["institution"] == self.code]


class Pair:
    def __init__(self, house):
        self.house = house
        self.web = Clinic(house, "karte", CLINIC, "web", signing="require")
        self.terminal = Clinic(house, "lab", OTHER, "terminal", signing="never")
        self.both = (self.web, self.terminal)

    def held(self, bundle_id):
        return self.house.box.held(bundle_id, data=True).get(bundle_id)


def each_its_own_way(p):
    """The same files, down to names, request ids and unit keys, dropped by both at once: two registrations each, by the own link, under the own code."""
    names = ("04-lab-register.json", "01-diseases-current.json", "06-letter-register.json")
    for clinic in p.both:
        for name in LETTER_FILES:
            clinic.source.drop(name, sample(name))
    for name in names:
        for clinic in p.both:
            clinic.source.drop(name, clinic.document(name))
    for name in names:
        ids = []
        for clinic in p.both:
            result = clinic.source.result(name)
            equal((result["outcome"], result["facility"], result.get("repeat_of")), ("done", clinic.code, None), json.dumps(result, ensure_ascii=False)[:1000])
            m = only(result)
            true(m["bundle_id"].startswith(clinic.code + "^"), m["bundle_id"])
            ids.append(m["bundle_id"])
            equal(p.house.box.effects(m["bundle_id"]), ["registered"], "effects")
            bundle = base64.b64decode(p.held(m["bundle_id"])["bytes"]).decode()
            other = next(c.code for c in p.both if c is not clinic)
            true(other not in bundle and clinic.code in bundle, "the institution in the Bundle of " + clinic.name)
            equal("signature" in json.loads(bundle), clinic is p.web and "letter" in name, "signed as the own policy says")
        true(ids[0] != ids[1], "two Bundle-IDs")
    for clinic in p.both:
        equal({r["link"] for r in clinic.rows()}, {"web" if clinic is p.web else "folder"}, "links of " + clinic.name)


def keys_are_separate(p):
    """Cancelling a unit key in one facility leaves the same key of the other alone."""
    stays = [b for b in p.house.box.held() if b.startswith(CLINIC + "^")]
    result = p.terminal.send("cancel.json", p.terminal.document("08-letter-cancel.json", "CANCEL-B"))
    equal(result["outcome"], "done", json.dumps(result, ensure_ascii=False)[:1000])
    true(only(result)["bundle_id"].startswith(OTHER + "^"), "its own letter")
    equal([b for b in p.house.box.held() if b.startswith(CLINIC + "^")], stays, "what the other has registered")
    nothing = p.terminal.send("again.json", p.terminal.document("08-letter-cancel.json", "CANCEL-C"))
    equal((nothing["outcome"], only(nothing)["code"]), ("rejected", "CG-8003"), "the other's letter is not taken for its own")


def files_of_the_other(p):
    """Another institution's file is rejected, whichever way round, and nothing leaves the house."""
    before = len(p.house.box.ctl("requests"))
    for clinic, other in (p.both, p.both[::-1]):
        for n, name in enumerate(("04-lab-register.json", "03-allergies-current.json", "06-letter-register.json")):
            for attachment in LETTER_FILES if n == 2 else ():
                clinic.source.drop(attachment, sample(attachment))
            result = clinic.send("foreign-%d.json" % n, other.document(name, "FOREIGN-%d" % n))
            equal((result["outcome"], result["next_step"]), ("rejected", "fix_and_resend"), name + ": " + json.dumps(result, ensure_ascii=False)[:1000])
            codes = [i["code"] for i in result["issues"] + [i for m in result["messages"] for i in m["issues"]]]
            true("CG-3134" in codes, "%s: %s" % (name, codes))
            place = next(i for i in result["issues"] + [i for m in result["messages"] for i in m["issues"]] if i["code"] == "CG-3134")
            equal((place["pointer"], place["line"] > 1), ("/institution/code", True), "the place")
            until(lambda c=clinic, x=n: os.path.exists(c.source.path("error", "foreign-%d.json" % x)), "the file is in error/")
    equal(len(p.house.box.ctl("requests")), before, "requests at the service")


def cancels_of_the_other(p):
    """A cancel has no content that would betray it: the institution that it names, and its members, are looked at all the same."""
    before = len(p.house.box.ctl("requests"))
    lab = next(r for r in p.house.box.held(data=True).values() if r["bundle_id"].startswith(CLINIC + "^") and b'"Observation"' in base64.b64decode(r["bytes"]))["bundle_id"]
    wrong = p.terminal.document("10-lab-cancel-by-bundle-id.json", "X-1", bundle_id=None, key="LAB-20251020-0042")
    result = p.web.send("foreign-cancel.json", wrong)
    equal((result["outcome"], result["code"], result["issues"][0]["pointer"]), ("rejected", "CG-3134", "/institution/code"), json.dumps(result, ensure_ascii=False)[:1000])
    mixed = p.web.document("04-lab-register.json", "X-2", key="LAB-MIXED")
    mixed["units"].append({"kind": "lab_report", "operation": "cancel", "key": "LAB-20251020-0042", "reason": "typo"})
    result = p.web.send("unknown-member.json", mixed)
    equal((result["outcome"], result["code"], result["issues"][0]["pointer"]), ("rejected", "CG-3102", "/units/1/reason"), json.dumps(result, ensure_ascii=False)[:1000])
    true(p.held(lab) is not None, "it still stands")
    equal(len(p.house.box.ctl("requests")), before, "requests at the service")


def bundles_of_the_other(p):
    """A ready Bundle under the other's Bundle-ID, and a cancel that names the other's."""
    before = len(p.house.box.ctl("requests"))
    stranger = sample("12-bundle-register.json")  # institution CLINIC
    result = p.terminal.send("bundle.json", stranger)
    equal(result["outcome"], "rejected", json.dumps(result, ensure_ascii=False)[:1000])
    lab = next(b for b in p.house.box.held() if b.startswith(CLINIC + "^"))
    document = p.terminal.document("10-lab-cancel-by-bundle-id.json", "CANCEL-FOREIGN", bundle_id=lab)
    result = p.terminal.send("cancel-foreign.json", document)
    equal((result["outcome"], result["code"], result["issues"][0]["pointer"]), ("rejected", "CG-3134", "/units/0/bundle_id"), json.dumps(result, ensure_ascii=False)[:1000])
    true(p.held(lab) is not None, "it still stands")
    equal(len(p.house.box.ctl("requests")), before, "requests at the service")
    own = p.web.send("bundle.json", stranger)
    equal(own["outcome"], "done", "in its own folder it is good: " + json.dumps(own, ensure_ascii=False)[:1000])


def trouble_stays_at_home(p):
    """One's share is away: the other registers at once, and only the one is reported."""
    house = p.house
    house.box.control("share", "gone")
    until(lambda: any("CG-7049" in line for line in house.status_log()), "the loss is seen")
    waiting = p.terminal.source.drop("waits.json", p.terminal.document("05-infection-register.json", "WAITS"))
    equal(p.web.send("goes.json", p.web.document("05-infection-register.json", "GOES"))["outcome"], "done", "the other one")
    true(p.terminal.source.has_result(waiting) is None, "it waits")
    page = json.loads(house.cli("status", "--json", good=False).stdout)
    equal({link["name"]: link["up"] for link in page["links"]}, {"web": True, "terminal": False}, "links")
    equal({f["code"]: f["messages"]["ready"] for f in page["facilities"]}, {CLINIC: 0, OTHER: 1}, "who waits")
    house.box.control("share", "back")
    equal(p.terminal.source.result(waiting)["outcome"], "done", "afterwards")


def lists_are_separate(p):
    for clinic, other in (p.both, p.both[::-1]):
        text = p.house.cli("list", "--facility=" + clinic.code, "--json").stdout.decode()
        true(clinic.name in text, text[:300])
        true('"%s"' % other.name not in text and other.code not in text, "clinsgw list --facility shows only the own: " + text[:500])


def folders_hold_only_the_own(p):
    """Nothing in a vendor's out/ or done/ names the other: not its code, not its Bundle-IDs."""
    for clinic, other in (p.both, p.both[::-1]):
        seen = 0
        for folder in ("out", "done"):
            for name in os.listdir(clinic.source.path(folder)):
                if name.startswith(("foreign-", "cancel-foreign", "bundle.json")):  # it wrote the other's code itself
                    continue
                with open(clinic.source.path(folder, name), "rb") as f:
                    raw = f.read()
                seen += 1
                true(other.code.encode() not in raw, "%s/%s of %s names %s" % (folder, name, clinic.name, other.code))
        true(seen > 8, "files were looked at")


def stops(p):
    equal(p.house.stop(), 0, "exit status")


# ---- both on the Web API, each with a certificate of its own ----

def secured(house, codes):
    """Links a and b for the two facilities; codes: whose certificate each presents."""
    url = "https://localhost:%d" % house.box.port
    for name, code in zip("ab", codes):
        house.section("link " + name, type="webapi", login_url=url, api_url=url, login_user="clinic", login_password_file=os.path.join(house.folder, "secrets", "password"),
                      certificate="%s/tls/facility-%s.crt" % (house.pki, code), key="%s/tls/facility-%s.key" % (house.pki, code), ca=house.pki + "/tls/ca.crt", profile="test", sessions=2)
    return [Clinic(house, name, code, link, signing="never") for name, code, link in (("first", CLINIC, "a"), ("second", OTHER, "b"))]


def common_name(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-subject", "-nameopt", "multiline"], stdout=subprocess.PIPE, check=True, text=True).stdout.split("commonName")[1].split("=")[1].split()[0]


def own_certificates(clinics):
    """The service takes an institution only from its own certificate: each link presents the right one, many at once."""
    names = ["lab-%d.json" % n for n in range(6)]
    for n, name in enumerate(names):
        for clinic in clinics:
            clinic.source.drop(name, clinic.document("04-lab-register.json", "CERT-%d" % n, key="CERT-%d" % n))
    for name in names:
        for clinic in clinics:
            result = clinic.source.result(name)
            equal(result["outcome"], "done", json.dumps(result, ensure_ascii=False)[:1000])
            equal(clinic.house.box.effects(bundle_ids(result)[0]), ["registered"], "effects")


def crossed_certificates(clinics):
    """Proof that the service would have noticed: with the certificates exchanged nothing is registered."""
    house = clinics[0].house
    equal([common_name("%s/tls/facility-%s.crt" % (house.pki, c.code)) for c in clinics], [CLINIC, OTHER], "names in the certificates")
    for clinic in clinics:
        name = clinic.source.drop("crossed.json", clinic.document("04-lab-register.json", "CROSSED"))
        result = clinic.source.result(name)
        true(result["outcome"] != "done", json.dumps(result, ensure_ascii=False)[:500])
    equal(house.box.held(), {}, "registrations")


def main():
    runner = Runner("two")
    with House("two") as house:
        house.sandbox(institutions=(OTHER,))
        house.link("web", "web", house.box)
        house.link("terminal", "folder", house.box)
        pair = Pair(house)
        house.start()
        for case in (each_its_own_way, keys_are_separate, files_of_the_other, cancels_of_the_other, bundles_of_the_other, trouble_stays_at_home, lists_are_separate, folders_hold_only_the_own, stops):
            runner.run(case.__name__, case, pair)
        house.stop()
    for case, codes in ((own_certificates, (CLINIC, OTHER)), (crossed_certificates, (OTHER, CLINIC))):
        with House("certificates") as house:
            house.boxes.append(StrictBox(os.path.join(house.folder, "box"), house.pki))
            clinics = secured(house, codes)
            house.start()
            runner.run(case.__name__, case, clinics)
            house.stop()
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
