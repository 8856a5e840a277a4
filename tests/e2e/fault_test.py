#!/usr/bin/env python3
"""Each fault of the stand-in service, over both links, hitting a letter and a lab report at once: whatever happens on the way, the end is
registered exactly once, or refused with its code, or unknown with a next step for a person (who then looks at the service and says so).

Four stand-in services: two refuse a Bundle-ID that comes again, two overwrite it; of each two one serves clinics that settle unknown lab reports by a
person, one clinics that settle them by the probe. Eight clinics, one gateway; the faults of a clinic come one after the other, the clinics run side by side.
"""
import json
import os
import sys
import threading

from house import CLINIC, Failure, House, Runner, equal, only, sample, true, until

LETTER, LAB = "document.register", "chart.register"

# fault, links it exists on, what it comes to: done, or refused with a code. Times are those of house.QUICK: a call is given up after 1.2 s.
FAULTS = [
    ("slow ms=200", "wf", "done"),
    ("slow ms=1500", "w", "done"),                  # worked on after the client gave up
    ("slow-answer ms=200", "wf", "done"),
    ("slow-answer ms=2800", "wf", "done"),
    ("drop-before", "wf", "done"),
    ("drop-after", "wf", "done"),
    ("drop-after reused=yes", "w", "done"),
    ("http-before n=503", "wf", "done"),
    ("http-after n=503", "wf", "done"),
    ("http-before n=429", "w", "done"),
    ("http-before n=413", "w", "HTTP413"),
    ("pending n=3", "wf", "done"),
    ("wrong-identifier", "wf", "done"),
    ("wrong-institution", "wf", "done"),
    ("half", "wf", "done"),
    ("half ms=150", "wf", "done"),
    ("err code=CISC0001E", "wf", "CISC0001E"),
    ("err code=CISC9999E", "wf", "done"),
    ("err code=CISX7777E", "wf", "done"),           # a code that nobody knows is no answer
    ("vanish", "wf", "done"),
    ("remove ms=60", "wf", "done"),
    ("late ms=500", "wf", "done"),
    ("double ms=80", "wf", "done"),
    ("share-gone ms=400", "f", "done"),
    ("token-expired", "w", "done"),
    ("sessions", "wf", "done"),
    ("busy", "wf", "done"),
    ("failure-before", "wf", "done"),
    ("failure-after", "wf", "done"),
]


class Clinic:
    def __init__(self, house, box, code, link, settle):
        self.house, self.box, self.code, self.settle = house, box, code, settle
        self.kind = link[0]
        self.name = "%s_%s" % (os.path.basename(box.folder), link)
        house.link(self.name, link, box, profile=settle)
        house.facility(code, link=self.name)
        self.source = house.source(self.name, code, box)
        self.count = 0

    def document(self, base, key):
        d = json.loads(sample(base).replace(CLINIC.encode(), self.code.encode()))
        d["request_id"] = "%s-%s" % (self.name, key)
        d["units"][0]["key"] = key
        d["patient"]["number"] = "%08d" % self.count
        return d

    def drop_all(self, number):
        """A lab report, and where letters are tried a letter: the names of their files."""
        self.count += 1
        names = [self.source.drop("lab-%02d.json" % number, self.document("05-infection-register.json", "LAB-%02d" % number))]
        if self.settle == "person":
            letter = self.document("14-letter-with-discharge-summary.json", "REF-%02d" % number)
            del letter["units"][0]["attachments"]
            names.append(self.source.drop("letter-%02d.json" % number, letter))
        return names

    def settled(self, name):
        """The result; a person is asked where the status file says so."""
        asked = [False]

        def question():
            result = self.source.has_result(name)
            if result is not None:
                return result
            try:
                with open(self.source.path("out", name + ".status.json"), encoding="utf-8") as f:
                    message = only(json.load(f))
            except (FileNotFoundError, Failure):
                return None
            if message["outcome"] == "unknown" and message["next_step"] == "call_it":
                stands = message["bundle_id"] in self.box.held()
                answer = self.house.cli("resolve", message["message"], "--done" if stands else "--not-done", good=False)
                asked[0] = asked[0] or answer.returncode == 0
            return None
        result = until(question, lambda: "%s of %s ends\n%s" % (name, self.name, self.house.story()))
        return result, asked[0]

    def check(self, name, end):
        result, asked = self.settled(name)
        message = only(result)
        shown = json.dumps(result, ensure_ascii=False)[:1500]
        effects = self.box.effects(message["bundle_id"])
        held = self.box.held(message["bundle_id"]).get(message["bundle_id"])
        if end != "done":
            equal((message["outcome"], message["service"]["code"]), ("refused", end), shown)
            true(message["text"] and message["what_to_do"] and message["next_step"] != "none", "a sentence and a next step: " + shown)
            equal((effects, held), ([], None), "nothing is registered")
            return
        equal(message["outcome"], "done", shown)
        true(effects == ["registered"] or (self.settle == "probe" and effects in (["registered", "changed"],)), "registered exactly once: %s %s" % (name, effects))
        true(held is not None, "the service holds it")
        equal(self.house.sent_digest(message), held["sha256"], "bytes at the service")
        true(not asked or (self.settle == "person" and name.startswith("lab")), "a person was asked about " + name)


def one_fault(clinic, number, fault, end):
    kind, *conditions = fault.split()
    if "reused=yes" in fault:  # a request before it, so that the connection is a used one
        for name in clinic.drop_all(50 + number):
            clinic.settled(name)
    ops = (LAB, LETTER) if clinic.settle == "person" else (LAB,)
    faults = [clinic.box.fault(kind, "op=" + op, "institution=" + clinic.code, *conditions) for op in ops]
    problems = []
    for name in clinic.drop_all(number):
        try:
            clinic.check(name, end)
        except Failure as e:
            problems.append("%s: %s" % (name, e))
    hits = [clinic.box.hits(fault) for fault in faults]
    if sum(hits) == 0 or ("reused=yes" not in conditions and hits != [1] * len(faults)):  # of two at once only one may find a used connection
        problems.append("the fault did not happen: %s" % hits)
    for fault in faults:
        clinic.box.control("fault", "clear", str(fault))
    if problems:
        raise Failure("\n".join(problems))


def clinic_runs(runner, clinic):
    for number, (fault, links, end) in enumerate(FAULTS):
        if clinic.kind in links:
            name = "%s_%s" % (clinic.name, fault.replace(" ", "_").replace("=", "_"))
            runner.run(name, one_fault, clinic, number, fault, end)


def ends_cleanly(house):
    equal(house.stop(), 0, "exit status")


def main():
    runner = Runner("fault")
    with House("fault", profile={"settle_time": "900ms"}) as house:
        codes = ["13100001%02d" % n for n in range(8)]
        clinics = []
        for duplicate in ("refuse", "overwrite"):
            for settle in ("person", "probe"):
                box = house.sandbox("%s_%s" % (duplicate, settle), codes, ("duplicate=" + duplicate,))
                for link in ("web", "folder"):
                    clinics.append(Clinic(house, box, codes[len(clinics)], link, settle))
        house.profiles = {"person": {}, "probe": {"chart-register": "probe"}}
        house.start()
        threads = [threading.Thread(target=clinic_runs, args=(runner, clinic)) for clinic in clinics]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        runner.run("ends_cleanly", ends_cleanly, house)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
