#!/usr/bin/env python3
"""Each bad input gets a result file with code, place, rule and next step and one line in the status log; its original goes to error/; nothing else is held up
and nothing reaches the service. Bad configuration names file, line, key and what is allowed."""
import base64
import copy
import json
import os
import subprocess
import sys

from house import BIN, CLINIC, House, Runner, equal, only, sample, true, until

LAB, LETTER, LIST = "05-infection-register.json", "06-letter-register.json", "01-diseases-current.json"
PLAIN_LETTER = "90-wrong-no-insured-number.json"
INSURANCE = {"insurer_number": "06270409", "symbol": "１２３４", "number": "５６７８９０１", "branch": "01"}
count = [0]


def edit(base, change):
    d = json.loads(sample(base))
    count[0] += 1
    d["request_id"] = "BAD-%d" % count[0]
    for unit in d["units"]:
        if "key" in unit:
            unit["key"] = "BAD-%d" % count[0]
    d["patient"]["number"] = "%08d" % (70000000 + count[0])
    change(d)
    return d


def letter(change):
    def both(d):
        d["patient"]["insurance"] = dict(INSURANCE)
        change(d)
    return edit(PLAIN_LETTER, both)


def unit(d):
    return d["units"][0]


def item(d):
    return d["units"][0]["items"][0]


def text(document):
    return json.dumps(document, ensure_ascii=False, indent=1)


def raw(change, base=LAB):
    return change(text(edit(base, lambda d: None)).encode())


def twice(document):
    shown = text(document)
    return shown.replace('"units"', '"request_id": "TWICE",\n "units"', 1).encode()


PNG = base64.b64encode(sample("06-letter-key-image.png")).decode()


def attached(**member):
    return letter(lambda d: unit(d).update(attachments=[dict({"kind": "key_image", "title": "画像"}, **member)]))


