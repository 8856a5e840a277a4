#!/usr/bin/env python3
"""clinsgw against a running gateway and a stopped one: every subcommand, its exit status, its JSON, and who may say what."""
import hashlib
import json
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import house as h

CLINSGW = os.path.join(h.BIN, "clinsgw")
LETTER_FILES = ("06-letter-ecg.pdf", "06-letter-key-image.png")


def run(house, *words, status=0, text=None):
    p = house.cli(*words, good=False, text=text)
    h.equal(p.returncode, status, "clinsgw %s\n%s%s" % (" ".join(words), p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")))
    return p


def code_of(house, *words, status=1):
    """Code of the sentence that a refused command prints as JSON."""
    return json.loads(run(house, *words, "--json", status=status).stdout)["code"]


def listed(house, *words):
    return house.cli_json("list", *words)["messages"]


def shown(house, handle):
    return house.cli_json("show", handle)


def in_state(house, state, count=1):
    return h.until(lambda: [m for m in listed(house, "--state", state) if len(listed(house, "--state", state)) >= count], "%d in state %s" % (count, state))


def at_terminal(house, words, keys, ask=b"PIN", seconds=30):
    """Runs clinsgw at a terminal of its own and types keys at the prompt; (status, what was on the screen, whether the echo was off)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(CLINSGW, [CLINSGW, "--config", house.conf, *words], house.env)
    screen, typed, quiet, end = b"", False, None, time.monotonic() + seconds
    while time.monotonic() < end:
        if terminal in select.select([terminal], [], [], 0.2)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            screen += part
        if not typed and ask in screen:
            quiet = not termios.tcgetattr(terminal)[3] & termios.ECHO
            os.write(terminal, keys)
            typed = True
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), screen.decode("utf-8", "replace"), quiet


# ---- the words themselves ----

def documented(house):
    pages = {}
    for name in ("clinsgw.1", "clinsgwd.8", "clinsgw.conf.5"):
        path = os.path.join(h.ROOT, "docs", "man", name)
        with open(path, encoding="utf-8") as f:
            pages[name] = f.read()
        if shutil.which("mandoc"):
            lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", path], stdout=subprocess.PIPE, text=True).stdout
            h.equal(lint, "", "mandoc -Tlint " + name)
    with open(os.path.join(h.ROOT, "gateway", "daemon", "settings.c"), encoding="utf-8") as f:
        keys = set(re.findall(r'\{ \.key = "(\w+)"', f.read()))
    h.true(len(keys) > 40, "keys in settings.c")
    h.equal(sorted(k for k in keys if not re.search(r"\b%s\b" % k, pages["clinsgw.conf.5"])), [], "keys without a word in clinsgw.conf(5)")
    commands = re.findall(r"^  clinsgw (\S+)", run(house, "--help").stdout.decode(), flags=re.M)
    h.true(len(commands) > 14, "commands of --help")
    h.equal([c for c in commands if not re.search(r"\b%s\b" % c, pages["clinsgw.1"])], [], "commands without a word in clinsgw(1)")
    with open(os.path.join(h.ROOT, "systemd", "clinsgw.conf"), encoding="utf-8") as f:
        text = f.read()
    path = os.path.join(house.folder, "sample.conf")
    for content, places in ((text, True), (text.replace("#signing = require", "signing = require"), False)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        first = json.loads(run(house, "check-config", path, "--json", status=1).stdout)["checks"]
        unread = any(c.get("place", "").startswith(path) and " " not in c["place"] for c in first)   # a path that is not there is told with its key behind the line
        h.equal(unread, places, "the sample configuration: %s" % first)



def usage(house):
    h.true("clinsgw " in run(house, "--help").stdout.decode(), "--help")
    for name in ("status", "list", "show", "retry", "cancel", "resolve", "release", "acknowledge", "pause", "resume", "sign", "export", "validate", "backup", "check-config", "doctor"):
        h.true("clinsgw " + name in run(house, "--help").stdout.decode(), name)
    h.true(run(house, "--version").stdout.startswith(b"clinsgw "), "--version")
    for words in (["nonsense"], [], ["show"], ["show", "1", "2"], ["status", "--nonsense"], ["list", "--state"], ["status", "--html=yes"], ["export", "1"], ["status", "--lang", "fr"],
                  ["validate", "--format", "xml", "x"], ["validate", "--reading", "x", "y"], ["validate", "--jobs", "0", "x"], ["validate", "--jobs", "2x", "x"]):
        run(house, *words, status=64)
    h.equal(code_of(house, "resolve", "1"), "CG-9103", "resolve without a verdict")
    h.equal(code_of(house, "resolve", "1", "--done", "--not-done"), "CG-9103", "resolve with both")
    h.equal(code_of(house, "show", "x" * 600, status=64), "CG-9301", "an endless argument")
    missing = subprocess.run([CLINSGW, "--config", "/nonexistent.conf", "status"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    h.equal(missing.returncode, 78, "no configuration")
    desk = subprocess.run([os.path.join(h.BIN, "clinsgwd"), "--config", "x"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    h.true(desk.returncode == 70 and b"CG-9103" in desk.stderr and b"--config" in desk.stderr, "clinsgwd names the argument that it does not know: %r" % desk.stderr)


def status(house):
    h.until(lambda: house.cli("status", good=False).returncode == 0, "OK")
    page = house.cli_json("status")
    h.equal((page["word"], page["exit"], page["code"]), ("OK", 0, "CG-9201"), "all is well")
    h.equal([(link["name"], link["up"]) for link in page["links"]], [("sink", True)], "links")
    h.equal([s["name"] for s in page["sources"]], ["karte"], "sources")
    h.true(any(x["kind"] == "crl" and x["days"] > 0 for x in page["expiries"]), "CRL")
    html = run(house, "status", "--html").stdout.decode()
    h.true(html.startswith("<!DOCTYPE html>") and "<script" not in html and "src=" not in html and 'content="60"' in html, "one self-contained page")
    h.true(run(house, "--lang", "en", "status").stdout.startswith(b"OK: "), "English")
    h.true("正常に動いています" in run(house, "--lang", "ja", "status").stdout.decode(), "Japanese")
    for name in ("status.html", "status.txt"):
        h.until(lambda n=name: os.path.exists(os.path.join(house.folder, "page", n)), name)


def look(house, clinic):
    result = clinic.send("04-lab-register.json")
    wanted = h.only(result)
    h.until(lambda: shown(house, wanted["message"])["state"] == "answered", "the desk hears that the result is there after it is")
    run(house, "list", "--state", "nonsense", status=1)
    h.equal(code_of(house, "list", "--state", "nonsense"), "CG-9103", "no such state")
    h.equal(len(listed(house, "--limit", "1")), 1, "limit")
    h.equal(listed(house, "--source", "other"), [], "another source")
    h.equal(listed(house, "--facility", "1111111111"), [], "another facility")
    row = listed(house, "--state", "done")[0]
    h.equal((row["operation"], row["kind"], row["source"]), ("register", "observation", "karte"), "row")
    for handle in (row["id"], wanted["message"], wanted["message"][:8], wanted["bundle_id"], result["request_id"], "r%d" % result["request"]):
        story = shown(house, handle)
        h.equal((story["file"], story["state"]), ("04-lab-register.json", "answered"), handle)
        message = h.only(story)
        h.equal([line["state"] for line in message["history"] if "state" in line][-1], "done", "history")
        h.equal(message["attempts"][0]["exchanges"][0]["answer"], "success", "exchange")
    h.equal(code_of(house, "show", "4711"), "CG-0005", "nothing there")
    h.equal(code_of(house, "show", "r4711"), "CG-0005", "no such request")
    h.true("04-lab-register.json" in run(house, "show", row["id"]).stdout.decode(), "show as text")
    for words in (["list"], ["status"], ["status", "--json"], ["status", "--html"]):
        text = run(house, *words).stdout.decode()
        h.true("04-lab" not in text and "00012345" not in text and "見本 花子" not in text, "patient data in " + " ".join(words))
    return row["id"]


def export(house, number):
    original = run(house, "export", number, "--what", "original").stdout
    h.equal(original, h.sample("04-lab-register.json"), "original")
    story = shown(house, number)
    bundle = run(house, "export", number, "--what", "bundle").stdout
    h.equal(hashlib.sha256(bundle).hexdigest(), h.only(story)["bundle_sha256"], "digest of the Bundle")
    h.equal(json.loads(bundle)["resourceType"], "Bundle", "Bundle")
    for part in ("request", "answer"):
        h.equal(hashlib.sha256(run(house, "export", number, "--what", part).stdout).hexdigest(), h.only(story)["attempts"][0]["exchanges"][0][part + "_sha256"], part)
    h.true(json.loads(run(house, "export", number, "--what", "canonical").stdout)["resourceType"] == "Bundle", "canonical")
    h.equal(code_of(house, "export", number, "--what", "signed"), "CG-9113", "an unsigned one")
    h.equal(code_of(house, "export", number, "--what", "jws"), "CG-9113", "its jws")
    h.equal(code_of(house, "export", number, "--what", "soul", status=64), "CG-9301", "no such part")
    path = os.path.join(house.folder, "bundle.json")
    run(house, "export", number, "--what", "bundle", "-o", path)
    h.equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the file")
    with open(path, "rb") as f:
        h.equal(f.read(), bundle, "file")
    h.equal(code_of(house, "export", number, "--what", "bundle", "-o", path), "CG-9314", "an existing file is not written over")
    path = os.path.join(house.folder, "signed.json")
    for _ in range(2):  # the second is told the same, not that a file is there
        h.equal(code_of(house, "export", number, "--what", "signed", "-o", path), "CG-9113", "nothing to export")
        h.true(not os.path.lexists(path), "an empty file is left behind")


def change(house, clinic, number):
    h.equal(code_of(house, "retry", number), "CG-8405", "retry of what stands")
    h.equal(code_of(house, "resolve", number, "--done"), "CG-8401", "resolve of what is final")
    h.equal(code_of(house, "acknowledge", "4711"), "CG-0005", "no such incident")
    h.equal(code_of(house, "acknowledge", "x"), "CG-9103", "no number")
    h.equal(code_of(house, "release", "r1"), "CG-8406", "nothing held")
    bad = clinic.send("91-wrong-lab-without-code.json")
    h.equal(bad["outcome"], "rejected", "a lab without a code")
    answer = house.cli_json("retry", "r%d" % bad["request"])
    h.equal(answer["code"], "CG-9105", "retry")
    again = h.until(lambda: (lambda rejected: rejected if len(rejected) == 2 else None)(listed(house, "--state", "rejected")), "the retried one")
    h.true(shown(house, again[0]["id"]).get("actor", "").startswith("operator:"), "who asked")
    h.equal(house.cli_json("cancel", number)["code"], "CG-9105", "cancel")
    h.until(lambda: [m for m in listed(house) if m.get("operation") == "cancel" and m["state"] == "done"], "the cancel")


def pause(house, clinic):
    run(house, "pause")
    page = json.loads(run(house, "status", "--json", status=1).stdout)
    h.true(page["machine"]["paused"] and page["code"] == "CG-8213", "paused")
    clinic.drop("paused.json", clinic.request("04-lab-register.json", units=[dict(u, key="PAUSED-1") for u in json.loads(h.sample("04-lab-register.json"))["units"]]))
    row = in_state(house, "ready")[0]
    h.equal((row["code"], "一時停止" in row["reason"]), ("CG-8120", True), "list says why it waits")
    h.equal(h.only(shown(house, row["id"]))["code"], "CG-8120", "and so does show")
    h.true("一時停止" in run(house, "--lang", "ja", "show", row["id"]).stdout.decode(), "show as text")
    run(house, "resume")
    h.equal(clinic.result("paused.json")["outcome"], "done", "after resume")


def sign(house, clinic):
    h.equal(house.cli_json("sign")["code"], "CG-9108", "nothing waits")
    h.equal(code_of(house, "sign", "NOBODY"), "CG-9109", "no such signer")
    for name in LETTER_FILES:
        clinic.drop(name, h.sample(name))
    clinic.drop("06-letter-register.json", h.sample("06-letter-register.json"))
    waiting = in_state(house, "to_sign")[0]
    h.equal(json.loads(run(house, "status", "--json", status=1).stdout)["code"], "CG-9206", "status asks for the signer")
    p = subprocess.run([CLINSGW, "--config", house.conf, "sign"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=house.env, start_new_session=True)
    h.true(p.returncode == 1 and b"CG-9304" in p.stderr, "no terminal: %r" % p.stderr)
    code, screen, quiet = at_terminal(house, ["sign"], b"\n")
    h.true(code == 1 and quiet, "no PIN: %s %s %s" % (code, quiet, screen))
    code, screen, quiet = at_terminal(house, ["sign"], b"87654321\n")
    h.true(code == 1 and quiet and "CG-6013" in screen and "87654321" not in screen, "a wrong PIN: " + screen)
    h.equal(shown(house, waiting["id"])["messages"][0]["state"], "to_sign", "it still waits")
    with open(house.pki + "/token/pin", encoding="ascii") as f:
        pin = f.read().strip()
    code, screen, quiet = at_terminal(house, ["sign", "D001"], pin.encode() + b"\n")
    h.true(code == 0 and quiet and pin not in screen, "the right PIN: " + screen)
    h.equal(clinic.result("06-letter-register.json")["outcome"], "done", "the letter")
    signed = json.loads(run(house, "export", waiting["id"], "--what", "signed").stdout)
    h.true("signature" in signed, "signed bytes")
    h.equal(run(house, "export", waiting["id"], "--what", "jws").stdout.count(b"."), 2, "jws")
    h.true(b'"signature"' not in run(house, "export", waiting["id"], "--what", "canonical").stdout, "canonical")
    with open(house.errors, encoding="utf-8", errors="replace") as f:
        text = f.read()
    h.true(pin not in text and "87654321" not in "".join(house.status_log()), "a PIN in a log")


def follow_ups(house, clinic):
    """One wrong entry of a letter: its own error comes first, each reference to it behind the line that says so. Only the text is put in that order."""
    document = clinic.request("06-letter-register.json")
    letter = document["units"][0]
    letter.pop("attachments")
    letter["sections"]["clinical_course"].pop("documents", None)
    name = clinic.drop("letter.json", document, place="try")
    clinic.result(name, place="try")
    with open(os.path.join(clinic.root, "try", name + ".bundle.json"), encoding="utf-8") as f:
        bundle = json.load(f)
    wrong = next(i for i, e in enumerate(bundle["entry"]) if e["resource"]["resourceType"] == "Condition")
    bundle["entry"][wrong]["resource"]["code"].pop("coding")
    path = os.path.join(house.folder, "wrong-entry.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(bundle, f, ensure_ascii=False, indent=1)
    lines = run(house, "--lang", "en", "validate", "--no-default-packages", path, status=1).stdout.decode().splitlines()
    line = [i for i, t in enumerate(lines) if "may only follow" in t]
    h.equal(len(line), 1, "one line between: %s" % lines)
    before, after = [t for t in lines[:line[0]] if ": error " in t], [t for t in lines[line[0] + 1:] if ": error " in t]
    h.true(before and all("entry[%d].resource" % wrong in t for t in before), "the cause first: %s" % before)
    h.true(any("CG-5145" in t for t in after) and not any("entry[%d].resource" % wrong in t for t in after), "then what follows: %s" % after)
    told = json.loads(run(house, "validate", "--no-default-packages", "--format", "jsonl", path, status=1).stdout)["issues"]
    h.equal(sorted(i["location"] for i in told if i["severity"] == "error"), sorted(re.search(r"\[(Bundle.*)\] -> next", t).group(1) for t in before + after), "the same findings in the other forms")


def hostile_texts(house, clinic):
    """What a vendor or anybody's file wrote is one line at a terminal: no control sequence, no line of its own."""
    hostile = "x\x1b[2J\nforged\u0085"
    document = clinic.request("04-lab-register.json")
    document["units"][0].update({"key": "HOSTILE-1", hostile: 1})
    result = clinic.send("hostile.json", document)
    shown_text = run(house, "show", "r%d" % result["request"]).stdout.decode()
    h.true("x?[2J?forged" in shown_text and "\x1b" not in shown_text and "\u0085" not in shown_text and "\nforged" not in shown_text, "show: %r" % shown_text)
    told = run(house, "--lang", "en", "validate", "--no-default-packages", "-", text=json.dumps({"resourceType": "Basic", hostile: 1}).encode(), status=1).stdout.decode()
    h.true("x?[2J?forged" in told and "\x1b" not in told and "\nforged" not in told, "validate: %r" % told)


def validate(house, number):
    good = os.path.join(house.folder, "good.json")
    with open(good, "wb") as f:
        f.write(run(house, "export", number, "--what", "bundle").stdout)
    bundle = json.load(open(good, encoding="utf-8"))
    bad, broken = os.path.join(house.folder, "bad.json"), os.path.join(house.folder, "broken.json")
    bundle["type"] = "nonsense"
    with open(bad, "w", encoding="utf-8") as f:
        json.dump(bundle, f)
    with open(broken, "w", encoding="utf-8") as f:
        f.write("{")
    run(house, "validate", good)
    run(house, "validate", "--reading", "service", good)
    run(house, "validate", "-", text=open(good, "rb").read())
    run(house, "validate", bad, status=1)
    run(house, "validate", broken, status=1)
    run(house, "validate", os.path.join(house.folder, "nothing.json"), status=2)
    report = json.loads(run(house, "validate", good, bad, "--json", status=1).stdout)
    h.equal([f["valid"] for f in report["files"]], [True, False], "json")
    issue = next(i for i in report["files"][1]["issues"] if i["severity"] == "error")
    h.true(issue["location"].startswith("Bundle") and issue["line"] >= 1 and issue["message"], "an issue")
    lines = run(house, "validate", "--format", "jsonl", good, bad, status=1).stdout.decode().splitlines()
    h.equal([len([i for i in json.loads(line)["issues"] if i["severity"] == "error"]) > 0 for line in lines], [False, True], "jsonl")
    outcome = json.loads(run(house, "validate", "--format", "operationoutcome", bad, status=1).stdout)
    h.true(outcome["resourceType"] == "OperationOutcome" and any(i["severity"] == "error" and i["expression"] for i in outcome["issue"]), "operationoutcome")
    told = run(house, "validate", "--no-default-packages", "--format", "jsonl", "-", text=json.dumps(outcome).encode()).stdout
    h.equal(json.loads(told)["issues"], [], "an OperationOutcome of ours has nothing wrong with it")
    folder = os.path.join(house.folder, "instances")
    os.makedirs(folder)
    shutil.copy(good, folder)
    h.equal(len(json.loads(run(house, "validate", folder, "--json").stdout)["files"]), 1, "a folder")
    os.makedirs(os.path.join(folder, "b", "deep"))
    for name in ("b/deep/1.json", "b/2.fhir", "b/3.txt", "b/.4.json", "a.json"):
        shutil.copy(bad if name.endswith("2.fhir") else good, os.path.join(folder, name))
    os.symlink(good, os.path.join(folder, "b", "link.json"))
    names = ["a.json", "b/2.fhir", "b/deep/1.json", "b/link.json", "good.json"]
    for jobs in ("1", "3"):  # the same order and the same words, whoever was first
        told = [json.loads(line) for line in run(house, "validate", "--format", "jsonl", "--jobs", jobs, folder, status=2).stdout.decode().splitlines()]
        h.equal([os.path.relpath(f["file"], folder) for f in told], names, "files of a folder, --jobs " + jobs)
        h.equal([f["valid"] for f in told], [True, False, True, False, True], "a link is not followed")
        h.equal([i["severity"] for i in told[3]["issues"]], ["fatal"], "what was not checked")
    h.equal(json.loads(run(house, "validate", "--json", folder, good, status=2).stdout)["exit"], 2, "json has the exit status")
    run(house, "validate", "--package", os.path.join(house.folder, "nothing.tgz"), good, status=2)
    run(house, "validate", "--set", "nobody", good, status=2)
    run(house, "validate", "--no-default-packages", good)


def backup(house):
    folder = os.path.join(house.folder, "backup")
    h.equal(house.cli_json("backup", folder)["code"], "CG-9112", "backup")
    h.true(os.path.exists(os.path.join(folder, "store.db")), "store.db in the backup")
    h.equal(code_of(house, "backup", folder), "CG-8509", "a folder that is not empty")
    here = subprocess.run([CLINSGW, "--config", house.conf, "backup", "beside"], cwd=house.folder, env=house.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    h.true(here.returncode == 0 and os.path.exists(os.path.join(house.folder, "beside", "store.db")), "a path from here")
    return folder


def check_config(house):
    h.equal(json.loads(run(house, "check-config", "--json").stdout)["checks"][-1]["code"], "CG-9401", "fine")
    bad = os.path.join(house.folder, "bad.conf")
    with open(house.conf, encoding="utf-8") as f:
        text = f.read()

    def said(changed):
        with open(bad, "w", encoding="utf-8") as f:
            f.write(changed)
        return json.loads(run(house, "check-config", bad, "--json", status=1).stdout)["checks"]

    h.true(said("[gateway]\nnonsense = 1\n")[0]["place"].endswith("bad.conf:2"), "file and line")
    h.true(said(text.replace('signing = "require"', ""))[0]["place"].startswith(bad), "no signing policy")
    told = said(text.replace('profile = "test"', 'profile = "none"'))[0]
    h.true(told["code"] == "CG-1004" and "profile" in told["text"] and "test" in told["text"] and ":" in told["place"], "no such profile: %s" % told)
    both = said(text.replace('signing = "require"', 'signing = "maybe"').replace('settle = "', 'settle = "x'))
    h.equal(sorted("signing" in c["text"] or "settle" in c["text"] for c in both), [True] * 2, "a mistake of every section: %s" % both)
    many = said(text.replace('signing = "require"', 'signing = "maybe"\ncolour = "red"\nprefer_after = "soon"'))
    h.equal([next((k for k in ("signing", "colour", "prefer_after") if "「%s」" % k in c["text"]), None) for c in many], ["signing", "colour", "prefer_after"], "all mistakes of a section, by line")
    spoken = run(house, "check-config", bad, status=1).stdout.decode()
    h.equal((spoken.count("CG-100"), spoken.count("次に")), (3, 1), "the next step once: %s" % spoken)
    told = [c for c in said(text.replace("/hpki/crls", "/hpki/nothing")) if c["code"] == "CG-9404"]
    line = 1 + [bool(re.match("crl_dir *=", t)) for t in text.splitlines()].index(True)
    h.equal([c["place"] for c in told], ["%s:%d crl_dir" % (bad, line)], "a missing folder, with line and key")
    h.true(any(c["code"] == "CG-9409" for c in said(text.replace('module = "', 'module = "/nonexistent'))), "a missing module")
    run(house, "check-config", os.path.join(house.folder, "nothing.conf"), status=1)


def doctor(house):
    codes = [c["code"] for c in json.loads(run(house, "doctor", "--json").stdout)["checks"]]
    h.true("CG-9429" in codes and codes[-1] == "CG-9401", "running: %s" % codes)
    stray = os.path.join(house.sources[0].root, ".work", "0123456789abcdef-old-host.json")
    open(stray, "w").close()
    told = [c for c in json.loads(run(house, "doctor", "--json").stdout)["checks"] if c["code"] == "CG-2113"]
    os.unlink(stray)
    h.equal(len(told), 1, "what another name of the gateway claimed: %s" % told)
    h.equal(told[0]["place"], house.sources[0].root, "where")
    h.true("host" in told[0]["what_to_do"] and " in " in told[0]["what_to_do"], "the next step: %s" % told)
    h.equal(code_of(house, "doctor", "--after-restore"), "CG-9303", "not while it runs")


# ---- the socket ----

def field(number, value):
    return struct.pack("=BI", number, len(value)) + value


def answers(house):
    h.true(house.cli("status", good=False).returncode in (0, 1), "it still answers")


def hostile(house):
    path = os.path.join(house.run, "control")
    h.equal(os.stat(path).st_mode & 0o777, 0o660, "mode of the socket")
    many = []
    for i in range(40):  # idle ones: more than there are places
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(path)
        many.append(s)
    answers(house)
    for i, packet in enumerate((b"\0", b"\xff" * 90000, struct.pack("=H", 1), struct.pack("=H", 9999), b"", os.urandom(500), struct.pack("=H", 50) + field(1, b"x" * 300))):
        s = many[-1 - i]
        try:
            s.send(packet)
        except OSError:
            pass  # it was dropped to make room
    r, w = os.pipe()
    try:
        socket.send_fds(many[20], [b"\0\0"], [r, w] * 30)
    except OSError:
        pass
    os.close(r)
    os.close(w)
    answers(house)
    for s in many:
        s.close()
    answers(house)
    fds = "/proc/%d/fd" % house.process.pid
    before = len(os.listdir(fds))
    for i in range(60):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(path)
            try:
                socket.send_fds(s, [os.urandom(20) if i % 2 else b""], [0] * 20)
            except OSError:
                pass
    answers(house)
    h.true(len(os.listdir(fds)) <= before + 2, "descriptors stay: %d, %d" % (before, len(os.listdir(fds))))


def strangers(house):
    if os.getuid() != 0:
        return "needs root"
    for folder in (house.folder, house.run):
        os.chmod(folder, 0o755)
    os.chmod(os.path.join(house.run, "control"), 0o666)  # the socket's mode alone is not what protects it
    os.chmod(house.conf, 0o644)
    wrapper = os.path.join(house.folder, "clinsgw")
    shutil.copy(CLINSGW, wrapper)
    os.chmod(wrapper, 0o755)
    for words in (["status"], ["list"], ["pause"]):
        p = subprocess.run([wrapper, "--config", house.conf, *words], env=house.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=65534, group=65534, extra_groups=[])
        h.true(p.returncode == 1 and b"CG-9101" in p.stderr, "%s: %r" % (words, p.stderr))
    h.true(not json.loads(house.cli("status", "--json", good=False).stdout)["machine"]["paused"], "nobody has paused it")
    os.chmod(os.path.join(house.run, "control"), 0o660)
    return None


# ---- stopped ----

def stopped(house, number):
    h.equal(house.stop(), 0, "clinsgwd stops")
    page = json.loads(run(house, "status", "--json", status=3).stdout)
    h.equal((page["word"], page["exit"], page["running"]), ("STOPPED", 3, False), "status of a stopped one")
    h.true(any(m["id"] == number for m in listed(house)), "list from the store")
    h.equal(shown(house, number)["file"], "04-lab-register.json", "show from the store")
    h.equal(run(house, "export", number, "--what", "original").stdout, h.sample("04-lab-register.json"), "export from the store")
    h.equal(code_of(house, "export", number, "--what", "jws"), "CG-9113", "what is not there")
    h.equal(code_of(house, "pause", status=3), "CG-9302", "changing commands need the desk")
    h.equal(code_of(house, "sign", status=3), "CG-9302", "so does signing")
    codes = [c["code"] for c in json.loads(run(house, "doctor", "--json").stdout)["checks"]]
    h.true("CG-9428" in codes, "the store verifies: %s" % codes)


def restored(house, clinic):
    """A letter that waits for its signature in the backup, a restore, and what a person then has to do."""
    house.restart()
    text = json.loads(h.sample("06-letter-register.json"))
    text["request_id"] = "RESTORE-1"
    text["units"][0]["key"] = "RESTORE-1"
    for name in LETTER_FILES:
        clinic.drop(name, h.sample(name))
    clinic.drop("restore.json", text)
    h.until(lambda: house.cli("show", "RESTORE-1", good=False).returncode == 0 and shown(house, "RESTORE-1")["messages"], "the letter")
    waiting = str(h.only(shown(house, "RESTORE-1"))["message"])
    folder = os.path.join(house.folder, "restore")
    run(house, "backup", folder)
    h.equal(house.stop(), 0, "clinsgwd stops")
    for name in os.listdir(house.state):  # the store is lost
        if name.startswith("store.db") or name == "payload":
            path = os.path.join(house.state, name)
            (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    shutil.copytree(folder, house.state, dirs_exist_ok=True)
    h.equal(house.cli_json("doctor", "--after-restore")["code"], "CG-9430", "after a restore")
    taken = next(n for n in os.listdir(clinic.path(".work")) if n.endswith("-restore.json"))
    with open(clinic.path(".work", taken.replace("-restore.json", "-lost.json")), "wb") as f:  # taken in after the backup was made
        f.write(h.sample("01-diseases-current.json"))
    house.restart()
    h.until(lambda: [m for m in listed(house, "--state", "unknown") if m["id"] == waiting and m.get("held")], "held")
    page = json.loads(run(house, "status", "--json", status=1).stdout)
    h.true(page["machine"]["paused"] and int(waiting) in [u["message"] for u in page["unknown"]], "the page says so")
    file = h.until(lambda: [m for m in listed(house, "--state", "received") if m.get("held")], "the file without a row")[0]
    held = file["id"]
    h.true(file["code"] == "CG-8121" and "clinsgw release" in run(house, "show", held).stdout.decode(), "what to do with it: %s" % file)
    h.equal(house.cli_json("release", held, "--drop")["code"], "CG-9105", "dropped")
    h.until(lambda: not [m for m in listed(house, "--state", "received")], "no longer held")
    run(house, "resolve", waiting, "--not-done")
    run(house, "resume")
    h.until(lambda: shown(house, waiting)["messages"][0]["state"] == "to_sign", "it waits for its signature again")


def main():
    runner = h.Runner("cli")
    with h.House("cli", signer="attended") as house:
        house.link("sink", "sink")
        house.facility(link="sink")
        clinic = house.source("karte")
        house.start()
        number = []
        runner.run("documented", documented, house)
        runner.run("usage", usage, house)
        runner.run("status", status, house)
        runner.run("list_and_show", lambda: number.append(look(house, clinic)))
        if number:
            runner.run("export", export, house, number[0])
            runner.run("validate", validate, house, number[0])
            runner.run("follow_ups", follow_ups, house, clinic)
            runner.run("pause_and_resume", pause, house, clinic)
            runner.run("retry_cancel_resolve", change, house, clinic, number[0])
            runner.run("hostile_texts", hostile_texts, house, clinic)
        runner.run("sign", sign, house, clinic)
        runner.run("backup", lambda: backup(house) and None)
        runner.run("check_config", check_config, house)
        runner.run("doctor", doctor, house)
        runner.run("hostile_clients", hostile, house)
        runner.run("strangers", strangers, house)
        if number:
            runner.run("stopped", stopped, house, number[0])
            runner.run("restore", restored, house, clinic)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
