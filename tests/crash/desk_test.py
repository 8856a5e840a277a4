#!/usr/bin/env python3
"""The joints of the desk: what it has in hand when it is told to read its configuration anew, to stop, or when its disk is full. No message may become unknown
for a reason that lies in the house, and nothing may wait for ever."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from house import CLINIC, House, Runner, equal, only, sample, true, until  # noqa: E402

LAB = json.loads(sample("05-infection-register.json"))


def document(key):
    d = json.loads(json.dumps(LAB))
    d["request_id"] = "DESK-" + key
    d["units"][0]["key"] = key
    d["patient"]["number"] = "%08d" % (sum(key.encode()) * 131 % 100000000)
    return d


def letter(key):
    d = json.loads(sample("06-letter-register.json"))
    d["request_id"] = "DESK-" + key
    d["units"][0]["key"] = key
    d["units"][0].pop("attachments")
    return d


def all_registered_once(house, source, names):
    for name in names:
        message = only(source.result(name))
        equal(message["outcome"], "done", name)
        equal(house.box.effects(message["bundle_id"]), ["registered"], name)
    unknown = [line for line in house.status_log() if "state=unknown" in line]
    equal(unknown, [], "nothing became unknown")


def reload_while_sending(house, source):
    """Calls that are under way are heard to their end; what waits goes on behind the new doors."""
    fault = house.box.fault("slow", "ms=120", "times=0")
    names = []
    for number in range(40):
        names.append(source.drop("reload-%02d.json" % number, document("R%02d" % number)))
        if number % 10 == 9:
            until(lambda: house.box.hits(fault) > len(names) // 4, "calls are under way")
            house.process.send_signal(signal.SIGHUP)
    all_registered_once(house, source, names)


def stop_while_sending(house, source):
    """A stop is no crash: whose answer could still be heard is not unknown afterwards."""
    names = [source.drop("stop-%02d.json" % n, document("S%02d" % n)) for n in range(24)]
    until(lambda: any(source.has_result(n) for n in names), "the first result")
    equal(house.stop(), 0, "exit status")
    house.restart()
    all_registered_once(house, source, names)


def trials_beside_files(house, source):
    """Orders of try/ and of in/ are out at the same worker and never taken for each other."""
    names = []
    for number in range(30):
        source.drop("trial-%02d.json" % number, document("T%02d" % number), place="try")
        names.append(source.drop("beside-%02d.json" % number, document("B%02d" % number)))
    all_registered_once(house, source, names)
    for number in range(30):
        source.result("trial-%02d.json" % number, place="try")
        until(lambda n=number: os.path.exists(source.path("try", "trial-%02d.json.bundle.json" % n)), "the Bundle of a trial")


def trials_outlive_their_worker(house, source):
    names = [source.drop("again-%02d.json" % n, document("A%02d" % n), place="try") for n in range(12)]
    until(lambda: house.kill("clinsgw-convert"), "a worker is there to be killed")
    for name in names:
        source.result(name, place="try")


def order_named_after_its_file(house, source):
    """The outcome of an operator's order stands beside the vendor's file, under its name."""
    message = only(source.send("order.json", document("ORDER")))
    house.cli("cancel", message["message"])
    until(lambda: [n for n in os.listdir(source.path("out")) if n.startswith("order.json.") and n.endswith(".result.json") and n != "order.json.result.json"],
          "order.json.N.result.json")


def status_goes_with_the_result(house, source):
    """Whoever dies when the result is there: the file that says what is waited for does not stay beside it."""
    for victim in ("clinsgwd", "clinsgw-spool", None):
        house.cli("pause")
        name = source.drop("status-%s.json" % victim, document("ST-%s" % victim))
        status = source.path("out", name + ".status.json")
        until(lambda: os.path.exists(status), "the status file")
        house.cli("resume")
        source.result(name)
        if victim is None:
            house.stop()
        else:
            house.kill(victim)
        if victim != "clinsgw-spool":
            house.restart()
        until(lambda: not os.path.exists(status), "the status file is gone")
        until(lambda: os.path.exists(source.path("done", name)), "and the file is filed")
        true(source.has_result(name), "the result stays")


def unreadable_attachment_comes_back(house, source):
    """Nothing of the vendor's stays behind in .work/."""
    d = json.loads(sample("14-letter-with-discharge-summary.json"))
    d["request_id"], d["units"][0]["key"] = "DESK-LINK", "LINK"
    d["units"][0]["attachments"] = [{"kind": "key_image", "title": "画像", "file": "picture.png"}]
    os.symlink("/etc/hostname", source.path("in", "picture.png"))
    equal(source.send("with-a-link.json", d)["outcome"], "rejected", "an attachment that is a link")
    until(lambda: os.listdir(source.path(".work")) == [], ".work/ is empty")
    true(os.path.islink(source.path("error", "picture.png")), "it is back")


