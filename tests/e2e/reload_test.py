#!/usr/bin/env python3
"""A source that is taken out of the configuration while requests of it wait: check-config, doctor and the reload say so, and when it is back its files are answered.
A reload with FHIR profiles that no worker can open is refused before anything is stopped. Sets of packages are made, listed and removed."""
import json
import os
import signal
import sys

from house import CORE, House, Runner, equal, sample, true, until, write_package

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
        with open(house.errors, encoding="utf-8") as f:
            true("CG-9414" in f.read(), "the log says that a key file is for tests")
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


def alarms_end():
    """A reload replaces the doors without alarming anybody; an alarm ends under the code of its beginning, without a next step, and as soon as its cause is gone."""
    with House("reload", signer="attended") as house:
        box = house.sandbox()
        house.link("web", "web", box)
        house.link("folder", "folder", box)
        house.facility(link="web")
        clinic = house.source("karte", box=box)
        house.start()
        house.process.send_signal(signal.SIGHUP)
        until(lambda: any("CG-9006" in line for line in house.status_log()), "reloaded")
        equal(clinic.send("04-lab-register.json")["outcome"], "done", "after the reload")
        until(lambda: all(link["up"] for link in page(house)["links"]), "both links are back")
        equal([line for line in house.status_log() if "state=alarm" in line or "state=cleared" in line], [], "nobody was alarmed")
        for name in ("06-letter-key-image.png", "06-letter-ecg.pdf", "06-letter-register.json"):
            clinic.drop(name, sample(name))
        waits = until(lambda: [line for line in house.status_log() if "state=to_sign" in line], "the letter waits")[0]
        true("CG-8103" in waits and "clinsgw sign" in waits, "and says for what: " + waits)
        box.fault("drop-after", "op=chart.register")
        document = clinic.request("04-lab-register.json")
        document["units"][0]["key"] = "ASK-1"
        clinic.drop("ask.json", document)
        number = until(lambda: json.loads(house.cli("list", "--state", "unknown", "--json").stdout)["messages"], "unknown")[0]["id"]
        until(lambda: any("CG-8115" in line and "state=alarm" in line for line in house.status_log()), "a person is asked")
        house.cli("resolve", number, "--done")
        over = until(lambda: [line for line in house.status_log() if "CG-8115" in line and "state=cleared" in line], "and no longer", 3)[0]
        true("次に" not in over and "解消" in over, over)
        house.cli("pause")
        house.cli("resume")
        over = until(lambda: [line for line in house.status_log() if "state=cleared" in line and "CG-8213" in line], "resumed")[0]
        true("次に" not in over, over)


def refused():
    """A wrong file is refused, the old one stays in force, and the commands go on to work beside it."""
    with House("reload", signer="key_file") as house:
        box = house.sandbox()
        house.link("folder", "folder", box)
        house.facility(link="folder", signing="never")
        clinic = house.source("karte", box=box)
        house.start()
        with open(house.conf, encoding="utf-8") as f:
            good = f.read()
        with open(house.conf, "w", encoding="utf-8") as f:
            f.write(good.replace('signing = "never"', 'signing = "maybe"\nprefer_after = "soon"'))
        house.process.send_signal(signal.SIGHUP)
        until(lambda: any("CG-9007" in line for line in house.status_log()), "refused")
        with open(house.errors, encoding="utf-8") as f:
            told = [line for line in f if "CG-1004" in line]
        equal([key in line and house.conf + ":" in line for key, line in zip(("signing", "prefer_after"), told)], [True, True], "every mistake is in the log, with its place: %s" % told)
        p = until(lambda: (lambda p: p if p.returncode == 0 else None)(house.cli("status", good=False)), "the links are up")
        true(p.stdout.startswith(b"OK") and b"CG-1004" in p.stderr and b"signing" in p.stderr, "%r" % p)
        equal(page(house)["links"][0]["up"], True, "as JSON")
        equal(clinic.send("04-lab-register.json")["outcome"], "done", "the old one stays in force")
        for program in ("clinsgw-convert", "clinsgw-link", "clinsgw-spool"):
            until(lambda p=program: house.kill(p), program)
        again = clinic.request("04-lab-register.json")
        again["units"][0]["key"] = "AGAIN"
        equal(clinic.send("again.json", again)["outcome"], "done", "also for a process that is started anew beside the wrong file")
        equal(house.cli("cancel", "1", good=False).returncode, 0, "and commands are obeyed")
        equal(house.cli("doctor", good=False).returncode, 78, "doctor needs the whole file")


def page(house):
    return json.loads(house.cli("status", "--json", good=False).stdout)


