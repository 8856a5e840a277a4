#!/usr/bin/env python3
"""kill -9 of each process at random moments while 200 files flow over both links: nothing is lost, nothing is doubled, every file gets its result, and the
chain of events verifies. The moments come from a seed (CLINSGW_SEED, printed when something fails)."""
import json
import os
import random
import sys

from house import BIN, CLINIC, PAUSE, House, Runner, equal, only, sample, true, until

FILES = 200
PROGRAMS = ("clinsgwd", "clinsgw-spool", "clinsgw-convert", "clinsgw-sign", "clinsgw-link")
ROUNDS = 3
SEED = int(os.environ.get("CLINSGW_SEED", "20261121"))
OTHER = "1318814790"


def documents(code, count):
    """Mostly lab reports, every tenth a letter, every seventh a list: each of a patient of its own."""
    lab, letter, allergies = (json.loads(sample(n).replace(CLINIC.encode(), code.encode())) for n in
                              ("05-infection-register.json", "14-letter-with-discharge-summary.json", "03-allergies-current.json"))
    del letter["units"][0]["attachments"]
    for number in range(count):
        d = json.loads(json.dumps(letter if number % 10 == 3 else allergies if number % 7 == 2 else lab))
        d["request_id"] = "KILL-%s-%d" % (code, number)
        d["patient"]["number"] = "%08d" % number
        if "key" in d["units"][0]:
            d["units"][0]["key"] = "K-%d" % number
        yield "file-%03d.json" % number, d


def flow(house, sources, dice):
    """Drops everything bit by bit; between the drops processes die."""
    files = [(s, name, d) for s in sources for name, d in documents(s.code, FILES // len(sources))]
    dice.shuffle(files)
    kills = [p for p in PROGRAMS for _ in range(ROUNDS)]
    dice.shuffle(kills)
    every = len(files) // (len(kills) + 1)
    for number, (source, name, document) in enumerate(files):
        source.drop(name, document)
        if number % every == every - 1 and kills:
            PAUSE.wait(dice.uniform(0, 0.25))
            program = kills.pop()
            until(lambda p=program: house.kill(p), program + " is there to be killed")
            if program == "clinsgwd":
                house.restart()
    return files


def killed_twice(files, results):
    """A file in whose hands two workers were killed is rejected (CG-8001), as one that kills them would be: the vendor drops it again."""
    twice = {}
    for s, name, document in files:
        if results[(s.name, name)]["outcome"] == "rejected" and only(results[(s.name, name)])["code"] == "CG-8001":
            twice.setdefault(s.name, []).append(name)
            s.drop("again-" + name, document)
            results[(s.name, name)] = s.result("again-" + name, seconds=150)
    return twice


def nothing_lost_or_doubled(house, sources):
    dice = random.Random(SEED)
    try:
        files = flow(house, sources, dice)
        results = {(s.name, name): s.result(name, seconds=150) for s, name, _ in files}
        twice = killed_twice(files, results)
        check(house, sources, results, twice)
    except Exception:
        print("     seed %d" % SEED)
        raise


def check(house, sources, results, twice):
    wanted = set()
    for key, result in results.items():
        message = only(result)
        equal(result["outcome"], "done", "%s: %s" % (key, json.dumps(result, ensure_ascii=False)[:800]))
        wanted.add(message["bundle_id"])
        effects = house.box.effects(message["bundle_id"])
        true(effects in (["registered"], ["registered", "changed"]), "%s: %s" % (key, effects))  # changed: the probe of an unknown one
    equal(len(wanted), FILES, "Bundle-IDs")
    equal(set(house.box.held()), wanted, "what the service holds")
    for s in sources:
        equal(sorted(os.listdir(s.path("in"))), [], "in/ of " + s.name)
        until(lambda folder=s.path(".work"): os.listdir(folder) == [], ".work/ of %s is empty" % s.name)
        equal(len([n for n in os.listdir(s.path("done"))]), FILES // len(sources), "done/ of " + s.name)
        equal(sorted(os.listdir(s.path("error"))), sorted(twice.get(s.name, [])), "error/ of " + s.name)
        equal(len([n for n in os.listdir(s.path("out")) if n.endswith(".result.json")]), FILES // len(sources) + len(twice.get(s.name, [])), "results of " + s.name)


def chain_verifies(house):
    """The state of everything is the fold of its events."""
    equal(house.stop(), 0, "exit status")
    p = house.cli("doctor", good=False)
    equal(p.returncode, 0, p.stdout.decode() + p.stderr.decode())


def doors_with_a_fresh_card(house):
    """The programs, but each sign door has a copy of the token of its own: SoftHSM empties its token file before it writes it at each log-in, so that a kill in
    between leaves no token, which no card would do."""
    folder = os.path.join(house.folder, "doors")
    os.mkdir(folder)
    for name in os.listdir(BIN):
        if name != "clinsgw-sign":
            os.symlink(os.path.join(BIN, name), os.path.join(folder, name))
    script = os.path.join(folder, "clinsgw-sign")
    with open(script, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\ncard=$(mktemp -d %s/card-XXXXXX) && cp -r %s/token/tokens $card/tokens || exit 70\n"
                "printf 'directories.tokendir = %%s/tokens\\nobjectstore.backend = file\\nlog.level = ERROR\\nslots.removable = true\\n' $card > $card/softhsm2.conf\n"
                "SOFTHSM2_CONF=$card/softhsm2.conf exec %s/clinsgw-sign \"$@\"\n" % (house.folder, house.pki, BIN))
    os.chmod(script, 0o755)
    return folder


def main():
    runner = Runner("kill")
    with House("kill", profile={"settle_time": "1s"}, signer="pkcs11") as house:
        house.gateway["doors_dir"] = doors_with_a_fresh_card(house)
        house.profiles = {"test": {"chart-register": "probe"}}
        house.sandbox(institutions=(OTHER,))
        house.link("web", "web", house.box)
        house.link("terminal", "folder", house.box)
        house.facility(CLINIC, link="web")
        house.facility(OTHER, link="terminal")
        sources = [house.source("karte", CLINIC), house.source("lab", OTHER)]
        house.start()
        runner.run("nothing_lost_or_doubled", nothing_lost_or_doubled, house, sources)
        runner.run("chain_verifies", chain_verifies, house)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
