#!/usr/bin/env python3
"""docs/samples against docs/vendor-request.schema.json, and the schema against the reader's own tables: no member may be known to one of them only."""
import copy
import glob
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(ROOT, "docs")
failed = 0


def report(name, problems):
    global failed
    for problem in problems:
        print("     " + problem)
    failed += bool(problems)
    print(("FAIL " if problems else "ok ") + name)


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


schema = load(os.path.join(DOCS, "vendor-request.schema.json"))
samples = {os.path.basename(p): load(p) for p in sorted(glob.glob(os.path.join(DOCS, "samples", "*.json")))}
requests = {n: s for n, s in samples.items() if "resourceType" not in s}


def members_of_tables():
    """Every member name in the tables of adapters/vendor_json."""
    names = set()
    for path in glob.glob(os.path.join(ROOT, "adapters", "vendor_json", "vj*.[ch]")) + [os.path.join(ROOT, "adapters", "vendor_json", "vendor_json.c")]:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        names |= set(re.findall(r'\.name = "([a-z0-9_]+)"', text))
        names |= set(re.findall(r'^    \{ "([a-z_]+)", CHART_SECTION_', text, re.M))
        for amount in re.findall(r"\bAMOUNT\(chart_\w+, (\w+)\)", text):
            names |= {amount, amount + "_unit", amount + "_unit_code"}
    return names


def members_of_schema(node):
    names = set()
    if isinstance(node, dict):
        names |= set(node.get("properties", {}))
        for value in node.values():
            names |= members_of_schema(value)
    elif isinstance(node, list):
        for value in node:
            names |= members_of_schema(value)
    return names


tables, described = members_of_tables(), members_of_schema(schema)
report("schema_and_reader_know_the_same_members",
       ["only the reader knows " + n for n in sorted(tables - described)] + ["only the schema knows " + n for n in sorted(described - tables)])
guides = {g: open(os.path.join(DOCS, g), encoding="utf-8").read() for g in ("vendor-guide.md", "ja/vendor-guide.md")}
for guide, text in guides.items():
    report("guide_names_every_member_" + guide.replace("/", "_"), ["%s does not name `%s`" % (guide, n) for n in sorted(described) if not re.search(r"[`\"._]%s\b" % re.escape(n), text)])
    report("guide_names_every_sample_" + guide.replace("/", "_"), ["%s does not name %s" % (guide, n) for n in samples if n not in text])

try:
    import jsonschema
except ImportError:
    print("     python3-jsonschema is not installed")
    print("skip samples_fit_the_schema")
    sys.exit(failed > 0)

jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
WRONG = {"91-wrong-lab-without-code.json"}    # a missing insured number is beyond a schema


def fits(request):
    return next(iter(validator.iter_errors(request)), None) is None


report("samples_fit_the_schema", ["%s: fits %s" % (n, fits(s)) for n, s in requests.items() if fits(s) == (n in WRONG)])

SPOILERS = {
    "unknown_member": lambda q: q["units"][0]["items"][0].update(nmae="x"),
    "unknown_operation": lambda q: q["units"][0].update(operation="delete"),
    "bad_date": lambda q: q["units"][0]["items"][0].update(onset="2025/10/01"),
    "no_institution": lambda q: q.pop("institution"),
    "no_units": lambda q: q.update(units=[]),
    "unknown_flag": lambda q: q["units"][0]["items"][0].update(flags=["LTS"]),
}
for name, spoil in SPOILERS.items():
    spoilt = copy.deepcopy(requests["01-diseases-current.json"])
    spoil(spoilt)
    report("schema_refuses_" + name, ["it does not"] if fits(spoilt) else [])
own = copy.deepcopy(requests["01-diseases-current.json"])
own["patient"]["x-row"] = {"anything": [1]}
report("schema_lets_own_members_pass", [] if fits(own) else ["it does not"])
sys.exit(failed > 0)
