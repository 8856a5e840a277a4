#!/usr/bin/env python3
"""Every kind and the letter over both links: registered exactly once with the right bytes; change, cancel, current, all or none, ready Bundles, repeats.

One gateway serves a clinic on the Web API and a clinic on the terminal folder; the same cases run for both. Then the official example Bundles (skipped
without the shared folder).
"""
import base64
import copy
import glob
import json
import os
import shutil
import sys

from house import CLINIC, SHARED, House, Runner, bundle_ids, digest, equal, only, sample, true, until

LETTER_FILES = ("06-letter-ecg.pdf", "06-letter-key-image.png")


class Clinic:
    """A source with the samples made its own: its institution code stands in them."""

    def __init__(self, house, name, code, link):
        self.house, self.code, self.link = house, code, link
        house.facility(code, link=link)
        self.source = house.source(name, code)

    def sample(self, name):
        return sample(name).replace(CLINIC.encode(), self.code.encode())

    def send(self, name, files=(), data=None, as_name=None):
        for other in files:
            self.source.drop(other, self.sample(other))
        return self.source.result(self.source.drop(as_name or name, self.sample(name) if data is None else data))

    def edit(self, name, change):
        document = json.loads(self.sample(name))
        change(document)
        return document

    def held(self, bundle_id):
        return self.house.box.held(bundle_id, data=True).get(bundle_id)

    def effects(self, bundle_id):
        return self.house.box.effects(bundle_id)

    def stands_once(self, result, effects=("registered",)):
        """Every unit of the result is done, and the service holds what the store names, by exactly these effects."""
        equal(result["outcome"], "done", json.dumps(result, ensure_ascii=False)[:1500])
        for message in result["messages"]:
            equal(self.effects(message["bundle_id"]), list(effects), "effects of " + message["bundle_id"])
            row = self.held(message["bundle_id"])
            true(row is not None, "the service holds " + message["bundle_id"])
            equal(self.house.sent_digest(message), row["sha256"], "bytes at the service")
        return result

    def filed(self, name, where):
        until(lambda: os.path.exists(self.source.path(where, name)), "%s/%s" % (where, name))
        true(not os.path.exists(self.source.path("in", name)), name + " has left in/")
        until(lambda: not os.path.exists(self.source.path("out", name + ".status.json")), "the status file of %s is gone" % name)


# ---- cases: one clinic each ----

def diseases(c):
    r = c.stands_once(c.send("01-diseases-current.json"))
    m = only(r)
    equal((r["request_id"], r["facility"], r["next_step"]), ("SAMPLE-0001", c.code, "none"), "result")
    equal((m["kind"], m["operation"]), ("diseases", "register"), "message")
    equal(r["x"]["x-terminal"], "受付1", "the vendor's own member")
    c.filed("01-diseases-current.json", "done")
    first = c.held(m["bundle_id"])["sha256"]

    def fewer(d):
        d["request_id"] = "LIST-2"
        d["units"][0]["items"].pop()
    again = only(c.stands_once(c.send("", data=c.edit("01-diseases-current.json", fewer), as_name="list-2.json"), ("registered", "changed")))
    equal((again["bundle_id"], again["operation"]), (m["bundle_id"], "change"), "the list stays one Bundle")
    true(c.held(m["bundle_id"])["sha256"] != first, "the new list stands")
    cleared = c.send("02-diseases-empty.json")
    equal((cleared["outcome"], only(cleared)["operation"], only(cleared)["bundle_id"]), ("done", "cancel", m["bundle_id"]), "empty list")
    equal(c.effects(m["bundle_id"]), ["registered", "changed", "cancelled"], "effects")
    equal(c.held(m["bundle_id"]), None, "held")

    def anew(d):
        d["request_id"] = "LIST-3"
    third = only(c.stands_once(c.send("", data=c.edit("01-diseases-current.json", anew), as_name="list-3.json")))
    true(third["bundle_id"] != m["bundle_id"], "a cancelled Bundle-ID is not used again")


def allergies(c):
    equal(only(c.stands_once(c.send("03-allergies-current.json")))["kind"], "allergies", "kind")


def lab(c):
    m = only(c.stands_once(c.send("04-lab-register.json")))
    equal((m["kind"], m["unit_key"]), ("lab_report", "LAB-20251020-0042"), "message")
    held = json.loads(base64.b64decode(c.held(m["bundle_id"])["bytes"]), parse_float=str)
    numbers = [e["resource"].get("valueQuantity", {}).get("value") for e in held["entry"]]
    true("7.20" in numbers, "decimals keep their digits: %s" % numbers)
    again = only(c.stands_once(c.send("09-lab-change.json"), ("registered", "changed")))
    equal(again["bundle_id"], m["bundle_id"], "change by report number")

    def twice(d):
        d["request_id"] = "LAB-AGAIN"
    refused = c.send("", data=c.edit("04-lab-register.json", twice), as_name="lab-again.json")
    equal((refused["outcome"], only(refused)["code"], refused["next_step"]), ("rejected", "CG-8002", "fix_and_resend"), "register of what is live")
    equal(only(refused)["kind"], "lab_report", "kind, in the words of the request")
    c.filed("lab-again.json", "error")


