#!/usr/bin/env python3
"""The profiles that are built in and the official packages give the same issues: severity, location and rule, in both readings.

Asked of the official examples, of the damaged instances of the conformance set, of the Bundles that the product itself builds (written by fhir_bundle_test and
fhir_samples_test) and of these Bundles with one member damaged, each place that they have once. Skipped without the shared material (CLINSGW_SHARED), which holds the packages."""
import collections
import copy
import glob
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
CLINSGW = os.path.join(BUILD, "bin", "clinsgw")
PACKAGES = [os.path.join(SHARED, "spec", "packages", p) for p in ("hl7.fhir.r4.core-4.0.1-definitions.tgz", "jp-core.r4-1.1.2-url.tgz", "jp-clins.r4-1.5.2.tgz")]
DUMPERS = [os.path.join(BUILD, "tests", "unit", name) for name in ("fhir_bundle_test", "fhir_samples_test")]
READINGS = ("hl7", "service")
LARGE = 64 << 10    # a Bundle of this size has more of what smaller ones have

# rule -> why the tables may say something else there. One that no longer occurs must go from here. None is known.
EXCEPTIONS = {}
failed = 0
occurred = set()


def report(name, problems):
    global failed
    for problem in problems[:20]:
        print("     " + problem)
    failed += bool(problems)
    print(("FAIL " if problems else "ok ") + name)


# ---- what the two sets say ----

def validate(store, places, reading, packages):
    words = [CLINSGW, "validate", "--format", "jsonl", "--reading", reading, "--folder", store, "--no-default-packages"]
    for package in packages:
        words += ["--package", package]
    run = subprocess.run(words + places, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if run.returncode not in (0, 1):
        report("validate_runs", [run.stderr.decode("utf-8", "replace")[-400:]])
    said = {}
    for line in run.stdout.decode("utf-8").splitlines():
        answer = json.loads(line)
        said[answer["file"]] = collections.Counter((i["severity"], i.get("location", ""), i["rule"]) for i in answer["issues"])
    return said


def compare(name, store, places):
    for reading in READINGS:
        built_in, packages = (validate(store, places, reading, p) for p in ([], PACKAGES))
        problems = [] if built_in.keys() == packages.keys() else ["other files were answered"]
        issues = 0
        for file in built_in.keys() & packages.keys():
            issues += sum(packages[file].values())
            for who, more in (("tables", built_in[file] - packages[file]), ("packages", packages[file] - built_in[file])):
                for issue in more:
                    occurred.add(issue[2])
                    if issue[2] not in EXCEPTIONS:
                        problems.append("%s: only the %s say %s" % (os.path.basename(file), who, " ".join(issue)))
        print("     %s, %s: %d files, %d issues" % (name, reading, len(packages), issues))
        if not packages:
            problems.append("nothing was compared")
        report("tables_and_packages_agree_on_%s_%s" % (name, reading), sorted(problems))


# ---- Bundles of the product's own ----

def places_of(node, path=(), kind=""):
    """Every member below the node: its path, and the same without numbers and with the resource's type for the entry, by which it is known."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        known = value["resourceType"] if isinstance(value, dict) and "resourceType" in value else kind + "[]" if isinstance(key, int) else kind + "." + key
        yield path + (key,), known, value
        yield from places_of(value, path + (key,), known)


def damages(value):
    """Ways to spoil a value; None = take it away."""
    if isinstance(value, str):
        return (None, "x", 7, "http://terminology.hl7.org/CodeSystem/observation-category")
    if isinstance(value, dict):
        return (None, {}, {"extension": [{"url": "http://example.org/unknown", "valueString": "x"}]})
    return (None, "x")


def write_spoilt(name, bundle, path, damage):
    holder = bundle
    for key in path[:-1]:
        holder = holder[key]
    kept = copy.copy(holder)
    if damage is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = damage
    with open(name, "w", encoding="utf-8") as f:
        f.write(json.dumps(bundle, ensure_ascii=False))
    holder.clear()
    (holder.update if isinstance(holder, dict) else holder.extend)(kept)


def write_damaged(bundles, folder):
    """Each place that the Bundles have is spoiled once, in the smallest that has it, in another way from place to place; each kind of Bundle has its own places."""
    known = set()
    for path in sorted((b for b in bundles if os.path.getsize(b) < LARGE), key=os.path.getsize):
        with open(path, encoding="utf-8") as f:
            bundle = json.load(f)
        profile = " ".join(bundle.get("meta", {}).get("profile", [])) + bundle.get("type", "")
        for place, name, value in list(places_of(bundle)):
            if (profile, name) in known:
                continue
            known.add((profile, name))
            ways = damages(value)
            write_spoilt(os.path.join(folder, "%05d.json" % len(known)), bundle, place, ways[len(known) % len(ways)])
    return len(known)


def build_bundles(folder):
    for dumper in DUMPERS:
        run = subprocess.run([dumper], cwd=ROOT, env=dict(os.environ, CLINSGW_DUMP=folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if run.returncode != 0:
            report("bundles_are_built", [run.stdout.decode("utf-8", "replace")[-400:]])
    return sorted(glob.glob(os.path.join(folder, "*.json")))


def main():
    missing = [p for p in PACKAGES + DUMPERS + [CLINSGW] if not os.path.exists(p)]
    if missing:
        print("skip tables_and_packages_give_the_same_issues\n     %s is not there" % os.path.basename(missing[0]))
        return 0
    with tempfile.TemporaryDirectory(prefix="clinsgw-same-") as temporary:
        store, own, damaged = (os.path.join(temporary, n) for n in ("store", "own", "damaged"))
        os.mkdir(own)
        os.mkdir(damaged)
        bundles = build_bundles(own)
        report("bundles_are_damaged", [] if write_damaged(bundles, damaged) > 200 else ["too few places in %d Bundles" % len(bundles)])
        compare("examples", store, [os.path.join(SHARED, "spec", "examples", "jp-clins")])
        compare("damaged_examples", store, [os.path.join(SHARED, "conformance", "jp")])
        compare("own_bundles", store, [own])
        compare("damaged_own_bundles", store, [damaged])
    report("every_exception_still_occurs", ["%s (%s) does not" % (r, EXCEPTIONS[r]) for r in sorted(EXCEPTIONS.keys() - occurred)])
    return int(failed > 0)


sys.exit(main())
