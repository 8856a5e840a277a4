#!/usr/bin/env python3
"""The result that nobody asked for (CIS-IF-119, consent): stored and told once, whatever is killed between; another institution's, a broken one; left alone where the profile does not
know it. Its name and layout are the stand-in's own: the profile of this test names them, the shipped one has none.
"""
import json
import os
import signal
import sys

from house import CLINIC, House, Runner, digest, equal, only, sample, true, until

OTHER, STRANGER = "1318814790", "1399999999"
NOTICE = """
[notice]
name = CISsicon01res_*.xml
institution = XmlMsg/MessageHeader/MedicalInstitutionCode
document = XmlMsg/MessageBody/DocumentIdentifier
result = XmlMsg/MessageBody/ConsentResult
remove = %s
"""
DOCUMENT = STRANGER + "^2026^letter-%s"


class Place:
    """A clinic with its terminal."""

    def __init__(self, house, code, box, profile):
        self.house, self.code, self.box = house, code, box
        house.link(profile, "folder", box, profile=profile)
        house.facility(code, link=profile)
        self.source = house.source(profile, code)
        self.second = house.source(profile + "2", code)

    def path(self, suffix):
        return os.path.join(self.box.share, "res", "CISsicon01res_%s.xml" % suffix)

    def produce(self, suffix, document, result="1", institution=None, *more):
        self.box.ctl("notice", institution or self.code, document, result, "name=" + suffix, *more)
        return self.path(suffix)

    def told(self):
        """{document: notice} of all notices in out/."""
        found = {}
        for name in os.listdir(self.source.path("out")):
            if name.startswith("consent-") and name.endswith(".notice.json"):
                with open(self.source.path("out", name), encoding="utf-8") as f:
                    notice = json.load(f)
                true(notice["document"] not in found, "%s was told twice" % notice["document"])
                found[notice["document"]] = notice
        return found

    def wait(self, document):
        return until(lambda: self.told().get(document), lambda: document + " is told\n" + self.house.story())

    def rows(self, link=None):
        """Stories of the notices of this terminal, oldest first."""
        rows = [self.house.cli_json("show", row["id"]) for row in self.house.cli_json("list", "--state", "notice", "--limit", "1000")["messages"]]
        return [row for row in reversed(rows) if row["actor"] == "link:" + (link or self.source.name)]

    def row(self, suffix):
        """The story of the one notice of that file, once it is at its end."""
        def question():
            rows = [row for row in self.rows() if row["file"] == os.path.basename(self.path(suffix))]
            return rows[0] if len(rows) == 1 and rows[0]["state"] == "answered" else None
        return until(question, lambda: suffix + " is at its end\n" + self.house.story())

    def lines(self, code):
        return [line for line in self.house.status_log() if " %s " % code in line]


def gone(path):
    until(lambda: not os.path.exists(path), path + " is gone")


def reload(house):
    before = len([line for line in house.status_log() if " CG-9006 " in line])
    house.write_conf()
    house.process.send_signal(signal.SIGHUP)
    until(lambda: len([line for line in house.status_log() if " CG-9006 " in line]) > before, lambda: "reloaded\n" + house.story())


def told_once(place, quiet):
    """A document of somebody else's: to the first source of the facility, in one file, one line for the IT person, the bytes in the store."""
    before, document = len(place.lines("CG-8302")), DOCUMENT % "A"
    path = place.produce("told", document)
    with open(path, "rb") as f:
        raw = f.read()
    notice = place.wait(document)
    gone(path)
    equal({k: notice[k] for k in ("notice", "facility", "institution", "result", "from_file", "code", "next_step")},
          {"notice": "consent", "facility": place.code, "institution": place.code, "result": "1", "from_file": os.path.basename(path), "code": "CG-8302", "next_step": "none"}, "the notice")
    true("file" not in notice and "message" not in notice, "it is about nothing of ours")
    row = place.row("told")
    equal((row["source"], row["document"], row["result"], row["notice"], row["original_sha256"], row["messages"]), (place.source.name, document, "1", "consent", digest(raw), []), "show")
    true("request_id" not in row, "a notice has no request_id")
    equal(place.house.cli("export", row["request"], "--what", "original").stdout, raw, "export")
    equal(os.listdir(place.second.path("out")), [], "the second source")
    lines = place.lines("CG-8302")[before:]
    true(len(lines) == 1 and "request=%s " % row["request"][1:] in lines[0] and "source=" + place.source.name in lines[0] and document not in lines[0], lambda: "one line: %r" % lines)


