#!/usr/bin/env python3
"""The rules of the house, held by a test: which room may use which, what each program may link, how programs are hardened, how long a file may be."""
import glob
import os
import re
import subprocess
import sys
from rules import say, status

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))

# Arrows run downward only: room -> rooms whose headers it may include besides its own.
ROOMS = {
    "base": [], "chart": ["base"], "codes": ["base"], "fhir": ["base", "chart", "codes"], "validate": ["base"], "sign": ["base"],
    "exchange": ["base"], "link": ["base", "exchange"], "spool": ["base"], "flow": ["base"], "store": ["base", "flow"],
    "report": ["base", "flow"], "adapters": ["base", "chart"],
}
ALL = sorted(ROOMS) + ["daemon"]
ROOMS["daemon"] = ROOMS["cli"] = ALL
ROOMS["tests/sandbox"] = ["base"]

# Headers of libraries -> rooms that may see them. Programs are held to this again by what they link.
LIBRARIES = {
    "curl/": ["link"], "sqlite3.h": ["store", "tests/sandbox"], "libxml/": ["exchange", "tests/sandbox"], "inotifytools/": ["spool"],
    "pcre2.h": ["validate"], "archive.h": ["validate"], "archive_entry.h": ["validate"],
    "seccomp.h": ["daemon"], "p11-kit/": ["sign"], "openssl/": ["base", "codes", "fhir", "exchange", "sign", "link", "store", "daemon", "cli", "tests/sandbox"],
}

# What a program must not be able to do is what it must not link.
FORBIDDEN = {
    "clinsgwd": ["curl", "xml2", "inotifytools", "pcre2", "archive"],
    "clinsgw-spool": ["curl", "sqlite3", "xml2", "pcre2", "archive"],
    "clinsgw-convert": ["curl", "sqlite3", "inotifytools", "archive"],
    "clinsgw-sign": ["curl", "sqlite3", "xml2", "inotifytools", "pcre2", "archive"],
    "clinsgw-link": ["sqlite3", "inotifytools", "seccomp", "pcre2", "archive"],
    "clinsgw": ["curl", "inotifytools"],
}
LINES_MAX = 800


def sources():
    """(room, path) of every C file of the product and the stand-in."""
    for path in sorted(glob.glob(ROOT + "/gateway/*/**/*.[ch]", recursive=True) + glob.glob(ROOT + "/adapters/**/*.[ch]", recursive=True) +
                       glob.glob(ROOT + "/tests/sandbox/*.[ch]")):
        short = os.path.relpath(path, ROOT)
        parts = short.split(os.sep)
        yield ("tests/sandbox" if parts[0] == "tests" else "adapters" if parts[0] == "adapters" else parts[1]), short


def everything():
    """Paths of all that is written here as code, tests and scripts included."""
    patterns = ("gateway/**/*.[ch]", "adapters/**/*.[ch]", "tests/**/*.[ch]", "tests/**/*.py", "tests/**/*.sh", "tests/**/run", "certs/*.sh", "Makefile")
    return sorted({os.path.relpath(path, ROOT) for pattern in patterns for path in glob.glob(os.path.join(ROOT, pattern), recursive=True)})


def text_of(short):
    with open(os.path.join(ROOT, short), encoding="utf-8") as f:
        return f.read()


def includes():
    faults = []
    for room, short in sources():
        for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text_of(short), flags=re.M):
            first = name.split("/")[0]
            if "/" in name and first in ROOMS and first != room and first not in ROOMS[room]:
                faults.append("%s includes %s: %s may use %s" % (short, name, room, ", ".join(ROOMS[room]) or "no room"))
            for library, rooms in LIBRARIES.items():
                if (name.startswith(library) if library.endswith("/") else name == library) and room not in rooms:
                    faults.append("%s includes <%s>, which belongs to %s" % (short, name, ", ".join(rooms)))
    say("house_arrows_run_downward", faults)


def banned_comments():
    faults = []
    words = re.compile(r"\b(%s)\b" % "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")))  # in two pieces: this file is read, too
    for short in everything():
        faults += ["%s:%d: %s" % (short, n, line.strip()) for n, line in enumerate(text_of(short).splitlines(), 1) if words.search(line)]
    say("house_leaves_nothing_for_later", faults)


def contracts():
    faults = [short for _, short in sources() if short.endswith((".h", "main.c")) and not text_of(short).startswith("/*")]
    say("house_headers_open_with_a_contract", ["%s does not open with a comment" % f for f in faults])


def lengths():
    faults = []
    for short in everything():
        count = len(text_of(short).splitlines())
        if count > LINES_MAX:
            faults.append("%s has %d lines, more than %d" % (short, count, LINES_MAX))
    say("house_files_are_short", faults)


def programs():
    faults, hard, seen = [], [], 0
    for name, forbidden in sorted(FORBIDDEN.items()):
        path = os.path.join(BUILD, "bin", name)
        if not os.path.exists(path):
            faults.append("%s is not built" % name)
            continue
        dynamic = subprocess.run(["readelf", "-d", "-h", "-l", "-W", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[lib([^\]]+?)\.so", dynamic)
        print("     %s: %s" % (name, " ".join(sorted(needed))))
        seen += 1
        faults += ["%s links lib%s" % (name, n) for n in needed for f in forbidden if re.match(r"%s(-|\d|$)" % f, n)]
        if "DYN (" not in dynamic or "BIND_NOW" not in dynamic and "NOW" not in dynamic or "GNU_RELRO" not in dynamic:
            hard.append("%s is not position-independent with full RELRO" % name)
        if re.search(r"GNU_STACK.*RWE", dynamic):
            hard.append("%s has an executable stack" % name)
    if seen == 0:
        print("skip house_programs_link_what_they_need")
        return
    say("house_programs_link_what_they_need", faults)
    say("house_programs_are_hardened", hard)


def main():
    includes()
    banned_comments()
    contracts()
    lengths()
    programs()
    return status()


if __name__ == "__main__":
    sys.exit(main())
