#!/usr/bin/env python3
"""The vendor's folder while things go wrong around it: its door is killed, the share goes away and comes back, attachments come late, twice or for nobody."""
import json
import os
import sys

from house import CLINIC, PAUSE, House, Runner, equal, only, sample, true, until

LETTER, FILE = "14-letter-with-discharge-summary.json", "14-discharge-summary.xml"


def letter(source, number):
    document = json.loads(sample(LETTER).replace(CLINIC.encode(), source.code.encode()))
    document["request_id"] = "SPOOL-%s-%d" % (source.name, number)
    document["units"][0]["key"] = document["request_id"]
    return document


def status(source, name):
    path = source.path("out", name + ".status.json")
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def waiting(house, source, name):
    """The request is ours and waits for its attachment."""
    until(lambda: status(source, name), "%s.status.json\n%s" % (name, house.story()))
    true(source.has_result(name) is None, "it waits")


def door_dies_while_a_letter_waits(house, source):
    """Its request lies in .work/, later also one of its attachments: both belong to it still, and none becomes a request of its own."""
    source.drop("a.json", letter(source, 1))
    waiting(house, source, "a.json")
    house.kill("clinsgw-spool")
    source.drop(FILE, sample(FILE))
    result = source.result("a.json")
    equal((result["outcome"], len(result["messages"])), ("done", 1), json.dumps(result, ensure_ascii=False)[:800])
    until(lambda: os.path.exists(source.path("done", "a.json")) and os.path.exists(source.path("done", FILE)), "both in done/")
    equal([n for n in os.listdir(source.path("out")) if n.startswith(FILE)], [], "no outcome of the attachment's own")


def killed_over_and_over(house, source):
    for number in range(2, 12):
        source.drop("b%d.xml" % number, sample(FILE))
        document = letter(source, number)
        document["units"][0]["attachments"][0]["file"] = "b%d.xml" % number
        source.drop("b%d.json" % number, document)
        house.kill("clinsgw-spool")
    for number in range(2, 12):
        equal(source.result("b%d.json" % number)["outcome"], "done", "b%d" % number)
    until(lambda: len([n for n in os.listdir(source.path("done")) if n.startswith("b")]) == 20, lambda: "all in done/: %s" % sorted(os.listdir(source.path("done"))))
    equal(sorted(n for n in os.listdir(source.path("out")) if n.endswith(".result.json") and n.startswith("b")),
          sorted("b%d.json.result.json" % n for n in range(2, 12)), "one result a request")
    equal(os.listdir(source.path(".work")), [], ".work/")


def attachment_of_a_request_that_gave_up(house, source):
    """A file that comes after its request has ended belongs to whoever names it next."""
    document = letter(source, 20)
    document["units"][0]["attachments"][0]["file"] = "late.xml"
    source.drop("c.json", document)
    result = source.result("c.json")
    equal((result["outcome"], result["next_step"]), ("rejected", "fix_and_resend"), "without its attachment")
    source.drop("late.xml", sample(FILE))
    document["request_id"] += "-again"
    source.drop("d.json", document)
    equal(source.result("d.json")["outcome"], "done", "the second one gets it")


def share_goes_and_comes_back(house, source):
    away = source.root + ".away"
    os.rename(source.root, away)
    os.mkdir(source.root)  # the empty mount point
    until(lambda: any("CG-2001" in line for line in house.status_log()), "the lost share in the status log")
    equal(os.listdir(source.root), [], "nothing is made in its place")
    os.rmdir(source.root)
    document = letter(source, 30)
    document["units"][0]["attachments"][0]["file"] = "back.xml"
    for name, data in (("back.xml", sample(FILE)), ("e.json", json.dumps(document).encode())):
        with open(os.path.join(away, "in", name), "wb") as f:
            f.write(data)
    os.rename(away, source.root)
    equal(source.result("e.json")["outcome"], "done", "after the share came back")
    until(lambda: any("CG-2002" in line for line in house.status_log()), "the share that is back in the status log")
    # watched again as before: what is renamed into place is taken at once
    equal(source.send("f.json", data=dict(json.loads(sample("03-allergies-current.json")), request_id="SPOOL-F"))["outcome"], "done", "after that")


def orphan_is_mentioned_once(house, source):
    """orphan_after is 0 for this source: what lies there at the start of the door is old enough."""
    name = "患者の名前.pdf"
    with open(source.path("in", name), "wb") as f:
        f.write(b"%PDF-1.4")
    house.kill("clinsgw-spool")
    notice = source.path("out", name + ".notice.json")
    until(lambda: os.path.exists(notice), "the notice\n" + house.story())
    with open(notice, encoding="utf-8") as f:
        text = json.load(f)
    equal((text["file"], text["code"], text["next_step"]), (name, "CG-2109", "fix_and_resend"), "notice")
    first = os.stat(notice).st_ino
    lines = until(lambda: [line for line in house.status_log() if "CG-9009" in line], "a line in the status log")
    true(not any("患者" in line for line in house.status_log()), "no name of a file in the log")
    house.kill("clinsgw-spool")
    equal(source.send("g.json", data=dict(json.loads(sample("03-allergies-current.json")), request_id="SPOOL-G"))["outcome"], "done", "the next door works")
    equal((os.stat(notice).st_ino, len([line for line in house.status_log() if "CG-9009" in line])), (first, len(lines)), "not said again")


def things_that_are_no_files(house, source):
    os.mkdir(source.path("in", "folder"))
    os.symlink("/etc/passwd", source.path("in", "link.json"))
    os.mkfifo(source.path("in", "pipe"))
    for name, code in (("folder", "CG-2102"), ("link.json", "CG-2101"), ("pipe", "CG-2103")):
        result = source.result(name)
        equal((result["outcome"], only(result)["code"]), ("rejected", code), name)
        until(lambda n=name: os.path.lexists(source.path("error", n)), name + " in error/")


CASES = (door_dies_while_a_letter_waits, killed_over_and_over, share_goes_and_comes_back, orphan_is_mentioned_once, things_that_are_no_files)


def run_house(runner, cases, **keys):
    with House("spool") as house:
        house.link("web", "sink")
        house.facility(signing="never")
        sources = {case: house.source(case.__name__.replace("_", "-"), **keys, **({"orphan_after": "0s"} if case is orphan_is_mentioned_once else {})) for case in cases}
        house.start()
        for case in cases:
            runner.run(case.__name__, case, house, sources[case])
        runner.run("ends_cleanly_after_%s" % cases[-1].__name__, lambda: equal(house.stop(), 0, "exit status"))


def folder_made_anew(house, source):
    """Somebody has removed in/ and made it again. A file that is renamed into it is complete at once, as before: nothing else tells here, for a file would have to lie still for an hour."""
    def seen_at_once(word):
        for number in range(300):  # what came before the watch was set up waits for its hour
            document = source.request("04-lab-register.json")
            document["units"][0]["key"] = name = "%s-%d" % (word, number)
            source.drop(name + ".json", document)
            PAUSE.wait(0.1)
            if any(name.startswith(word) for name in os.listdir(source.path("out"))):
                return
        true(False, "nothing is seen\n" + house.story())

    seen_at_once("before")
    for name in os.listdir(source.path("in")):
        os.unlink(source.path("in", name))
    os.rmdir(source.path("in"))
    os.mkdir(source.path("in"), 0o770)
    seen_at_once("after")


def main():
    runner = Runner("spool")
    run_house(runner, CASES, attachment_wait="60s")
    run_house(runner, (attachment_of_a_request_that_gave_up,), attachment_wait="1s")
    run_house(runner, (folder_made_anew,), settle="1h")
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
