#!/usr/bin/env python3
"""Prints the rows of lab_table.inc: the 17-digit codes of the two JP-CLINS lab CodeSystems with the display that each CodeSystem gives them.

Usage: make_lab_table.py jp-clins.r4-VERSION.tgz > lab_table.inc
Run by a developer when a new package comes; the product itself reads only the table.
"""
import json
import os
import sys
import tarfile

SYSTEMS = (
    ("CODES_LAB_CORE", "package/CodeSystem-jp-clins-codesystem-JLAC10-corelabo-cs.json"),
    ("CODES_LAB_INFECTION", "package/CodeSystem-jp-clins-codesystem-JLAC10-infectionlabo-cs.json"),
)


def leaves(concepts):
    for concept in concepts:
        if "concept" in concept:
            yield from leaves(concept["concept"])
        else:
            yield concept["code"], concept["display"]


def main():
    rows = []
    with tarfile.open(sys.argv[1]) as package:
        for kind, name in SYSTEMS:
            system = json.load(package.extractfile(name))
            rows += [(code, kind, display) for code, display in leaves(system["concept"])]
    rows.sort()
    codes = [row[0] for row in rows]
    if len(set(codes)) != len(codes):
        sys.exit("a code stands in both CodeSystems")
    print("/* Made by make_lab_table.py from %s. Sorted by code. */" % os.path.basename(sys.argv[1]))
    for code, kind, display in rows:
        print('{ "%s", %s, "%s" },' % (code, kind, display))


main()