def own_document(place, quiet):
    """A letter that this clinic sent to itself: the vendor's own ids, a line in the message's story, and nothing else changes."""
    letter = json.loads(sample("14-letter-with-discharge-summary.json").replace(CLINIC.encode(), place.code.encode()))
    letter["request_id"] = "OWN-LETTER"
    letter["units"][0].pop("attachments", None)
    result = place.source.result(place.source.drop("own-letter.json", letter))
    message = only(result)
    equal(message["outcome"], "done", json.dumps(result, ensure_ascii=False)[:800])
    place.produce("own", message["bundle_id"], "2")
    notice = place.wait(message["bundle_id"])
    equal({k: notice.get(k) for k in ("file", "request_id", "unit", "unit_key", "message", "result")},
          {"file": "own-letter.json", "request_id": "OWN-LETTER", "unit": 0, "unit_key": message["unit_key"], "message": message["message"], "result": "2"}, "the notice")
    story = place.house.cli_json("show", message["message"])["messages"][0]
    equal((story["state"], [h.get("code") for h in story["history"]].count("CG-8302")), ("done", 1), "the message")
    equal(place.box.effects(message["bundle_id"]), ["registered"], "nothing was said to the service")
    equal(place.house.cli("retry", place.row("own")["request"], good=False).returncode != 0, True, "there is nothing to retry")


def same_again(place, quiet):
    """The same name with the same bytes is the same notice; other bytes under that name are another."""
    document, path = DOCUMENT % "B", place.produce("again", DOCUMENT % "B")
    with open(path, "rb") as f:
        raw = f.read()
    place.wait(document)
    gone(path)
    count = len(place.rows())
    os.unlink(next(os.path.join(place.source.path("out"), n) for n in os.listdir(place.source.path("out")) if n.startswith("consent-") and document in
                   open(place.source.path("out", n), encoding="utf-8").read()))
    with open(path + ".new", "wb") as f:
        f.write(raw)
    os.rename(path + ".new", path)
    gone(path)
    equal((len(place.rows()), document in place.told()), (count, False), "told twice")
    with open(path + ".new", "wb") as f:
        f.write(raw.replace(b">1</ConsentResult>", b">0</ConsentResult>"))
    os.rename(path + ".new", path)
    equal(place.wait(document)["result"], "0", "the second report")
    gone(path)


def of_another(place, quiet):
    """Another institution's: one line, a copy, its file stays where it is."""
    path = place.produce("foreign", DOCUMENT % "C", "1", STRANGER)
    row = place.row("foreign")
    equal((row["code"], row["institution"], row.get("source")), ("CG-8313", STRANGER, None), "the story")
    true(STRANGER.encode() in place.house.cli("export", row["request"], "--what", "original").stdout, "the copy")
    equal((len(place.lines("CG-8313")), DOCUMENT % "C" in place.told(), os.path.exists(path)), (1, False, True), "told to nobody, left alone")


def broken(place, quiet):
    """Bytes that cannot be read, and what looks like a notice and is a link: kept or left, never lost, never believed."""
    path = place.produce("broken", DOCUMENT % "D", "1", None, "broken=yes")
    row = place.row("broken")
    equal((row["code"], os.path.exists(path), len(place.lines("CG-8314"))), ("CG-8314", True, 1), "the story")
    bomb = place.path("bomb")
    with open(bomb + ".new", "w", encoding="ascii") as f:
        f.write('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><XmlMsg><MessageHeader><MedicalInstitutionCode>%s</MedicalInstitutionCode></MessageHeader>'
                '<MessageBody><DocumentIdentifier>&e;</DocumentIdentifier><ConsentResult>1</ConsentResult></MessageBody></XmlMsg>' % place.code)
    os.rename(bomb + ".new", bomb)
    equal(place.row("bomb")["code"], "CG-8314", "entities")
    os.symlink("/etc/passwd", place.path("link"))
    with open(place.path("large") + ".new", "wb") as f:
        f.truncate(20 << 20)
    os.rename(place.path("large") + ".new", place.path("large"))
    until(lambda: len(place.lines("CG-8316")) == 1, "the large one has a line")
    equal([r["file"] for r in place.rows() if r["file"] in ("CISsicon01res_link.xml", "CISsicon01res_large.xml")], [], "no rows")


