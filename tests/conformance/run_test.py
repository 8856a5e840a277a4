#!/usr/bin/env python3
"""tests/run must see every way in which a test program can fail, else nothing that it counts is worth believing."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failed = 0

# program text, last line wanted, exit status wanted
CASES = {
    "counts": ("echo 'ok a'; echo '     why'; echo 'skip b'", "1 passed, 0 failed, 1 skipped", 0),
    "sees_a_failed_test": ("echo 'ok a'; echo 'FAIL b'; exit 1", "1 passed, 1 failed, 0 skipped", 1),
    "sees_a_failed_test_with_good_status": ("echo 'ok a'; echo 'FAIL b'", "1 passed, 1 failed, 0 skipped", 1),
    "sees_a_bad_status": ("echo 'ok a'; exit 3", "1 passed, 1 failed, 0 skipped", 1),
    "sees_a_crash": ("echo 'ok a'; kill -SEGV $$", "1 passed, 1 failed, 0 skipped", 1),
    "sees_silence": ("echo 'okay, ok'", "0 passed, 1 failed, 0 skipped", 1),
    "ends_what_hangs": ("echo 'ok a'; exec sleep 600", "1 passed, 1 failed, 0 skipped", 1),
    "ends_what_is_left_behind": ("sleep 600 & echo 'ok a'", "1 passed, 1 failed, 0 skipped", 1),
    "is_not_content_with_skips_alone": ("echo 'skip a'", "0 passed, 0 failed, 1 skipped", 1),
}


def check(name, text, last, status):
    global failed
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program")
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        p = subprocess.run([os.path.join(ROOT, "tests", "run"), "--timeout", "2", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    good = p.stdout.splitlines()[-1:] == [last] and p.returncode == status
    if not good:
        print("".join("     %s\n" % line for line in p.stdout.splitlines()) + "     status %d" % p.returncode)
        failed += 1
    print(("ok" if good else "FAIL") + " run_" + name)


for case, (text, last, status) in CASES.items():
    check(case, text, last, status)
sys.exit(1 if failed else 0)