# name -> (content, code, next step, has a place in the file)
CASES = {
    "not_json": (lambda: b"patient;123;x\n", "CG-3002", "fix_and_resend", True),
    "wrong_encoding": (lambda: text(edit(LAB, lambda d: None)).encode("cp932", "replace"), "CG-3005", "fix_and_resend", True),
    "bom": (lambda: raw(lambda b: b"\xef\xbb\xbf" + b), "CG-3004", "fix_and_resend", True),
    "truncated": (lambda: raw(lambda b: b[:len(b) // 2]), "CG-3006", "fix_and_resend", True),
    "empty": (lambda: b"", "CG-3001", "fix_and_resend", False),
    "over_the_limit": (lambda: b'{"x":"' + b"a" * 3000000 + b'"}', "CG-2105", "fix_and_resend", False),
    "nested_deep": (lambda: b'{"x-deep":' + b"[" * 10000 + b"]" * 10000 + b"}", "CG-3009", "fix_and_resend", True),
    "duplicate_members": (lambda: twice(edit(LAB, lambda d: None)), "CG-3008", "fix_and_resend", True),
    "unknown_member": (lambda: edit(LAB, lambda d: item(d).update(valeu="1")), "CG-3102", "fix_and_resend", True),
    "no_insured_number_letter": (lambda: edit(PLAIN_LETTER, lambda d: None), "CG-3130", "issue_paper", True),
    "no_insured_number": (lambda: edit(LAB, lambda d: d["patient"].pop("insurance")), "CG-3131", "fix_and_resend", True),
    "bad_date": (lambda: edit(LIST, lambda d: item(d).update(onset="2025-02-30")), "CG-3109", "fix_and_resend", True),
    "future_date": (lambda: edit(LIST, lambda d: item(d).update(onset="2199-01-01")), "CG-3111", "fix_and_resend", True),
    "impossible_flag": (lambda: edit(LAB, lambda d: item(d).update(flags=["uninformed"])), "CG-3150", "fix_and_resend", True),
    "pdf_only_letter": (lambda: letter(lambda d: unit(d).update(sections={}, attachments=[
        {"kind": "pdf", "title": "紹介状", "data": base64.b64encode(sample("06-letter-ecg.pdf")).decode()}])), "CG-3160", "fix_and_resend", True),
    "attachment_missing": (lambda: attached(file="nobody-has-this.png"), "CG-8011", "fix_and_resend", False),
    "attachment_of_another_type": (lambda: attached(data=base64.b64encode(b"%PDF-1.4 not an image at all").decode()), "CG-3172", "fix_and_resend", True),
    "attachment_says_another_type": (lambda: attached(data=PNG, media_type="image/tiff"), "CG-3172", "fix_and_resend", True),
    "attachment_no_base64": (lambda: attached(data="***"), "CG-3173", "fix_and_resend", True),
    "attachment_outside": (lambda: attached(file="../secret.png"), "CG-3170", "fix_and_resend", True),
    "lab_without_code": (lambda: edit("91-wrong-lab-without-code.json", lambda d: None), "CG-3116", "fix_and_resend", True),
    "half_width_kana": (lambda: edit(LAB, lambda d: item(d).update(comment="ﾊﾝｶｸ")), "CG-3113", "fix_and_resend", True),
    "name_that_cannot_be_printed": (lambda: edit(LAB, lambda d: d["patient"].update(family="見\ue000本")), "CG-3112", "fix_and_resend", True),
    "another_institution": (lambda: edit(LAB, lambda d: d["institution"].update(code="1318814790")), "CG-3134", "fix_and_resend", True),
    "request_id_too_long": (lambda: edit(LAB, lambda d: d.update(request_id="R" * 600)), "CG-3106", "fix_and_resend", True),
    "unit_key_too_long": (lambda: edit(LAB, lambda d: unit(d).update(key="K" * 600)), "CG-3106", "fix_and_resend", True),
    "chart_number_too_long": (lambda: edit(LAB, lambda d: d["patient"].update(number="1" * 600)), "CG-3106", "fix_and_resend", True),
    "bundle_id_too_long": (lambda: edit(LAB, lambda d: unit(d).update(operation="cancel", bundle_id=CLINIC + "^2026^" + "a" * 600)), "CG-3106", "fix_and_resend", True),
    "bundle_with_a_number_too_long": (lambda: sample("12-bundle-register.json").replace(b"00023456", b"1" * 600), "CG-3107", "fix_and_resend", True),
    "unknown_operation": (lambda: edit(LAB, lambda d: unit(d).update(operation="delete")), "CG-3105", "fix_and_resend", True),
    "no_units": (lambda: edit(LAB, lambda d: d.update(units=[])), "CG-3140", "fix_and_resend", True),
    "wrong_type": (lambda: edit(LAB, lambda d: d.update(patient="見本")), "CG-3104", "fix_and_resend", True),
    "change_of_nothing": (lambda: edit(LAB, lambda d: unit(d).update(operation="change")), "CG-8003", "fix_and_resend", False),
}


def every_issue(result):
    return result["issues"] + [i for m in result["messages"] for i in m["issues"]]


def check(house, source, name, result, code, step, place):
    shown = json.dumps(result, ensure_ascii=False)[:1800]
    issues = every_issue(result)
    codes = [i["code"] for i in issues] + [m.get("code") for m in result["messages"]] + [result.get("code")]
    equal(result["outcome"], "rejected", shown)
    true(code in codes, "code %s in %s" % (code, shown))
    equal(result["next_step"], step, shown)
    if place:
        found = [i for i in issues if i["code"] == code]
        true(found and found[0]["line"] >= 1 and found[0]["column"] >= 1 and found[0]["text"] and found[0]["what_to_do"], "place: " + shown)
    until(lambda: os.path.lexists(source.path("error", name)), "error/%s" % name)
    true(not os.path.lexists(source.path("in", name)), "in/ is empty again")


def workers_of(house):
    return sorted(pid for pid, program in house.doors().items() if program.startswith("clinsgw-convert"[:15]))


def bad_file(house, source, name, make, code, step, place):
    before, workers = len(house.status_log()), workers_of(house)
    file = name + ".json"
    content = make()
    source.drop(file, content)
    check(house, source, file, source.result(file), code, step, place)
    lines = until(lambda: [line for line in house.status_log()[before:] if "source=karte" in line and "rejected" in line], "a line in the status log")
    equal(workers_of(house), workers, "no worker died of it")
    true(not any("…" in line for line in lines), "the sentence reads well without what it would quote: %s" % lines)
    true(not any(word in line for line in house.status_log() for word in (file, "見本", "花子", "00012345")), "no names in the status log")


def unsaid(house, source):
    """What is no plain file. Renamed into place like any other."""
    secret = os.path.join(house.folder, "secret.json")
    with open(secret, "wb") as f:
        f.write(sample(LAB))

    def device(path):
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))

    def linked(path):
        os.link(secret, path)
    ways = [("symlink", lambda p: os.symlink(secret, p), "CG-2101"), ("folder", os.mkdir, "CG-2102"), ("pipe", os.mkfifo, "CG-2103"), ("hard-link", linked, "CG-2104")]
    if os.getuid() == 0:
        ways.append(("device", device, "CG-2103"))
    for name, make, code in ways:
        file = name + ".json"
        try:
            make(source.path("in", "." + file))
        except PermissionError:
            continue  # no devices in this container
        os.rename(source.path("in", "." + file), source.path("in", file))
        check(house, source, file, source.result(file), code, "fix_and_resend", False)
    true(os.path.exists(secret), "what a link points at is left alone")


def names(house, source):
    """Names in any bytes, and names too long for a result file: answered under their hash, in try/ as in in/."""
    for place, answers in (("in", "out"), ("try", "try")):
        for name in (b"caf\xe9\xff.json", b"new\nline.json", b"x" * 230 + b".json", b"y" * 246 + b".json"):
            known = set(os.listdir(source.path(answers)))
            path = os.path.join(os.fsencode(source.path(place)), name)
            with open(path + b".tmp", "wb") as f:
                f.write(sample(LAB))
            os.rename(path + b".tmp", path)
            found = until(lambda: [n for n in os.listdir(source.path(answers)) if n.endswith(".result.json") and n not in known], "a result for %s/%r" % (place, name))[0]
            with open(source.path(answers, found), encoding="utf-8") as f:
                result = json.load(f)
            equal((result["outcome"], result["next_step"]), ("rejected", "fix_and_resend"), "%s/%r" % (place, name))
            true(len(found) < 60, "a short name: " + found)


def attachments_are_named(house, source):
    """While a request waits for an attachment, and when that did not come, the vendor reads which one it is; those that came are not mentioned."""
    patient = house.sources[2]
    patient.drop("here.png", base64.b64decode(PNG))
    document = letter(lambda d: unit(d).update(attachments=[{"kind": "key_image", "title": "画像", "file": name} for name in ("here.png", "nobody-has-this.png")]))
    patient.drop("waits.json", document)
    path = patient.path("out", "waits.json.status.json")

    def awaited():
        try:
            with open(path, encoding="utf-8") as f:
                return [i["text"] for i in json.load(f)["issues"]]
        except (FileNotFoundError, ValueError):
            return []
    equal(len(until(awaited, "what is waited for")), 1, "one is missing")
    true("nobody-has-this.png" in awaited()[0], awaited()[0])
    patient.drop("nobody-has-this.png", base64.b64decode(PNG))
    equal(patient.result("waits.json")["outcome"], "done", "it came late")
    document = letter(lambda d: unit(d).update(attachments=[{"kind": "key_image", "title": "画像", "file": "nobody-has-this.png"}]))
    source.drop("never.json", document)
    result = source.result("never.json")
    found = [i for i in result["issues"] if i["code"] == "CG-2110"]
    equal([(i["severity"], "nobody-has-this.png" in i["text"]) for i in found], [("error", True)], json.dumps(result, ensure_ascii=False)[:1500])


def too_large_when_finished(house, source):
    """Under the limit as a file, over 10 MB as a finished request."""
    big = base64.b64encode(sample("06-letter-ecg.pdf") + b"\n%" + os.urandom(6500000)).decode()
    document = letter(lambda d: unit(d).update(attachments=[{"kind": "pdf", "title": "大きい", "data": big}]))
    big_source = house.sources[1]
    big_source.drop("big.json", document)
    result = big_source.result("big.json")
    shown = json.dumps(result, ensure_ascii=False)[:1500]
    equal((result["outcome"], result["next_step"]), ("rejected", "fix_and_resend"), shown)
    true("CG-8012" in shown or "CG-3" in shown or "CG-0003" in shown or "CG-7" in shown, shown)


def receiver_unknown(house, source):
    """Case 3: only the service knows."""
    document = letter(lambda d: unit(d)["receiver"]["institution"].update(code="1310000009"))
    source.drop("receiver.json", document)
    result = source.result("receiver.json")
    m = only(result)
    equal((result["outcome"], m["service"]["code"]), ("refused", "CISB1002E"), json.dumps(result, ensure_ascii=False)[:1500])
    true(m["next_step"] in ("issue_paper", "fix_and_resend") and m["text"], "next step")


def mixed_bundle(house, source):
    bundle = json.loads(sample("12-bundle-register.json"))
    bundle["identifier"]["value"] = CLINIC + "^2025^MIXED"
    other = copy.deepcopy(bundle["entry"][-1])
    other["fullUrl"] = "urn:uuid:3f0c2b7a-5d1e-4c0a-9a51-7a2d6c1bffff"
    other["resource"]["resourceType"] = "Condition"
    bundle["entry"].append(other)
    source.drop("mixed.json", bundle)
    check(house, source, "mixed.json", source.result("mixed.json"), "CG-3192", "fix_and_resend", True)


def signature_that_does_not_fit(house, source):
    """A letter that was signed and changed afterwards."""
    document = letter(lambda d: None)
    source.drop("signed.json", document)
    result = source.result("signed.json")
    equal(result["outcome"], "done", json.dumps(result, ensure_ascii=False)[:1000])
    held = house.box.held(only(result)["bundle_id"], data=True)[only(result)["bundle_id"]]
    bad = json.loads(base64.b64decode(held["bytes"]))
    true("signature" in bad, "the letter was signed")
    bad["identifier"]["value"] = CLINIC + "^2025^TAMPERED"
    source.drop("tampered.json", bad)
    refused = source.result("tampered.json")
    equal((refused["outcome"], refused["next_step"] in ("fix_and_resend", "call_it")), ("rejected", True), json.dumps(refused, ensure_ascii=False)[:1500])
    true(any(i["code"].startswith("CG-6") for i in every_issue(refused)) or (only(refused).get("code") or "").startswith("CG-6"), json.dumps(refused, ensure_ascii=False)[:1500])
    equal(house.box.held(CLINIC + "^2025^TAMPERED"), {}, "not at the service")


def nothing_was_held_up(house, source):
    source.drop("good.json", edit(LAB, lambda d: None))
    equal(source.result("good.json")["outcome"], "done", "a good file after all the bad ones")
    held = [b for b in house.box.held()]
    equal(len(held), 3, "only the good ones are at the service: %s" % held)


def bad_configuration(house):
    """File, line, key, what is allowed; nothing is started."""
    with open(house.conf, encoding="utf-8") as f:
        good = f.read()
    cases = [("unknown_key", "[gateway]\n", "[gateway]\nstate_dri = \"/x\"\n", "state_dri", "state_dir"), ("bad_value", 'signing = "require"', 'signing = "perhaps"', "signing", "never"),
             ("no_policy", 'signing = "require"\n', "", "signing", ""), ("bad_reference", 'link = "web"', 'link = "nowhere"', "link", ""),
             ("not_a_time", 'settle = "300ms"', 'settle = "soon"', "settle", "")]
    for name, old, new, key, allowed in cases:
        true(old in good, name)
        path = os.path.join(house.folder, "bad-%s.conf" % name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(good.replace(old, new, 1))
        p = subprocess.run([os.path.join(BIN, "clinsgwd"), path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        shown = p.stderr.decode()
        equal(p.returncode, 70, name + " " + shown)
        true(path + ":" in shown and key in shown and allowed in shown, name + ": " + shown)
        p = subprocess.run([os.path.join(BIN, "clinsgw"), "--config", path, "check-config"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        true(p.returncode != 0 and key in p.stdout.decode(), "check-config " + name + ": " + p.stdout.decode())


def main():
    runner = Runner("bad")
    with House("bad") as house:
        house.sandbox()
        house.link("web", "web", house.box)
        house.facility(CLINIC, link="web")
        source = house.source("karte", CLINIC, max_size="2MB", attachment_wait="500ms")
        house.source("letters", CLINIC)
        house.source("patient", CLINIC, attachment_wait="30s")
        house.start()
        for name, case in CASES.items():
            runner.run(name, bad_file, house, source, name, *case)
        for case in (unsaid, names, attachments_are_named, too_large_when_finished, receiver_unknown, mixed_bundle, signature_that_does_not_fit, nothing_was_held_up):
            runner.run(case.__name__, case, house, source)
        runner.run("ends_cleanly", lambda: equal(house.stop(), 0, "exit status"))
        runner.run("configuration", bad_configuration, house)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