def workers_die_innocent(house, source):
    """A worker that is killed again and again while files flow: none of them is to blame."""
    names = []
    for number in range(60):
        names.append(source.drop("worker-%02d.json" % number, document("W%02d" % number)))
        if number % 10 == 9:
            until(lambda: house.kill("clinsgw-convert"), "a worker is there to be killed")
            until(lambda: all(map(source.has_result, names)), "its successor does what is left")  # the same file twice would be the file's fault
    all_registered_once(house, source, names)


@contextlib.contextmanager
def small_disk(house, folder, options):
    """A disk of its own below the house, which is ended before it goes. False: no file system can be mounted here."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield mounted
    finally:
        if house.process is not None and house.process.poll() is None:
            house.process.kill()
            house.process.wait()
        if mounted:
            subprocess.run(["umount", "-l", folder])


def disk_full():
    """The store's disk is full: nothing is taken in, nothing ends, and when there is room again everything goes on."""
    with House("full", signer="key_file", gateway={"ballast": "4MB", "low_water_intake": "2MB", "low_water_send": "1MB"}) as house:
        with small_disk(house, house.state, "size=24m") as mounted:
            if not mounted:
                return "no file system can be mounted here"
            house.profiles = {"test": {"chart-register": "probe"}}  # an answer that could not be kept leaves an unknown one behind: asked about, never believed
            house.sandbox()
            house.link("web", "web", house.box)
            house.facility(CLINIC, link="web")
            source = house.source("karte")
            house.start()
            source.send("first.json", document("F0"))
            names = [source.drop("full-%02d.json" % n, document("F%02d" % n)) for n in range(1, 30)]
            filler = os.path.join(house.state, "filler")
            with contextlib.suppress(OSError), open(filler, "ab", buffering=0) as f:
                while True:
                    f.write(b"\0" * 65536)
            until(lambda: not os.path.exists(os.path.join(house.state, "ballast")), "the ballast is given up")
            names.append(source.drop("late.json", document("LATE")))
            true(house.process.poll() is None, lambda: "it lives on\n" + house.story())
            os.unlink(filler)
            for name in names:
                message = only(source.result(name))
                equal(message["outcome"], "done", name)
                true(house.box.effects(message["bundle_id"]) in (["registered"], ["registered", "changed"]), name)
            equal(house.stop(), 0, "exit status")
    return None


@contextlib.contextmanager
def waiting_letter(name):
    """A house whose sending is paused, with one letter that is ready: the house, its source, the file's name and the message."""
    with House(name, signer="key_file") as house:
        house.link("out", "sink")
        house.facility(CLINIC, link="out")
        source = house.source("karte")
        house.start()
        house.cli("pause")
        dropped = source.drop(name + ".json", letter(name.upper()))
        yield house, source, dropped, until(lambda: house.cli_json("list", "--state", "ready")["messages"], "the letter waits to be sent")[0]


def damage(house, old, new):
    """What a bad disk does to what the stopped gateway has stored: the texts that hold the one hold the other."""
    equal(house.stop(), 0, "exit status")
    with contextlib.closing(sqlite3.connect(os.path.join(house.state, "store.db"))) as db:
        changed = db.execute("UPDATE content SET bytes = CAST(replace(CAST(bytes AS TEXT), ?, ?) AS BLOB) WHERE CAST(bytes AS TEXT) LIKE ?", (old, new, "%" + old + "%")).rowcount
        db.commit()
    true(changed > 0, "nothing is damaged")


def damaged_outcome():
    """The result itself is damaged before its folder is there again: it is made once more from the rows."""
    with waiting_letter("outcome") as (house, source, name, row):
        os.rename(source.root, source.root + ".gone")
        until(lambda: house.kill("clinsgw-spool"), "the door that has the folder open")
        house.cli("resume")
        until(lambda: house.cli_json("show", row["id"])["state"] == "closed", "the result waits for its folder")
        damage(house, '"outcome.json"', '"outgone.json"')
        os.rename(source.root + ".gone", source.root)
        house.restart()
        message = only(source.result(name))
        equal((source.has_result(name)["file"], message["outcome"]), (name, "done"), "the result")
        until(lambda: house.cli_json("show", row["id"])["state"] == "answered", "its end")
        with open(house.errors, encoding="utf-8") as f:
            text = f.read()
        true("CG-8506" in text and "CG-9001" not in text, "the disk is to blame, no door:\n" + text)


