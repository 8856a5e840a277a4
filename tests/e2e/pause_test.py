#!/usr/bin/env python3
"""Sending is paused: what is ready says so to its vendor, whether it came before the pause or during it, and no longer when sending goes on."""
import os
import sys

from house import House, Runner, equal, only, read_json, true, until

runner = Runner("pause")
FILES = 4


def told(clinic, name):
    """The message of a status file; None while there is none."""
    path = clinic.path("out", name + ".status.json")
    try:
        return only(read_json(path)) if os.path.exists(path) else None
    except FileNotFoundError:
        return None


def drop(clinic, number):
    document = clinic.request("04-lab-register.json")
    document["units"][0]["key"] = "PAUSE-%d" % number
    return clinic.drop("lab-%d.json" % number, document)


def pause_and_resume():
    with House("pause", signer="key_file") as house:
        box = house.sandbox()
        house.link("web", "web", box, sessions=1)
        house.facility(link="web", signing="never")
        clinic = house.source("karte", box=box)
        house.start()
        box.ctl("pause")  # the service takes its time: one is on its way, the others wait for their turn
        names = [drop(clinic, n) for n in range(FILES)]
        until(lambda: len([m for m in house.cli_json("list", "--state", "ready")["messages"]]) == FILES - 1, "all but one are ready")
        until(lambda: [told(clinic, n) is not None for n in names] == [True] * FILES, "each has its status file")
        waiting = [n for n in names if told(clinic, n)["outcome"] == "ready"]
        equal([told(clinic, n).get("code") for n in waiting], [None] * (FILES - 1), "before the pause they only wait for their turn")

        house.cli("pause")
        until(lambda: [told(clinic, n).get("code") for n in waiting] == ["CG-8120"] * (FILES - 1), "those that were ready before say so")
        late = drop(clinic, FILES)
        until(lambda: (told(clinic, late) or {}).get("code") == "CG-8120", "and one that comes during it")
        message = told(clinic, late)
        true("一時停止" in message["text"] and "送り直さず" in message["what_to_do"], "in words that a vendor understands: %s" % message)
        equal((message["outcome"], message["next_step"]), ("ready", "wait"), "and for its program")
        sent = next(n for n in names if n not in waiting)
        true(told(clinic, sent).get("code") != "CG-8120", "what is on its way does not wait for it")
        rows = house.cli_json("list", "--state", "ready")["messages"]
        equal([row["code"] for row in rows], ["CG-8120"] * FILES, "list")
        equal(only(house.cli_json("show", rows[0]["id"]))["code"], "CG-8120", "show")

        house.cli("resume")
        until(lambda: [(told(clinic, n) or {}).get("code") for n in waiting] == [None] * (FILES - 1), "and no longer when sending goes on")
        true(all("code" not in row for row in house.cli_json("list", "--state", "ready")["messages"]), "nor in list")
        box.ctl("resume")
        equal([clinic.result(n)["outcome"] for n in names + [late]], ["done"] * (FILES + 1), "all of them are registered")


if __name__ == "__main__":
    runner.run("and_resume", pause_and_resume)
    sys.exit(runner.end())