# A code list that lacks what the sample sends.
MASTER = "system\thttp://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS\n0\tnothing\n"


def codes(answer):
    return [json.loads(answer.stdout)["code"], answer.returncode]


def bad_image():
    with House("reload-image", signer="key_file") as house:
        box = house.sandbox()
        house.link("folder", "folder", box)
        house.facility(link="folder", signing="never")
        source = house.source("one", box=box)
        house.gateway["fhir_dir"] = fhir = os.path.join(house.folder, "not", "there", "fhir")
        house.start()
        for name, resources in (("core", [CORE]), ("bare", [])):
            write_package(os.path.join(house.folder, name + ".tgz"), name, resources)
            house.cli("package", "add", os.path.join(house.folder, name + ".tgz"))
        package = lambda *words: house.cli("--json", "package", *words, good=False)
        equal(codes(package("add", os.path.join(house.folder, "core.tgz"))), ["CG-5194", 1], "the same package twice")
        equal(codes(package("use", "--set", "mine", "bare-1.0.0.tgz")), ["CG-5199", 1], "a set without the R4 core")
        equal([row.get("set") for row in json.loads(package("list").stdout)], [None, None], "is not made")
        house.cli("package", "use", "--set", "mine", "core-1.0.0.tgz")
        listed = house.cli("--lang", "en", "package", "list").stdout.decode().splitlines()
        equal([line.split()[0] for line in listed if line], ["PACKAGE", "bare-1.0.0.tgz", "core-1.0.0.tgz", "SET", "mine"], "list with headings")

        doors = house.doors()

        def reload_says(refused, reason):
            before = len([line for line in house.status_log() if "CG-9007" in line or "CG-9006" in line])
            house.process.send_signal(signal.SIGHUP)
            until(lambda: len([line for line in house.status_log() if "CG-9007" in line or "CG-9006" in line]) > before, "an answer to SIGHUP")
            last = [line for line in house.status_log() if "CG-9007" in line or "CG-9006" in line][-1]
            equal("CG-9007" in last, refused, last)
            with open(house.errors, encoding="utf-8") as f:
                true(reason is None or reason in f.read(), "the reason %s" % reason)

        def outcome_of(name):
            """Of a new report; the code of the first mistake where there is one."""
            document = source.request("04-lab-register.json")
            document["units"][0]["key"] = name.upper()
            result = source.result(source.drop(name + ".json", document))
            mistakes = [i["code"] for i in result["issues"] + [i for m in result["messages"] for i in m["issues"]] if i["severity"] == "error"]
            return mistakes[0] if mistakes else result["outcome"]

        image = os.path.join(fhir, "sets", "mine.image")
        with open(image, "r+b") as f:
            f.seek(100)
            f.write(b"\x55\x55")
        for name, reason in (("nobody", "CG-5197"), ("mine", "CG-5190")):
            house.gateway["fhir_set"] = name
            house.write_conf()
            reload_says(True, reason)
            equal(house.doors(), doors, "the old workers work on")
            equal(outcome_of(name), "done", "and take files")
        equal(codes(package("remove", "--set", "mine")), ["CG-9316", 1], "the set that the configuration names")
        house.cli("package", "refresh")
        reload_says(False, None)
        true(not set(house.doors()) & set(doors), "new workers")
        del house.gateway["fhir_set"]
        house.write_conf()
        reload_says(False, None)
        house.gateway["master_dir"] = masters = os.path.join(house.folder, "masters")
        os.makedirs(masters)
        for text, refused, outcome in (("system\tno tab here", False, "done"), ("not a head", True, "done"), (MASTER, False, "CG-5164")):
            with open(os.path.join(masters, "items.tsv"), "w", encoding="utf-8") as f:
                f.write(text)
            house.write_conf()
            reload_says(refused, "CG-1013" if refused else None)
            equal(any(row["code"] == "CG-1013" for row in json.loads(house.cli("check-config", "--json", good=False).stdout)["checks"]), refused, "check-config")
            equal(outcome_of("master%d" % len(text)), outcome, text)
        equal(json.loads(package("remove", "--set", "mine").stdout), [{"set": "mine"}], "removed")
        equal(codes(package("remove", "--set", "mine")), ["CG-5197", 1], "removed twice")
        house.cli("package", "remove", "core-1.0.0.tgz", "bare-1.0.0.tgz")
        equal(json.loads(package("list").stdout), [], "nothing left")


runner.run("source_taken_out", source_taken_out)
runner.run("alarms_end", alarms_end)
runner.run("refused", refused)
runner.run("bad_image", bad_image)
sys.exit(runner.end())
