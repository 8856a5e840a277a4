#!/usr/bin/env python3
"""dss_test.py - signatures of the sign room held against EU DSS, an independent JAdES implementation.

Needs the reference program (CLINSGW_SHARED/reference/verify.sh), Java 17 and Maven; skipped where they cannot run. The signature is the one that
tests/unit/sign_bundle_test makes with the demonstration PKI.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.normpath(os.path.join(ROOT, "..", "shared")))
VERIFY = os.path.join(SHARED, "reference", "verify.sh")
MAKER = os.path.join(BUILD, "tests", "unit", "sign_bundle_test")


def skip(why):
    for name in ("dss_accepts_our_signature", "dss_finds_changed_content"):
        print("     " + why)
        print("skip " + name)
    sys.exit(0)


def verify(folder, payload):
    words = [VERIFY, "signature.jws", "--detached", payload, "--trust", "root.crt", "--cert", "signing-ca.crt"]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=540, check=False)
    if done.returncode != 0:
        return None
    return json.loads(done.stdout.decode().splitlines()[-1].split("\x1b[0m")[-1])


def report(name, ok, seen):
    if not ok:
        print("     " + json.dumps(seen))
    print(("ok " if ok else "FAIL ") + name)
    return ok


def main():
    if not os.access(VERIFY, os.X_OK) or not all(map(shutil.which, ("java", "javac", "mvn"))):
        skip("no reference verifier, Java or Maven here")
    if not os.access(MAKER, os.X_OK):
        skip("sign_bundle_test is not built")
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([MAKER, "openssl_command_line_agrees"], cwd=ROOT, env=dict(os.environ, CLINSGW_SIGN_OUT=folder),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if not os.path.exists(os.path.join(folder, "signature.jws")):
            skip("no signature was made: " + made.stdout.decode("utf-8", "replace").strip().replace("\n", "; "))
        good = verify(folder, "payload.json")
        if good is None:
            skip("the reference verifier does not run here (its parts are fetched on first use)")
        ok = report("dss_accepts_our_signature",
                    len(good) == 1 and good[0]["format"] == "JAdES-BASELINE-B" and good[0]["intact"] and good[0]["valid"], good)
        with open(os.path.join(folder, "payload.json"), "rb") as f:
            changed = f.read().replace(b"Composition", b"Compositions")
        with open(os.path.join(folder, "changed.json"), "wb") as f:
            f.write(changed)
        bad = verify(folder, "changed.json")
        ok &= report("dss_finds_changed_content", bad is not None and not bad[0]["valid"] and bad[0]["indication"] == "TOTAL_FAILED", bad)
    sys.exit(0 if ok else 1)


main()
