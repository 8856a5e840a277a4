#!/usr/bin/env python3
"""`make install` into an empty folder: everything is there, the units start what is installed, and the pages find each other."""
import glob
import os
import re
import subprocess
import sys
import tempfile
from rules import say, status

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
WANTED = ["usr/bin/clinsgw", "usr/sbin/clinsgwd", "usr/lib/clinsgw/clinsgw-spool", "usr/lib/clinsgw/clinsgw-convert", "usr/lib/clinsgw/clinsgw-sign",
          "usr/lib/clinsgw/clinsgw-link", "usr/lib/systemd/system/clinsgwd.service", "usr/lib/sysusers.d/clinsgw.conf", "usr/lib/tmpfiles.d/clinsgw.conf",
          "etc/clinsgw/profiles/clins-2026.conf", "etc/clinsgw/clinsgw.conf.sample", "usr/share/man/man1/clinsgw.1", "usr/share/man/man5/clinsgw.conf.5",
          "usr/share/man/man8/clinsgwd.8", "usr/share/doc/clinsgw/operator-guide.md", "usr/share/doc/clinsgw/ja/operator-guide.md",
          "usr/share/doc/clinsgw/vendor-request.schema.json", "usr/share/doc/clinsgw/samples/04-lab-register.json"]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    if os.path.realpath(BUILD) != os.path.join(os.path.realpath(ROOT), "build", "release"):
        print("     only build/release is installed\nskip install")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        p = subprocess.run(["make", "-s", "install", "V=release", "DESTDIR=" + folder], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
        say("install_ends_well", p.stdout.splitlines()[-5:] if p.returncode != 0 else [])
        say("install_is_complete", ["%s is not installed" % name for name in WANTED if not os.path.exists(os.path.join(folder, name))])
        started = [word for unit in glob.glob(folder + "/usr/lib/systemd/system/*.service") for word in re.findall(r"^Exec\w+=[-+!@:]*(/usr/\S+)", read(unit), flags=re.M)]
        say("install_units_start_what_is_there", ["%s is not installed" % word for word in started if not os.path.exists(folder + word)] or ([] if started else ["no unit starts anything"]))
        say("install_has_no_stand_in", [path for path in glob.glob(folder + "/usr/**/*sandbox", recursive=True)])
        broken = []
        for page in glob.glob(folder + "/usr/share/doc/clinsgw/**/*.md", recursive=True):
            for target in re.findall(r"\]\(((?!(?:\.\./)+(?:certs|spool)/README|https?:|#)[^)#]+)", read(page)):
                if not os.path.exists(os.path.join(os.path.dirname(page), target)):
                    broken.append("%s: %s" % (os.path.basename(page), target))
        say("install_pages_find_each_other", sorted(set(broken)))
    return status()


if __name__ == "__main__":
    sys.exit(main())
