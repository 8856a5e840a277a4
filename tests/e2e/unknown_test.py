#!/usr/bin/env python3
"""Each row of "unknown -> known": how an outcome that nobody knows becomes known, over both links, with the service looked at afterwards.

Two clinics a link: one settles unknown lab reports by a person, one by the probe. Each case has keys and a patient of its own; the clinics run side by side.
"""
import json
import sys
import threading

from house import CLINIC, Failure, House, Runner, equal, only, sample, true, until


class Clinic:
    def __init__(self, house, code, link, settle):
        self.house, self.code, self.link, self.settle = house, code, link, settle
        self.box = house.boxes[settle == "probe"]
        self.name = link + "_" + settle
        house.link(self.name, link, self.box, profile=settle)
        house.facility(code, link=self.name)
        self.source = house.source(self.name, code)
        self.count = 0

    def new(self):
        self.count += 1
        self.files = 0
        return "U-%03d" % self.count

    def document(self, base, key, **unit):
        self.files += 1
        d = json.loads(sample(base).replace(CLINIC.encode(), self.code.encode()))
        d["request_id"] = "%s-%s-%d" % (self.name, key, self.files)
        if "patient" in d:
            d["patient"]["number"] = "%08d" % self.count
        d["units"][0]["key"] = key
        d["units"][0].update(unit)
        d["units"][0].pop("attachments", None)
        return d

    def drop(self, base, key, **unit):
        d = self.document(base, key, **unit)
        return self.source.drop(d["request_id"] + ".json", d)

    def lab(self, key, **unit):
        return self.drop("05-infection-register.json", key, **unit)

    def letter(self, key, **unit):
        return self.drop("14-letter-with-discharge-summary.json", key, **unit)

    def cancel(self, key, kind):
        d = {"request_id": "%s-%s-cancel" % (self.name, key), "institution": {"code": self.code}, "units": [{"kind": kind, "operation": "cancel", "key": key}]}
        return self.source.drop(d["request_id"] + ".json", d)

    def fault(self, kind, op, *conditions):
        self.box.fault(kind, "op=" + op, "institution=" + self.code, *conditions)

    def end(self, name, outcome="done", effects=None, held=None):
        result = self.source.result(name)
        message = only(result)
        equal(message["outcome"], outcome, json.dumps(result, ensure_ascii=False)[:1200])
        if effects is not None:
            equal(self.box.effects(message["bundle_id"]), effects, name)
        if held is not None:
            equal(message["bundle_id"] in self.box.held(), held, name + " at the service")
        return message

    def unknown(self, name):
        """The status file, once it says unknown."""
        def question():
            try:
                with open(self.source.path("out", name + ".status.json"), encoding="utf-8") as f:
                    message = only(json.load(f))
            except (FileNotFoundError, Failure):
                return None
            return message if message["outcome"] == "unknown" else None
        return until(question, lambda: name + " is unknown\n" + self.house.story())

    def resolve(self, message, answer):
        return self.house.cli("resolve", message["message"], answer, good=False)


# ---- rows; each is run for every clinic that it names ----

def letter_there(c):
    c.fault("drop-after", "document.register")
    c.end(c.letter(c.new()), effects=["registered"], held=True)


def letter_not_there(c):
    c.fault("drop-before", "document.register")
    c.end(c.letter(c.new()), effects=["registered"], held=True)


def letter_inquiry_lost_too(c):
    c.fault("drop-after", "document.register")
    c.fault("drop-before", "document.inquire")
    c.end(c.letter(c.new()), effects=["registered"], held=True)


def lab_probe_there(c):
    c.fault("drop-after", "chart.register")
    c.end(c.lab(c.new()), effects=["registered", "changed"], held=True)


def lab_probe_absent(c):
    c.fault("drop-before", "chart.register")
    c.end(c.lab(c.new()), effects=["registered"], held=True)


def lab_probe_lost_too(c):
    c.fault("drop-after", "chart.register")
    c.fault("drop-before", "chart.change")
    c.end(c.lab(c.new()), effects=["registered", "changed"], held=True)


def person_says_done(c):
    c.fault("drop-after", "chart.register")
    name = c.lab(c.new())
    m = c.unknown(name)
    until(lambda: c.unknown(name)["next_step"] == "call_it", "a next step for a person")
    true(m["text"], "a sentence")
    equal(c.resolve(m, "--done").returncode, 0, "resolve --done")
    c.end(name, effects=["registered"], held=True)
    true(c.resolve(m, "--not-done").returncode != 0, "a settled outcome cannot be resolved again")


def person_says_not_done(c):
    c.fault("drop-before", "chart.register")
    name = c.lab(c.new())
    m = c.unknown(name)
    if c.link == "web":  # in the folder the time for an answer is longer than the one after which nothing takes effect any more
        true(c.resolve(m, "--not-done").returncode != 0, "too early: it could still take effect")
    until(lambda: c.resolve(m, "--not-done").returncode == 0, "resolve --not-done once it is settled")
    c.end(name, effects=["registered"], held=True)