def mended(place, quiet):
    """The profile did not fit: corrected and reloaded, what was kept is read again and told."""
    house, document = place.house, DOCUMENT % "G"
    fits = house.sections_of["removes"]
    house.sections_of["removes"] = fits.replace("MessageBody/ConsentResult", "MessageBody/SomethingElse")
    reload(house)
    path = place.produce("mended", document)
    row = place.row("mended")
    equal((row["code"], os.path.exists(path)), ("CG-8314", True), "the wrong profile")
    house.sections_of["removes"] = fits
    reload(house)
    house.cli("retry", row["request"])
    equal(place.wait(document)["result"], "1", "the notice")
    gone(path)
    equal(place.row("mended").get("code"), None, "no reason any more")


def killed_between(place, quiet):
    """The desk or a door dies at any moment after a notice has come: each is one row and one file, and the files in the folder go."""
    programs = ("clinsgwd", "clinsgw-link", "clinsgw-convert", "clinsgw-spool")
    paths = []
    for n in range(12):
        paths.append(place.produce("kill-%d" % n, DOCUMENT % ("kill-%d" % n)))
        until(lambda n=n: n % 4 == 0 or not os.path.exists(paths[-1]) or any(r["file"] == os.path.basename(paths[-1]) for r in place.rows()), "it is seen")
        place.house.kill(programs[(n // 3) % len(programs)])
        if (n // 3) % len(programs) == 0:
            place.house.restart()
    for n, path in enumerate(paths):
        place.wait(DOCUMENT % ("kill-%d" % n))
        gone(path)
    files = [r["file"] for r in place.rows()]
    equal(len(files), len(set(files)) + 1, "a row each, but for the name that came with other bytes")


def stays(place, quiet):
    """Where others read the folder, too (remove = no), the file stays, and a desk that starts again does not tell it anew."""
    path = place.produce("stays", DOCUMENT % "E")
    place.wait(DOCUMENT % "E")
    place.row("stays")   # the store knows that it was told
    for name in os.listdir(place.source.path("out")):
        os.unlink(place.source.path("out", name))
    place.house.kill("clinsgwd")
    place.house.restart()
    place.produce("later", DOCUMENT % "F")
    place.wait(DOCUMENT % "F")   # both were looked at in the same sweep
    equal((sorted(place.told()), len(place.rows()), os.path.exists(path)), ([DOCUMENT % "F"], 2, True), "told once")


def left_alone(place, quiet):
    """A profile without [notice]: as if it were not there."""
    equal((os.path.exists(quiet.path("early")), quiet.rows(), quiet.told()), (True, [], {}), "left alone")
    document = json.loads(sample("05-infection-register.json").replace(CLINIC.encode(), quiet.code.encode()))
    equal(quiet.source.result(quiet.source.drop("lab.json", document))["outcome"], "done", "the terminal works")
    equal((os.path.exists(quiet.path("early")), quiet.rows(), quiet.told()), (True, [], {}), "left alone")


def books_agree(place, quiet):
    """The chain verifies, every row is the fold of its events."""
    equal(place.house.stop(), 0, "exit status")
    p = place.house.cli("doctor", good=False)
    equal(p.returncode, 0, p.stdout.decode() + p.stderr.decode())


def main():
    runner = Runner("notice")
    with House("notice") as house:
        house.profiles.update(removes={}, stays={}, plain={})
        house.sections_of.update(removes=NOTICE % "yes", stays=NOTICE % "no")
        place = Place(house, CLINIC, house.sandbox(), "removes")
        staying = Place(house, OTHER, house.sandbox("box2", (OTHER,)), "stays")
        quiet = Place(house, "1311234567", house.sandbox("box3", ("1311234567",)), "plain")
        quiet.produce("early", DOCUMENT % "Q")
        house.start()
        for case in (told_once, own_document, same_again, of_another, broken, mended, killed_between):
            runner.run(case.__name__, case, place, quiet)
        runner.run(stays.__name__, stays, staying, quiet)
        runner.run(left_alone.__name__, left_alone, place, quiet)
        runner.run(books_agree.__name__, books_agree, place, quiet)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
