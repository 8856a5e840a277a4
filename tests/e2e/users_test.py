#!/usr/bin/env python3
"""The processes under users of their own, as the units start them: who runs as whom, with which rights, listening where; and that the whole way works so.

Needs root. Users of systemd/clinsgw.sysusers that are missing are made for the test and removed again. Programs are copied, so that every user can reach them.
"""
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from house import BIN, CLINIC, INSTRUMENTED, ROOT, CORE, Failure, House, Runner, equal, only, sample, true, until, write_package

OTHER = "1318814790"
USERS = {"clinsgwd": "clinsgw", "clinsgw-spool": "clinsgw-spool", "clinsgw-convert": "clinsgw-convert", "clinsgw-sign": "clinsgw-sign", "clinsgw-link": "clinsgw-link"}
STARTER = (1 << 6) | (1 << 7) | (1 << 5)  # CAP_SETGID, CAP_SETUID, CAP_KILL


def exists(user):
    try:
        pwd.getpwnam(user)
        return True
    except KeyError:
        return False


def make_users():
    """Those that were missing, with what the sysusers file says about groups."""
    made = [u for u in USERS.values() if not exists(u)]
    with open(os.path.join(ROOT, "systemd", "clinsgw.sysusers"), encoding="utf-8") as f:
        lines = [line.split() for line in f if line[:2] in ("u ", "m ", "g ")]
    named = {words[1] for words in lines if words[0] == "u"}
    equal(named, set(USERS.values()), "users of systemd/clinsgw.sysusers")
    for user in made:
        subprocess.run(["groupadd", "--system", "--force", user], check=True)
        subprocess.run(["useradd", "--system", "--gid", user, "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", user], check=True)
    for words in lines:
        if words[0] == "m" and words[1] in made:
            subprocess.run(["usermod", "-a", "-G", words[2], words[1]], check=True)
    return made


def own(path, user, mode=None, deep=False):
    entry = pwd.getpwnam(user)
    for folder, _, files in os.walk(path) if deep else [(path, [], [])]:
        for one in [folder, *[os.path.join(folder, name) for name in files]]:
            os.chown(one, entry.pw_uid, entry.pw_gid)
    if mode is not None:
        os.chmod(path, mode)


class Separate(House):
    """A house whose folders belong to whom the operator guide gives them."""

    def write_conf(self):
        self.gateway.update({user + "_user": name for user, name in (("desk", "clinsgw"), ("spool", "clinsgw-spool"), ("convert", "clinsgw-convert"), ("sign", "clinsgw-sign"),
                                                                     ("link", "clinsgw-link"))}, doors_dir=os.path.join(self.folder, "bin"))
        super().write_conf()
        os.chmod(self.folder, 0o755)
        shutil.copytree(BIN, os.path.join(self.folder, "bin"))
        for path in ("state", "run"):
            own(os.path.join(self.folder, path), "clinsgw", 0o750)
        os.makedirs(os.path.join(self.state, "sign"))
        own(os.path.join(self.state, "sign"), "clinsgw-sign", 0o700)
        own(os.path.join(self.folder, "secrets"), "clinsgw", 0o700, deep=True)
        for path in ("page", "spool"):
            own(os.path.join(self.folder, path), "clinsgw-spool", 0o755, deep=True)
        for path in (self.pki, self.pki + "/tls", self.pki + "/hpki", self.pki + "/hpki/anchors", self.pki + "/hpki/intermediates", self.pki + "/hpki/crls", self.pki + "/token"):
            os.chmod(path, 0o755)
        for folder in ("anchors", "intermediates", "crls"):
            for name in os.listdir(self.pki + "/hpki/" + folder):
                os.chmod(os.path.join(self.pki, "hpki", folder, name), 0o644)
        own(self.pki + "/token", "clinsgw-sign", 0o755, deep=True)
        for name in ("ca.crt", "facility-%s.crt" % CLINIC):
            os.chmod(os.path.join(self.pki, "tls", name), 0o644)
        own(os.path.join(self.pki, "tls", "facility-%s.key" % CLINIC), "clinsgw-link", 0o400)
        for path in ("share", "share/req", "share/res"):
            own(os.path.join(self.box.folder, path), "clinsgw-link", 0o755)


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def processes(house):
    return {**house.doors(), house.process.pid: "clinsgwd"}


def the_whole_way(house, sources):
    for source in sources:
        for base_name in ("05-infection-register.json", "14-letter-with-discharge-summary.json"):
            for other in ("14-discharge-summary.xml",):
                if base_name.startswith("14"):
                    source.drop(other, sample(other))
            source.drop(base_name, sample(base_name).replace(CLINIC.encode(), source.code.encode()))
            result = source.result(base_name)
            equal(only(result)["outcome"], "done", "%s\n%s" % (base_name, house.story()))
            until(lambda s=source, n=base_name: os.path.exists(s.path("done", n)), "done/")
    until(lambda: os.path.exists(os.path.join(house.folder, "page", "status.txt")), "the status page")


def users_and_rights(house):
    seen = set()
    for pid, name in processes(house).items():
        full = next((u for u in USERS if u.startswith(name)), name)
        s = status_of(pid)
        wanted = pwd.getpwnam(USERS[full]).pw_uid
        equal([int(u) for u in s["Uid"].split()], [wanted] * 4, "users of " + full)
        rights = STARTER if full == "clinsgwd" else 0
        equal([int(s[k], 16) for k in ("CapPrm", "CapEff", "CapAmb")], [rights] * 3, "capabilities of " + full)
        if full == "clinsgw-convert" and not INSTRUMENTED:
            equal(s["Seccomp"], "2", "seccomp of the workers")
        seen.add(full)
    equal(seen, set(USERS), "processes")


