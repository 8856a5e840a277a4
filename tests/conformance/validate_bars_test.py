#!/usr/bin/env python3
"""The validator's bars: the real program on the official examples, on damaged JP-CLINS instances and on plain R4 ones, against what two versions of the HL7 validator agree on.
Skipped without the shared material (CLINSGW_SHARED), which holds packages, instances and the script that compares."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
CLINSGW = os.path.join(BUILD, "bin", "clinsgw")
PACKAGES = [os.path.join(SHARED, "spec", "packages", p) for p in ("hl7.fhir.r4.core-4.0.1-definitions.tgz", "jp-core.r4-1.1.2-url.tgz", "jp-clins.r4-1.5.2.tgz")]
CONFORMANCE = os.path.join(SHARED, "conformance")

# name, instances, expected, packages, what is asked for: agreement of verdicts and of issues, in percent
BARS = (
    ("examples", os.path.join(SHARED, "spec", "examples", "jp-clins"), "examples.jsonl", PACKAGES, 100.0, 98.0),
    ("jp", os.path.join(CONFORMANCE, "jp"), "jp.jsonl", PACKAGES, 99.7, 97.0),
    ("r4", os.path.join(CONFORMANCE, "r4"), "r4.jsonl", PACKAGES[:1], 99.0, 95.0),
)
failed = 0


def validate(folder, instances, packages, output):
    words = [CLINSGW, "validate", "--format", "jsonl", "--folder", folder, "--no-default-packages"]
    for package in packages:
        words += ["--package", package]
    with open(output, "wb") as f:
        return subprocess.run(words + [instances], stdout=f, stderr=subprocess.PIPE, timeout=300)


def compare(expected, output, verdict, issues):
    return subprocess.run([sys.executable, os.path.join(CONFORMANCE, "compare.py"), os.path.join(CONFORMANCE, expected), output, "--show", "10",
                           "--min-verdict", str(verdict), "--min-issues", str(issues)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def bar(store, folder, name, instances, expected, packages, verdict, issues):
    global failed
    output = os.path.join(folder, name + ".jsonl")
    run = validate(store, instances, packages, output)
    scored = compare(expected, output, verdict, issues)
    good = run.returncode in (0, 1) and scored.returncode == 0
    lines = scored.stdout.splitlines()
    for line in lines[-1:] if good else lines + run.stderr.decode(errors="replace").splitlines()[:20]:
        print("     " + line)
    print("     asked for: verdicts %.1f %%, issues %.1f %%" % (verdict, issues))
    failed += not good
    print(("ok " if good else "FAIL ") + "agrees_with_the_reference_on_" + name)


if not all(map(os.path.exists, PACKAGES)) or not os.path.exists(os.path.join(CONFORMANCE, "compare.py")):
    print("     no shared material")
    for one in BARS:
        print("skip agrees_with_the_reference_on_" + one[0])
    sys.exit(0)
with tempfile.TemporaryDirectory(prefix="clinsgw-bars-") as temporary:
    for one in BARS:
        bar(os.path.join(temporary, "store"), temporary, *one)
sys.exit(failed > 0)
