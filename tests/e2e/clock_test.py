#!/usr/bin/env python3
"""A gateway whose wall clock is wrong: nothing is converted or sent, it says so with the next step, and it goes on when the clock is right or a person says that it is."""
import json
import os
import sys

from house import INSTRUMENTED, House, Runner, equal, true, until

FAKETIME = next((p for p in ("/usr/lib/%s/faketime/libfaketimeMT.so.1" % a for a in ("x86_64-linux-gnu", "aarch64-linux-gnu")) if os.path.exists(p)), None)
runner = Runner("clock")


def live(house, days):
    """Stops the gateway and starts it with a wall clock that is so many days off."""
    if house.process is not None:
        house.stop()
    for key in ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"):
        house.env.pop(key, None)
    if days:
        house.env.update(LD_PRELOAD=FAKETIME, FAKETIME="%+dd" % days, FAKETIME_DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1")
    house.start() if house.process is None else house.restart()


def alarms(house):
    plain = {k: v for k, v in house.env.items() if k != "LD_PRELOAD"}
    mine, house.env = house.env, plain
    try:
        return {a["code"]: a for a in json.loads(house.cli("status", "--json", good=False).stdout)["alarms"]}
    finally:
        house.env = mine


def lab(clinic, key):
    document = clinic.request("04-lab-register.json", request_id=key)
    document["units"][0]["key"] = key
    return document


def wrong(days):
    if FAKETIME is None:
        return "libfaketime is not installed"
    if INSTRUMENTED:
        return "libfaketime and sanitizers do not load together"
    with House("clock", signer="key_file") as house:
        box = house.sandbox()
        house.link("folder", "folder", box)
        house.facility(link="folder", signing="never")
        clinic = house.source("karte", box=box)
        live(house, 0)
        equal(clinic.send("04-lab-register.json")["outcome"], "done", "with a clock that is right")
        live(house, days)
        told = until(lambda: alarms(house).get("CG-8214"), "the alarm")
        true("clinsgw resume --clock" in str(told), "the next step names the command: %r" % told)
        equal(house.cli("status", good=False).returncode, 2, "exit status for the monitoring")
        first = clinic.drop("waits.json", lab(clinic, "CLOCK-1"))
        waiting = lambda: os.path.exists(clinic.path("out", first + ".status.json")) and "CG-8119" in open(clinic.path("out", first + ".status.json"), encoding="utf-8").read()
        until(waiting, "the vendor is told why it waits")
        live(house, 0)
        equal(clinic.result(first)["outcome"], "done", "the clock is right again")
        live(house, days)
        until(lambda: alarms(house).get("CG-8214"), "the alarm again")
        second = clinic.drop("believed.json", lab(clinic, "CLOCK-2"))
        house.cli("resume", "--clock")
        equal(clinic.result(second)["outcome"], "done", "a person says that the clock is right")
        true("CG-8214" not in alarms(house), "the alarm has ended")
        return None


for name, days in (("behind", -3), ("years_ahead", 3 * 366)):
    runner.run(name, wrong, days)
sys.exit(runner.end())
