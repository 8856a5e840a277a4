#!/usr/bin/env python3
"""Every Bundle that the builder makes gets no error from the reference validator of HL7.

fhir_bundle_test and fhir_samples_test write their Bundles (all kinds, coding patterns, flags, sections, absent values; docs/samples) into a folder;
one call of validate.sh reads them all.
Skips without the shared folder, Java, Maven or the program. The validator must also find the fault in a Bundle that is spoiled on purpose.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.normpath(os.path.join(ROOT, "..", "shared")))
VALIDATOR = os.path.join(SHARED, "reference", "validate.sh")
DUMPERS = [os.path.join(BUILD, "tests", "unit", name) for name in ("fhir_bundle_test", "fhir_samples_test")]


def why_not():
    for path in [VALIDATOR] + DUMPERS:
        if not os.path.exists(path):
            return "%s is not there" % os.path.basename(path)
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return "%s is not installed" % tool
    return None


def spoil(folder):
    """A disease without its term: if the validator has nothing to say about that, its silence about the others means nothing."""
    with open(os.path.join(folder, "disease_plain.json"), encoding="utf-8") as f:
        bundle = json.load(f)
    del bundle["entry"][1]["resource"]["code"]["text"]
    with open(os.path.join(folder, "spoiled.json"), "w", encoding="utf-8") as f:
        json.dump(bundle, f, ensure_ascii=False)


def errors_of(line):
    found = [line["exception"]] if "exception" in line else []
    return found + ["%s: %s" % (i["location"], i["message"]) for i in line["issues"] if i["severity"] in ("error", "fatal")]


def check(folder):
    for dumper in DUMPERS:
        dumped = subprocess.run([dumper], cwd=ROOT, env=dict(os.environ, CLINSGW_DUMP=folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if dumped.returncode != 0:
            print("FAIL fhir_reference_dump\n     " + dumped.stdout.decode("utf-8", "replace").replace("\n", "\n     "))
            return 1
    spoil(folder)
    files = sorted(glob.glob(os.path.join(folder, "*.json")))
    run = subprocess.run([VALIDATOR] + files, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = [json.loads(text) for text in run.stdout.decode("utf-8").splitlines()]
    if run.returncode != 0 and not lines:
        print("skip fhir_reference\n     the reference validator cannot run here: " + run.stderr.decode("utf-8", "replace")[-300:])
        return 0
    failed = len(lines) != len(files)
    if failed:
        print("FAIL fhir_reference_answers\n     %d files, %d answers" % (len(files), len(lines)))
    for line in lines:
        name, errors = os.path.splitext(os.path.basename(line["file"]))[0], errors_of(line)
        good = bool(errors) == (name == "spoiled")
        failed |= not good
        print("%s fhir_reference_%s" % ("ok" if good else "FAIL", name))
        for error in [] if good else errors[:10] or ["no error found in a Bundle that has one"]:
            print("     " + error)
    return int(failed)


def main():
    reason = why_not()
    if reason is not None:
        print("skip fhir_reference\n     " + reason)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return check(folder)


sys.exit(main())
