#!/usr/bin/env python3
"""The units as systemd sees them: clean for `systemd-analyze verify`, users and folders accepted, exposure under a bound that may only fall."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
EXPOSURE_MAX = 2.0
failed = 0


def run(*words):
    p = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def say(name, good, detail=""):
    global failed
    for line in detail.splitlines() if not good else []:
        print("     " + line)
    print(("ok " if good else "FAIL ") + name)
    failed += not good


def verify(folder):
    """Paths of an installed system are replaced by ones that exist here; everything else is the unit as shipped."""
    shown = []
    for name in sorted(os.listdir(os.path.join(ROOT, "systemd"))):
        if not name.endswith(".service"):
            continue
        with open(os.path.join(ROOT, "systemd", name), encoding="utf-8") as f:
            text = re.sub(r"^(Exec\w+=[-+!@:]*)/usr/s?bin/clinsgwd?\b", r"\1/bin/true", f.read(), flags=re.M)
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)  # the manual pages are not installed
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        status, output = run("systemd-analyze", "verify", "--man=no", path)
        # Units of this machine that have nothing to do with ours are not our concern.
        ours = [line for line in output.splitlines() if name in line]
        if ours or (status != 0 and not output):
            shown += ours or ["%s: status %d" % (name, status)]
        security(path, name)
    say("systemd_verify_is_clean", not shown, "\n".join(shown))


def security(path, name):
    status, output = run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    match = re.search(r"Overall exposure level.*?: ([0-9.]+)", output)
    if match is None:
        say("systemd_security_of_" + name, False, output)
        return
    print("     %s: exposure %s, bound %.1f" % (name, match.group(1), EXPOSURE_MAX))
    say("systemd_security_of_" + name, float(match.group(1)) <= EXPOSURE_MAX, "\n".join(line for line in output.splitlines() if "✗" in line))


def users_and_folders(folder):
    for what, conf, place in (("sysusers", "clinsgw.sysusers", "etc/passwd"), ("tmpfiles", "clinsgw.tmpfiles", "var/spool/clinsgw")):
        tool = shutil.which("systemd-" + what)
        if tool is None:
            print("     systemd-%s is not here" % what)
            print("skip systemd_%s_accepts_its_file" % what)
            continue
        root = os.path.join(folder, "root")
        os.makedirs(os.path.join(root, "etc"), exist_ok=True)
        words = [tool, "--root=" + root, os.path.join(ROOT, "systemd", conf)]
        if what == "tmpfiles":
            words.insert(1, "--create")
        status, output = run(*words)
        if what == "tmpfiles" and os.geteuid() != 0:
            print("     not root")
            print("skip systemd_tmpfiles_accepts_its_file")
            continue
        say("systemd_%s_accepts_its_file" % what, status == 0 and os.path.exists(os.path.join(root, place)), output)


def names_agree():
    """Users that the configuration names by default are users that sysusers makes."""
    with open(os.path.join(ROOT, "systemd", "clinsgw.sysusers"), encoding="utf-8") as f:
        made = set(re.findall(r"^u (\S+)", f.read(), flags=re.M))
    with open(os.path.join(ROOT, "gateway", "daemon", "settings.c"), encoding="utf-8") as f:
        named = set(re.findall(r'"\w+_user", .*\.fallback = "([^"]+)"', f.read()))
    say("systemd_users_are_those_of_the_configuration", named and named <= made, "made %s, named %s" % (sorted(made), sorted(named)))


def main():
    if shutil.which("systemd-analyze") is None:
        print("     systemd-analyze is not here")
        print("skip systemd_units")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        verify(folder)
        users_and_folders(folder)
    names_agree()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