def infection(c):
    equal(only(c.stands_once(c.send("05-infection-register.json")))["kind"], "lab_report", "kind")


def letter(c):
    r = c.stands_once(c.send("06-letter-register.json", LETTER_FILES))
    m = only(r)
    held = json.loads(base64.b64decode(c.held(m["bundle_id"])["bytes"]))
    true("signature" in held, "the letter is signed")
    text = base64.b64decode(c.held(m["bundle_id"])["bytes"]).decode()
    for name in LETTER_FILES:
        true(base64.b64encode(c.sample(name)).decode() in text, name + " is inside")
        c.filed(name, "done")
    equal((m["kind"], m["operation"], r["x"]["x-document"]), ("letter", "register", "紹介状317"), "message")
    again = only(c.stands_once(c.send("07-letter-change.json"), ("registered", "changed")))
    equal(again["bundle_id"], m["bundle_id"], "change by number of the letter")
    gone = c.send("08-letter-cancel.json")
    equal((gone["outcome"], only(gone)["bundle_id"]), ("done", m["bundle_id"]), "cancel")
    equal(c.effects(m["bundle_id"]), ["registered", "changed", "cancelled"], "effects")
    nothing = c.send("", data=c.edit("08-letter-cancel.json", lambda d: d.update(request_id="CANCEL-2")), as_name="cancel-2.json")
    equal((nothing["outcome"], only(nothing)["code"]), ("rejected", "CG-8003"), "nothing to cancel any more")


def letter_with_discharge_summary(c):
    c.stands_once(c.send("14-letter-with-discharge-summary.json", ("14-discharge-summary.xml",)))


def cancel_of_what_others_sent(c):
    r = c.send("10-lab-cancel-by-bundle-id.json")
    true(r["outcome"] in ("done", "refused"), "an answer from the service: " + json.dumps(r, ensure_ascii=False)[:800])
    equal(only(r)["bundle_id"], c.code + "^2025^OLD-SYSTEM-0815", "Bundle-ID")


def all_or_none(c):
    r = c.stands_once(c.send("11-mixed-all-or-none.json"))
    equal([m["kind"] for m in r["messages"]], ["diseases", "allergies", "lab_report"], "kinds")

    def one_bad(d):
        d["request_id"] = "MIXED-BAD"
        d["patient"]["number"] = "00067891"
        d["units"][2]["key"] = "LAB-X"
        del d["units"][2]["items"][0]["local_code"], d["units"][2]["items"][0]["jlac10"], d["units"][2]["items"][0]["jlac10_list"]
    bad = c.send("", data=c.edit("11-mixed-all-or-none.json", one_bad), as_name="mixed-bad.json")
    equal(([m["outcome"] for m in bad["messages"]], bad["outcome"]), (["rejected"] * 3, "rejected"), "all or none")
    for m in bad["messages"]:
        equal(c.effects(m["bundle_id"]) if m.get("bundle_id") else [], [], "nothing was sent")

    def some(d):
        one_bad(d)
        d["request_id"] = "MIXED-SOME"
        del d["all_or_none"]
    mixed = c.send("", data=c.edit("11-mixed-all-or-none.json", some), as_name="mixed-some.json")
    equal(([m["outcome"] for m in mixed["messages"]], mixed["outcome"], mixed["next_step"]), (["done", "done", "rejected"], "mixed", "fix_and_resend"), "each its own way")
    c.filed("mixed-some.json", "error")


def ready_bundles(c):
    r = c.stands_once(c.send("12-bundle-register.json"))
    m = only(r)
    equal(c.held(m["bundle_id"])["sha256"], digest(c.sample("12-bundle-register.json")), "byte for byte")
    again = c.send("12-bundle-register.json", as_name="12-again.json")
    equal((again["outcome"], again.get("repeat_of")), ("done", "12-bundle-register.json"), "the same file again")

    def touched(d):
        d["id"] = "sample-allergy-b"
    refused = c.send("", data=c.edit("12-bundle-register.json", touched), as_name="12-other.json")
    equal((refused["outcome"], only(refused)["code"]), ("rejected", "CG-8002"), "a known Bundle-ID")
    c.stands_once(c.send("13-bundle-change.json", ("13-bundle-change.fhir",)), ("registered", "changed"))
    equal(c.held(m["bundle_id"])["sha256"], digest(c.sample("13-bundle-change.fhir")), "byte for byte")


def repeats(c):
    document = c.edit("05-infection-register.json", lambda d: (d.update(request_id="REPEAT-1"), d["units"][0].update(key="LAB-REPEAT")))
    first = c.stands_once(c.send("", data=document, as_name="repeat.json"))
    again = c.send("", data=document, as_name="repeat-b.json")
    equal((again["outcome"], again.get("repeat_of"), bundle_ids(again)), ("done", "repeat.json", bundle_ids(first)), "same request_id, same bytes")
    other = copy.deepcopy(document)
    other["units"][0]["items"].pop()
    refused = c.send("", data=other, as_name="repeat-c.json")
    equal((refused["outcome"], refused["code"]), ("rejected", "CG-8007"), "same request_id, other bytes")
    equal(c.effects(bundle_ids(first)[0]), ["registered"], "effects")


