#!/usr/bin/env python3
"""The end-to-end tests that touch most code, once more with programs built by AddressSanitizer and UndefinedBehaviorSanitizer (build/asan)."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "release"))
SANITIZED = os.path.join(os.path.dirname(os.path.normpath(BUILD)), "asan")
TESTS = ("kinds_test.py", "bad_input_test.py", "kill_test.py", "unknown_test.py")


def main():
    if not os.path.exists(os.path.join(SANITIZED, "bin", "clinsgwd")):
        print("     %s is not built: make V=asan\nskip sanitized" % SANITIZED)
        return 0
    failed = False
    for test in TESTS:
        p = subprocess.run([sys.executable, os.path.join(HERE, test)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, CLINSGW_BUILD=SANITIZED))
        text = p.stdout.decode("utf-8", "replace")
        sys.stdout.write(re.sub(r"(?m)^(ok|FAIL|skip) ", r"\1 sanitized_", text))
        if p.returncode != 0 and "\nFAIL " not in "\n" + text:
            print("FAIL sanitized_%s: exit status %d" % (test, p.returncode))
        failed = failed or p.returncode != 0
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