def damaged_findings():
    """The disk has damaged what is told beside a result: the result is told all the same, once, and the others are not held up."""
    with waiting_letter("damaged") as (house, source, name, row):
        true(only(house.cli_json("show", row["id"]))["findings"], "there is something to tell")
        damage(house, '[{"code":"CG-', '[{"cods":"CG-')
        house.restart()
        equal([f["code"] for f in only(house.cli_json("show", row["id"]))["findings"]], ["CG-8506"], "show tells the rest")
        house.cli("resume")
        message = only(source.result(name))
        equal((message["outcome"], [i["severity"] for i in message["issues"]]), ("done", ["warning"]), "the result")
        equal(only(source.send("other.json", letter("OTHER")))["outcome"], "done", "another letter")
        with open(house.errors, encoding="utf-8") as f:
            text = f.read()
        true("CG-8506" in text and text.count("CG-8506") < 4, "it is told, not again and again:\n" + text)


def large_for_the_disk():
    """There is room for rows, and none for a large Bundle: that is no fault of the file, however often it is tried."""
    with House("large", signer="key_file", gateway={"ballast": "0", "low_water_intake": "0", "low_water_send": "0"}) as house:
        with small_disk(house, house.state, "size=32m") as mounted:
            if not mounted:
                return "no file system can be mounted here"
            house.link("out", "sink")
            house.facility(CLINIC, link="out")
            source = house.source("karte")
            house.start()
            equal(only(source.send("first.json", letter("L0")))["outcome"], "done", "before")
            filler = os.path.join(house.state, "filler")
            free = os.statvfs(house.state)
            with open(filler, "wb") as f:
                f.write(b"\0" * (free.f_bavail * free.f_frsize - 3000000))
            large = letter("LARGE")
            large["units"][0]["attachments"] = [{"kind": "key_image", "title": "写真", "file": "large.png", "created": "2025-10-20"}]
            source.drop("large.png", sample("06-letter-key-image.png") + os.urandom(2000000))
            name = source.drop("large.json", large)  # its original has room, its Bundle has not
            until(lambda: open(house.errors, encoding="utf-8").read().count("CG-8504") >= 5 or source.has_result(name), "it is tried again and again")
            true(not source.has_result(name), lambda: "a full disk has ended a letter: %s" % json.dumps(source.has_result(name), ensure_ascii=False))
            os.unlink(filler)
            equal(only(source.result(name))["outcome"], "done", name)
            equal(house.stop(), 0, "exit status")
    return None


def ledger_full():
    """The disk of the signers' ledgers is full: no letter is signed, none is lost, and when there is room again all are."""
    with House("ledger", signer="key_file") as house:
        folder = os.path.join(house.state, "sign")
        os.makedirs(folder, mode=0o700)
        with small_disk(house, folder, "size=64k,mode=700") as mounted:
            if not mounted:
                return "no file system can be mounted here"
            house.link("out", "sink")
            house.facility(CLINIC, link="out")
            source = house.source("karte")
            house.start()
            equal(only(source.send("first.json", letter("L0")))["outcome"], "done", "before")
            with contextlib.suppress(OSError), open(os.path.join(folder, "filler"), "ab", buffering=0) as f:
                while True:
                    f.write(b"\0" * 4096)
            names = [source.drop("letter-%02d.json" % n, letter("L%d" % n)) for n in range(1, 60)]
            until(lambda: "CG-0002" in open(house.errors, encoding="utf-8").read(), "the sign door says so")
            os.unlink(os.path.join(folder, "filler"))
            for name in names:
                equal(only(source.result(name))["outcome"], "done", name)
            equal(house.stop(), 0, "exit status")
    return None


def main():
    runner = Runner("desk")
    with House("desk", signer="key_file") as house:
        house.sandbox()
        house.link("web", "web", house.box)
        house.facility(CLINIC, link="web")
        source = house.source("karte")
        house.start()
        for case in (status_goes_with_the_result, unreadable_attachment_comes_back, trials_beside_files, trials_outlive_their_worker, order_named_after_its_file, workers_die_innocent, reload_while_sending, stop_while_sending):
            runner.run(case.__name__, case, house, source)
    runner.run("disk_full", disk_full)
    runner.run("damaged_findings", damaged_findings)
    runner.run("damaged_outcome", damaged_outcome)
    runner.run("large_for_the_disk", large_for_the_disk)
    runner.run("ledger_full", ledger_full)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
