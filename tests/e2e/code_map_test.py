#!/usr/bin/env python3
"""Local codes: sent as uncoded with a warning and a line in the work list; with the clinic's code map under their standard code, the chart's own term kept. A map
that cannot be read is refused with its line, and the old one stays in force."""
import base64
import json
import os
import signal
import sys

from house import House, Runner, equal, only, true, until

CRP = "5C070000002399801"


def uncoded(house, *words):
    return json.loads(house.cli("uncoded", "--json", *words).stdout)["uncoded"]


def reload(house, wanted):
    before = len(house.status_log())
    house.write_conf()
    house.process.send_signal(signal.SIGHUP)
    until(lambda: any(wanted in line for line in house.status_log()[before:]), wanted)


def lab(clinic, key):
    document = clinic.request("04-lab-register.json")
    document["units"][0]["key"] = key
    return document


def warned(result):
    return sorted(i["text"].split("（")[0] for i in only(result)["issues"] if i["code"] == "CG-3180")


def local_codes():
    with House("codes", signer="key_file") as house:
        box = house.sandbox()
        house.link("web", "web", box)
        house.facility(link="web", signing="never")
        clinic = house.source("karte")
        house.start()
        equal(uncoded(house), [], "nothing yet")
        first = clinic.send("a.json", lab(clinic, "MAP-1"))
        equal(warned(first), ["「CRP」", "「尿沈渣 赤血球」", "「血液像所見」"], "three local codes")
        clinic.send("b.json", lab(clinic, "MAP-2"))
        row = next(r for r in uncoded(house) if r["local_code"] == "0044")
        equal((row["facility"], row["list"], row["term"], row["times"]), (clinic.code, "jlac10_core", "CRP", 2), "a line of the work list: %s" % row)
        text = house.cli("uncoded", "--lang", "en").stdout.decode()
        true(len(text.splitlines()) == 3 and "0044" in text and "x2" in text, text)
        equal(uncoded(house, "--facility", "1311111111"), [], "of another clinic")

        path = os.path.join(house.folder, "codes.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("list,local_code,material,code,name\njlac10,0044,,%s,\n" % CRP)
        facility = next(keys for head, keys in house.sections if head.startswith("facility"))
        facility["code_map"] = path
        house.write_conf()
        equal(json.loads(house.cli("check-config", "--json").stdout)["checks"][-1]["code"], "CG-9401", "check-config")
        reload(house, "CG-9006")
        mapped = clinic.send("c.json", lab(clinic, "MAP-3"))
        equal(warned(mapped), ["「尿沈渣 赤血球」", "「血液像所見」"], "CRP has its code now")
        held = box.held(only(mapped)["bundle_id"], data=True)[only(mapped)["bundle_id"]]
        codes = [e["resource"]["code"] for e in json.loads(base64.b64decode(held["bytes"]))["entry"] if e["resource"]["resourceType"] == "Observation"]
        crp = next(c for c in codes if c["text"] == "CRP")
        true(CRP in [c["code"] for c in crp["coding"]] and "0044" in [c["code"] for c in crp["coding"]], "both codes: %s" % crp)
        tried = clinic.result(clinic.drop("d.json", lab(clinic, "MAP-4"), place="try"), place="try")
        true("「CRP」" not in str(tried["messages"][0]["issues"]), "a dry run asks the map, too")

        with open(path, "a", encoding="utf-8") as f:
            f.write("jlac10,0912,,123,\n")
        told = json.loads(house.cli("check-config", "--json", good=False).stdout)["checks"]
        equal([c["place"] for c in told if c["code"] == "CG-4101"], [path + ":3"], "the wrong line: %s" % told)
        reload(house, "CG-9007")
        equal(warned(clinic.send("e.json", lab(clinic, "MAP-5"))), ["「尿沈渣 赤血球」", "「血液像所見」"], "the old map stays in force")
        house.stop()
        true(any(r["local_code"] == "0912" for r in uncoded(house)), "the work list of a stopped gateway")


runner = Runner("code_map")
runner.run("local_codes", local_codes)
sys.exit(runner.end())