def nothing_listens(house):
    listening = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with open("/proc/net/" + table, encoding="ascii") as f:
            for line in list(f)[1:]:
                words = line.split()
                if words[3] == "0A" or table.startswith("udp"):
                    listening.add("socket:[%s]" % words[9])
    for pid, name in processes(house).items():
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            except FileNotFoundError:
                continue
            true(target not in listening, "%s listens on the network" % name)


def folders_are_closed(house):
    """What one door has another cannot open."""
    closed = [("clinsgw-convert", os.path.join(house.state, "store.db")), ("clinsgw-link", os.path.join(house.state, "store.db")), ("clinsgw-spool", os.path.join(house.state, "store.db")),
              ("clinsgw-sign", os.path.join(house.state, "store.db")), ("clinsgw-spool", os.path.join(house.folder, "secrets", "pin")),
              ("clinsgw-convert", os.path.join(house.pki, "tls", "facility-%s.key" % CLINIC))]
    for user, path in closed:
        true(os.path.exists(path), path)
        entry = pwd.getpwnam(user)
        p = subprocess.run(["head", "-c1", path], user=entry.pw_uid, group=entry.pw_gid,
                           extra_groups=os.getgrouplist(user, entry.pw_gid), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
        true(p.returncode != 0 and b"Permission denied" in p.stderr, "%s can open %s" % (user, path))


def packages_of_others(house):
    """A user who may read the folder of packages and not write it checks all the same; what is compiled for this user lies in the user's cache."""
    folder, cache, file = (os.path.join(house.folder, name) for name in ("fhir", "cache", "instance.json"))
    for name in ("core", "more"):
        write_package(os.path.join(house.folder, name + ".tgz"), name, [CORE])
    house.cli("package", "add", os.path.join(house.folder, "core.tgz"))
    house.cli("package", "use", "--set", "clins", "core-1.0.0.tgz")
    with open(file, "w", encoding="utf-8") as f:
        f.write('{"resourceType": "Bundle", "type": "collection"}')
    os.mkdir(cache)
    own(cache, "clinsgw-convert")

    def stranger(*words):
        command = ["runuser", "-u", "clinsgw-convert", "--", "env", "XDG_CACHE_HOME=" + cache, os.path.join(house.folder, "bin", "clinsgw"), "--config", house.conf, *words]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def cached():
        loose = os.path.join(cache, "clinsgw", "loose")
        return len([n for n in os.listdir(loose) if n.endswith(".image")]) if os.path.exists(loose) else 0

    given = stranger("validate", "--no-default-packages", "--package", os.path.join(house.folder, "core.tgz"), file)
    true(given.returncode != 2 and "CG-0002" not in given.stdout, "a package of its own: %s" % given.stdout)
    equal(cached(), 1, "compiled in the cache")
    ready = stranger("validate", "--set", "clins", file)
    equal((ready.stdout, cached()), (given.stdout, 1), "the set of the machine, as it was compiled")
    os.utime(os.path.join(folder, "packages", "core-1.0.0.tgz"), (1, 1))
    stale = stranger("validate", "--set", "clins", file)
    equal((stale.stdout, cached()), (given.stdout, 2), "and when its image is stale")
    for words in (["add", os.path.join(house.folder, "more.tgz")], ["use", "--set", "clins", "core-1.0.0.tgz"], ["remove", "core-1.0.0.tgz"]):
        refused = stranger("package", *words)
        true(refused.returncode == 1 and "CG-9320" in refused.stdout and folder in refused.stdout, "package %s: %s" % (words[0], refused.stdout))
    equal(stranger("package", "list").returncode, 0, "to look is allowed")


def reload_and_stop(house, sources):
    before = set(house.doors())
    house.process.send_signal(signal.SIGHUP)
    until(lambda: len(house.doors()) == len(before) and not before & set(house.doors()), "new doors after SIGHUP")
    document = re.sub(rb"SAMPLE-0005", b"AGAIN", sample("05-infection-register.json")).replace(b"LAB-20251020-0043", b"LAB-2")
    sources[0].drop("again.json", document)
    equal(sources[0].result("again.json")["outcome"], "done", "after the reload")
    users_and_rights(house)
    equal(house.stop(), 0, "exit status")
    true(not [p for p in os.listdir("/proc") if p.isdigit() and house.folder.encode() in command_line(p)], "nothing runs any more")


def command_line(pid):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as f:
            line = f.read()
        return b"" if b"clinsgw-sandbox" in line else line
    except OSError:
        return b""


def main():
    if os.getuid() != 0:
        print("     only root can start processes under other users\nskip users")
        return 0
    if not all(shutil.which(tool) for tool in ("useradd", "userdel")):
        print("     useradd is not installed\nskip users")
        return 0
    made, runner = make_users(), Runner("users")
    try:
        with Separate("users") as h:
            h.gateway["fhir_dir"] = os.path.join(h.folder, "fhir")
            h.sandbox(institutions=(OTHER,))
            h.link("web", "web", h.box)
            h.link("terminal", "folder", h.box)
            h.facility(CLINIC, link="web")
            h.facility(OTHER, link="terminal")
            sources = [h.source("karte", CLINIC), h.source("lab", OTHER)]
            h.start()
            until(lambda: len(h.doors()) == 5, "five doors\n" + h.story())
            runner.run("the_whole_way", the_whole_way, h, sources)
            runner.run("users_and_rights", users_and_rights, h)
            runner.run("nothing_listens", nothing_listens, h)
            runner.run("folders_are_closed", folders_are_closed, h)
            runner.run("packages_of_others", packages_of_others, h)
            runner.run("reload_and_stop", reload_and_stop, h, sources)
    finally:
        for program in ("userdel", "groupdel"):
            for user in made:
                subprocess.run([program, user], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