def change_done_unseen(c):
    key = c.new()
    first = c.end(c.lab(key), effects=["registered"])
    c.fault("drop-after", "chart.change")
    again = c.end(c.lab(key, operation="change", comment="二版"), held=True)
    equal(again["bundle_id"], first["bundle_id"], "Bundle-ID")
    equal(c.box.effects(first["bundle_id"]), ["registered", "changed", "changed"], "the same bytes again")
    equal(c.house.sent_digest(again), c.box.held()[first["bundle_id"]]["sha256"], "the change stands")


def change_not_done(c):
    key = c.new()
    c.end(c.lab(key), effects=["registered"])
    c.fault("drop-before", "chart.change")
    c.end(c.lab(key, operation="change", comment="二版"), effects=["registered", "changed"], held=True)


def cancel_done_unseen(c):
    key = c.new()
    c.end(c.lab(key), effects=["registered"])
    c.fault("drop-after", "chart.cancel")
    c.end(c.cancel(key, "lab_report"), effects=["registered", "cancelled"], held=False)


def cancel_not_done(c):
    key = c.new()
    c.end(c.lab(key), effects=["registered"])
    c.fault("drop-before", "chart.cancel")
    c.end(c.cancel(key, "lab_report"), effects=["registered", "cancelled"], held=False)


def cancel_behind_what_stands(c):
    """The cancel of an unknown register goes at once and settles it."""
    key = c.new()
    c.fault("drop-after", "chart.register")
    name = c.lab(key)
    c.unknown(name)
    c.end(c.cancel(key, "lab_report"), effects=["registered", "cancelled"], held=False)
    c.end(name, "done")


def cancel_behind_what_never_was(c):
    key = c.new()
    c.fault("drop-before", "chart.register")
    name = c.lab(key)
    c.unknown(name)
    c.end(c.cancel(key, "lab_report"), "done", effects=[], held=False)
    c.end(name, "withdrawn")


def cancel_behind_an_unknown_letter(c):
    key = c.new()
    c.fault("drop-after", "document.register")
    c.fault("drop-before", "document.inquire", "times=0")
    name = c.letter(key)
    c.unknown(name)
    c.end(c.cancel(key, "letter"), effects=["registered", "cancelled"], held=False)
    c.end(name, "done")


def already_there(c):
    """A register that was answered "not taken" although it was: the second attempt is told "already there", and that is proof."""
    c.fault("http-after", "chart.register", "n=429")
    c.end(c.lab(c.new()), effects=["registered"], held=True)


def withdrawn_before_it_left(c):
    key = c.new()
    c.box.control("pause")
    try:
        first = c.lab(key)  # the one that keeps the only session of its key busy
        until(lambda: c.source.has_result(first) or any("sending" in line for line in c.house.status_log()), "sending")
        second = c.lab(key, operation="change", comment="二版")
        gone = c.cancel(key, "lab_report")
        c.end(second, "withdrawn")
    finally:
        c.box.control("resume")
    c.end(first, "done")
    c.end(gone, "done", effects=["registered", "cancelled"], held=False)


ROWS = {
    "person": [letter_there, letter_not_there, letter_inquiry_lost_too, person_says_done, person_says_not_done, change_done_unseen, change_not_done, cancel_done_unseen,
               cancel_not_done, cancel_behind_what_stands, cancel_behind_what_never_was, cancel_behind_an_unknown_letter],
    "probe": [lab_probe_there, lab_probe_absent, lab_probe_lost_too],
}


def clinic_runs(runner, clinic):
    for row in ROWS[clinic.settle] + ([already_there] if clinic.link == "web" and clinic.settle == "probe" else []):
        runner.run("%s_%s" % (clinic.link, row.__name__), row, clinic)


def main():
    runner = Runner("unknown")
    with House("unknown", profile={"settle_time": "900ms"}) as house:
        codes = ["13100002%02d" % n for n in range(4)]
        house.profiles = {"person": {}, "probe": {"chart-register": "probe"}}
        for settle in house.profiles:  # one link for one folder
            house.sandbox(settle, codes)
        clinics = [Clinic(house, code, link, settle) for code, (link, settle) in zip(codes, [(a, b) for a in ("web", "folder") for b in ("person", "probe")])]
        house.start()
        threads = [threading.Thread(target=clinic_runs, args=(runner, clinic)) for clinic in clinics]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for clinic in clinics:
            if clinic.settle == "person":
                runner.run("%s_withdrawn_before_it_left" % clinic.link, withdrawn_before_it_left, clinic)
        runner.run("ends_cleanly", lambda: equal(house.stop(), 0, "exit status"))
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
