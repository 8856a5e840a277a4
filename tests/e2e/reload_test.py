#!/usr/bin/env python3
"""A source that is taken out of the configuration while requests of it wait: check-config, doctor and the reload say so, and when it is back its files are answered."""
import json
import signal
import sys

from house import House, Runner, equal, true, until

runner = Runner("reload")


def told(house, command):
    return [row for row in json.loads(house.cli(command, "--json", good=False).stdout)["checks"] if row["code"] == "CG-9416"]


def source_taken_out():
    with House("reload", signer="key_file") as house:
        box = house.sandbox()
        house.link("folder", "folder", box)
        house.facility(link="folder", signing="never")
        stays, goes = house.source("stays", box=box), house.source("goes", box=box)
        house.start()
        equal(stays.send("04-lab-register.json")["outcome"], "done", "before")
        house.cli("pause")
        document = goes.request("04-lab-register.json")
        document["units"][0]["key"] = "GOES-1"
        name = goes.drop("waits.json", document)
        until(lambda: any("source=goes" in line and "state=ready" in line for line in house.status_log()), "it waits")
        equal(told(house, "check-config"), [], "nothing is wrong while the source is there")
        section = next(s for s in house.sections if s[0] == "source goes")
        house.sections.remove(section)
        house.write_conf()
        row, = told(house, "check-config")
        true("goes" in row["text"] and "1" in row["text"] and row["what_to_do"], "before the reload: %r" % row)
        house.process.send_signal(signal.SIGHUP)
        until(lambda: any("CG-9416" in line and "goes" in line for line in house.status_log()), "the reload says so")
        equal(len(told(house, "doctor")), 1, "doctor beside the running gateway")
        house.stop()
        equal(len(told(house, "check-config")), 1, "check-config without it")
        equal(len(told(house, "doctor")), 1, "doctor without it")
        house.sections.append(section)
        house.write_conf()
        house.restart()
        house.cli("resume")
        equal(goes.result(name)["outcome"], "done", "the source is back")
        equal(told(house, "check-config"), [], "and all is well")


runner.run("source_taken_out", source_taken_out)
sys.exit(runner.end())