def name_used_again(c):
    def one(n):
        return c.edit("03-allergies-current.json", lambda d: (d.update(request_id="NAME-%d" % n), d["patient"].update(number="0009000%d" % n)))
    c.stands_once(c.send("", data=one(1), as_name="same.json"))
    c.source.drop("same.json", one(2))
    second = until(lambda: c.source.has_result("same.json.2"), "same.json.2.result.json")
    equal(second["request_id"], "NAME-2", "the earlier result stays, the later one is beside it")
    equal(c.source.has_result("same.json")["request_id"], "NAME-1", "the earlier result")


def dry_run(c):
    before = len(c.house.box.ctl("requests"))
    for name in LETTER_FILES:
        c.source.drop(name, c.sample(name), place="try")
    document = c.edit("06-letter-register.json", lambda d: d.update(request_id="TRY-1"))
    document["units"][0]["key"] = "REF-TRY"
    c.source.drop("try.json", document, place="try")
    r = c.source.result("try.json", place="try")
    equal(only(r)["outcome"] in ("rejected", "refused"), False, json.dumps(r, ensure_ascii=False)[:800])
    bundle = json.load(open(c.source.path("try", "try.json.bundle.json"), encoding="utf-8"))
    equal(bundle["resourceType"], "Bundle", "the finished Bundle")
    true("signature" not in bundle, "a dry run signs nothing")
    true(os.path.exists(c.source.path("try", "try.json")), "the file stays")
    c.source.drop("try-bad.json", b"{", place="try")
    equal(c.source.result("try-bad.json", place="try")["next_step"], "fix_and_resend", "a bad file")
    equal(len(c.house.box.ctl("requests")), before, "nothing was sent")


CASES = [diseases, allergies, lab, infection, letter, letter_with_discharge_summary, cancel_of_what_others_sent, all_or_none, ready_bundles, repeats, name_used_again, dry_run]
WRONG = [("90-wrong-no-insured-number.json", "CG-3130", "issue_paper"), ("91-wrong-lab-without-code.json", "CG-3116", "fix_and_resend")]


def wrong_samples(c):
    for name, code, step in WRONG:
        r = c.send(name)
        equal((r["outcome"], r["next_step"]), ("rejected", step), name)
        issue = next(i for i in only(r)["issues"] + r["issues"] if i["code"] == code)
        true(issue["line"] > 1 and issue["pointer"].startswith("/") and issue["text"] and issue["what_to_do"], "place and next step: %s" % issue)
        c.filed(name, "error")


def official_examples(house, source):
    """The four examples pass unchanged. The two referrals share a Bundle-ID: the stand-in service forgets between them, and each has a store of its own."""
    folder = os.path.join(SHARED, "spec", "examples", "jp-clins")
    names = sorted(glob.glob(os.path.join(folder, "Bundle-*.json")))
    if not names:
        return "the official examples are not here"
    equal(len(names), 4, "examples")
    for path in names:
        with open(path, "rb") as f:
            raw = f.read()
        bundle_id = json.loads(raw)["identifier"]["value"]
        if bundle_id in house.used:
            house.stop()
            shutil.rmtree(house.state)
            os.makedirs(house.state)
            house.box.ctl("reset")
            house.restart()
        house.used.add(bundle_id)
        name = os.path.basename(path)
        result = source.result(source.drop(name, raw))
        equal(result["outcome"], "done", name + ": " + json.dumps(result, ensure_ascii=False)[:1500])
        equal(house.box.held(bundle_id)[bundle_id]["sha256"], digest(raw), name + " byte for byte")
        equal(house.box.effects(bundle_id), ["registered"], "effects")
    return None


def ends_cleanly(house):
    equal(house.stop(), 0, "exit status")
    leftover = [p for p in glob.glob(os.path.join(house.box.share, "r*", "*"))]
    equal(leftover, [], "nothing is left in the terminal's folder")


def main():
    runner = Runner("kinds")
    with House("kinds") as house:
        house.sandbox(institutions=("1318814790",))
        house.link("web", "web", house.box)
        house.link("terminal", "folder", house.box)
        clinics = [Clinic(house, "karte", CLINIC, "web"), Clinic(house, "lab", "1318814790", "terminal")]
        house.start()
        for clinic in clinics:
            for case in [*CASES, wrong_samples]:
                runner.run("%s_%s" % (clinic.link, case.__name__), case, clinic)
        runner.run("ends_cleanly", ends_cleanly, house)
    with House("examples") as house:
        house.used = set()
        house.sandbox(institutions=("1318814790",))
        house.link("web", "web", house.box)
        house.facility("1318814790", link="web", signing="never")
        source = house.source("karte", "1318814790")
        house.start()
        runner.run("official_examples", official_examples, house, source)
        house.stop()
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
