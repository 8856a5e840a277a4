#!/usr/bin/env python3
"""The terminal folder over a real Samba share: smbd on loopback, mounted through smbnetfs (FUSE), because kernels without CIFS are common.

The stand-in terminal works on the server's side, the gateway on the mounted side. Everything lies in a mount namespace and in folders of its own, so that
nothing of it is seen outside and nothing stays behind. Skipped where FUSE or mounting is not to be had.
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as tree

from house import CLINIC, Failure, House, Runner, digest, equal, messages, only, sample, tail, true, until

INSIDE = "CLINSGW_SAMBA_INSIDE"
# Files of others, as they lie on such a share: requests and answers of other systems, another gateway's answer and temporary, notes, a folder.
FOREIGN = {"req/OQSsiquc01req_20251020OTHER01.xml": b"<?xml version=\"1.0\"?><a/>", "req/EPSsipr01req_123456789012.tmp": b"half", "req/.clinsgw-OTHERHOST0001abcdefghi.tmp": b"other gateway",
           "res/OQSsiquc01res_20251020OTHER01.xml": b"<?xml version=\"1.0\"?><b/>", "res/CISsidoc01res_OTHERMAKER000001.xml": b"<?xml version=\"1.0\"?><c/>",
           "res/CISsidoc01err_OTHERMAKER000002.xml": b"<?xml version=\"1.0\"?><d/>", "memo.txt": "覚え書き".encode(), "backup/old.xml": b"<old/>"}


def why_not():
    for program in ("smbd", "smbnetfs", "fusermount", "unshare", "mount"):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            return program + " is not installed"
    if os.getuid() != 0:
        return "only root may run smbd and mount"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError as e:
        return "/dev/fuse: " + e.strerror
    p = subprocess.run(["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if p.returncode == 0 else "nothing can be mounted here: " + p.stdout.strip().replace("\n", "; ")


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Samba:
    """smbd with a share and a mount of it. `share` is the server's side, `point` where the gateway looks."""

    def __init__(self, folder, share):
        self.folder, self.share, self.port = folder, share, free_port()
        self.home, self.all, self.point = (os.path.join(folder, n) for n in ("home", "all", "point"))
        self.log = os.path.join(folder, "smbd.log")
        self.server, self.fuse, self.mounted = None, None, False
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "home/.smb", "all", "point"):
            os.makedirs(os.path.join(folder, name))
        self.conf = os.path.join(folder, "smb.conf")
        private = "".join("%s = %s/%s\n" % (key, folder, name) for key, name in (("private dir", "private"), ("lock directory", "lock"), ("state directory", "state"),
                          ("cache directory", "cache"), ("pid directory", "pid"), ("ncalrpc dir", "ncalrpc")))
        with open(self.conf, "w", encoding="ascii") as f:
            f.write("[global]\nsmb ports = %d\ninterfaces = lo\nbind interfaces only = yes\ndisable netbios = yes\nserver role = standalone server\nload printers = no\n"
                    "disable spoolss = yes\nmap to guest = Bad User\nguest account = root\npassdb backend = smbpasswd:%s/private/passwd\n%s"
                    "[terminal]\npath = %s\nguest ok = yes\nread only = no\nforce user = root\n" % (self.port, folder, private, share))
        for name, text in (("smb.conf", "[global]\nclient min protocol = SMB2\n"), ("smbnetfs.conf", 'smb_query_browsers "off"\nsmb_timeout 3000\nneg_cache "off"\n')):
            with open(os.path.join(self.home, ".smb", name), "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
                f.write(text)
        self.start()
        with open(os.path.join(folder, "smbnetfs.log"), "wb") as log:
            self.fuse = subprocess.Popen(["smbnetfs", self.all, "-f"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, HOME=self.home))
        until(lambda: os.path.ismount(self.all), "smbnetfs mounts")
        self.mount()

    def start(self):
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(["smbd", "--foreground", "--no-process-group", "--debug-stdout", "-s", self.conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))

        def listens():
            true(self.server.poll() is None, lambda: "smbd has ended\n" + tail(self.log))
            with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", self.port), 1)):
                return True
            return False
        until(listens, "smbd listens")

    def stop(self):
        """smbd with all its children: a terminal that is switched off."""
        if self.server is not None and self.server.poll() is None:
            mine = [self.server.pid, *self.children(self.server.pid)]
            for pid in mine:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self.server.wait()
            until(lambda: not any(self.is_smbd(pid) for pid in mine), "smbd is gone")

    @staticmethod
    def is_smbd(pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
                text = f.read()
            return "(smbd" in text and text.rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    @staticmethod
    def children(parent):
        found = []
        for folder in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open("/proc/%s/stat" % folder, encoding="utf-8", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(folder))
        return found

    def mount(self):
        place = os.path.join(self.all, "127.0.0.1:%d" % self.port, "terminal")
        until(lambda: os.path.isdir(place), lambda: "the share is seen\n" + tail(self.log))
        p = subprocess.run(["mount", "--bind", place, self.point], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        equal((p.returncode, p.stdout), (0, ""), "mount")
        self.mounted = True

    def unmount(self):
        """What is left is an empty folder, as after a boot without the network."""
        if self.mounted:
            p = subprocess.run(["umount", "-l", self.point], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            equal((p.returncode, p.stdout), (0, ""), "umount")
            self.mounted = False

    def close(self):
        self.unmount()
        subprocess.run(["umount", "-l", self.all], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.fuse is not None:
            self.fuse.terminate()
            try:
                self.fuse.wait(10)
            except subprocess.TimeoutExpired:
                self.fuse.kill()
                self.fuse.wait()
        self.stop()


class Room:
    """What the tests share: the house, the share, the vendor, and a count of units."""

    def __init__(self, house, samba, source):
        self.house, self.samba, self.source, self.count = house, samba, source, 0

    def lab(self):
        self.count += 1
        document = self.source.request("04-lab-register.json")
        document["units"][0]["key"] = "LAB-%d" % self.count
        return document

    def letter(self, bulk=0):
        """A letter with its two attachments beside it; the PDF made larger on request. Returns the names of the attachments, too."""
        self.count += 1
        document = self.source.request("06-letter-register.json")
        unit = document["units"][0]
        unit["key"] = "REF-%d" % self.count
        for attachment in unit["attachments"]:
            name = "%d-%s" % (self.count, attachment["file"])
            data = sample(attachment["file"])
            if bulk and name.endswith(".pdf"):
                data += b"".join(b"%% %08d\n" % n for n in range(bulk // 11))
            self.source.drop(name, data)
            attachment["file"] = name
        return document

    def stands_once(self, result):
        equal(result["outcome"], "done", json.dumps(result, ensure_ascii=False)[:1500])
        for message in messages(result):
            equal(self.house.box.effects(message["bundle_id"]), ["registered"], "effects of " + message["bundle_id"])
            equal(self.house.box.held(message["bundle_id"])[message["bundle_id"]]["sha256"], self.house.sent_digest(message), "bytes at the service")

    def all_stand_once(self, names):
        for name in names:
            self.stands_once(self.source.result(name))

    def share_is_down(self):
        return any("CG-7049" in line for line in self.house.status_log())

    def links_are_up(self):
        page = json.loads(self.house.cli("status", "--json", good=False).stdout)  # the exit status says how it is
        return all(link["up"] for link in page["links"])

    def held(self):
        return len(self.house.box.held())


def put_foreign(share):
    for name, data in FOREIGN.items():
        path = os.path.join(share, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))


def foreign_untouched(room):
    for name, data in FOREIGN.items():
        path = os.path.join(room.samba.share, name)
        true(os.path.exists(path), name + " is gone")
        with open(path, "rb") as f:
            equal(f.read(), data, name)
        equal(os.stat(path).st_mtime_ns, 1_700_000_000_000_000_000, "time of " + name)
    mine = []
    for folder in ("req", "res"):
        mine += [folder + "/" + n for n in os.listdir(os.path.join(room.samba.share, folder)) if folder + "/" + n not in FOREIGN]
    equal(mine, [], "nothing of ours is left on the share")


def registers(room):
    """A lab report and a letter, there and back."""
    room.stands_once(room.source.send("lab.json", room.lab()))
    room.stands_once(room.source.send("letter.json", room.letter()))


def files_are_complete(room):
    """Requests are whole from the moment at which they have their name: seen on the server's side while a 3 MB one is being written through the mount."""
    house, req, sizes, end = room.house, os.path.join(room.samba.share, "req"), {}, threading.Event()
    house.box.control("pause")

    def look():
        while not end.is_set():
            for name in os.listdir(req):
                if name.startswith("CIS") and "req/" + name not in FOREIGN:
                    with contextlib.suppress(FileNotFoundError):
                        sizes.setdefault(name, set()).add(os.stat(os.path.join(req, name)).st_size)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        room.source.drop("big.json", room.letter(bulk=3_000_000))
        until(lambda: sizes, lambda: "the request is on the share\n" + house.story())
        name = next(iter(sizes))
        with open(os.path.join(req, name), "rb") as f:
            raw = f.read()
    finally:
        end.set()
        watcher.join()
        house.box.control("resume")
    equal(sizes, {name: {len(raw)}}, "sizes seen under the final name")
    true(len(raw) > 5_000_000, "Base64 in Base64: %d bytes" % len(raw))
    tree.fromstring(raw)
    result = room.source.result("big.json")
    room.stands_once(result)
    equal(digest(house.cli("export", only(result)["message"], "--what", "request").stdout), digest(raw), "the request as stored")


def stopped_and_started(room):
    """The terminal is off: letters dropped meanwhile wait, nothing is lost or doubled, and people are told."""
    before = room.held()
    room.samba.stop()
    names = [room.source.drop("off-letter-%d.json" % n, room.letter()) for n in range(3)] + [room.source.drop("off-lab-%d.json" % n, room.lab()) for n in range(3)]
    until(room.share_is_down, lambda: "CG-7049 in the status log\n" + room.house.story())
    until(lambda: all(os.path.exists(room.source.path("out", n + ".status.json")) for n in names), "the vendor sees that they are waiting")
    equal(room.held(), before, "registered while the share was away")
    true(not room.links_are_up(), "clinsgw status shows the loss")
    room.samba.start()
    room.all_stand_once(names)
    until(room.links_are_up, "clinsgw status: up again")


def stopped_with_requests_out(room):
    """Requests lie on the share when it goes; the terminal works on while the gateway cannot see it; the answers are found afterwards."""
    house, req = room.house, os.path.join(room.samba.share, "req")
    house.box.control("pause")
    names = [room.source.drop("out-letter.json", room.letter()), room.source.drop("out-lab.json", room.lab())]
    until(lambda: len([n for n in os.listdir(req) if n.startswith("CIS")]) == 2, lambda: "both requests are on the share\n" + house.story())
    before = room.held()
    room.samba.stop()
    house.box.control("resume")
    until(lambda: room.held() == before + 2, "the terminal has worked")
    for name in names:
        true(room.source.has_result(name) is None, name + " cannot be known to be done")
    room.samba.start()
    room.all_stand_once(names)


def stopped_anywhere(room):
    """The server dies while a batch is on its way, twice, at no chosen place."""
    names = []
    for turn in range(2):
        before = room.held()
        names += [room.source.drop("any-letter-%d-%d.json" % (turn, n), room.letter()) for n in range(2)]
        names += [room.source.drop("any-lab-%d-%d.json" % (turn, n), room.lab()) for n in range(4)]
        until(lambda: room.held() > before, lambda: "the batch is on its way\n" + room.house.story())
        room.samba.stop()
        until(lambda: not room.links_are_up(), "the loss is seen")
        room.samba.start()
    room.all_stand_once(names)


def unmounted(room):
    """An empty mount point has no marker: nothing is sent, nothing is made there."""
    before = room.held()
    room.samba.unmount()
    equal(os.listdir(room.samba.point), [], "the empty mount point")
    name = room.source.drop("unmounted.json", room.letter())
    until(lambda: not room.links_are_up(), "the loss is seen")
    until(lambda: os.path.exists(room.source.path("out", name + ".status.json")), "the vendor sees that it waits")
    equal(os.listdir(room.samba.point), [], "nothing is made under the empty mount point")
    equal(room.held(), before, "nothing is registered")
    true(room.source.has_result(name) is None, "it waits")
    room.samba.mount()
    room.all_stand_once([name])


def ends_cleanly(room):
    equal(room.house.stop(), 0, "exit status")


CASES = [registers, files_are_complete, stopped_and_started, stopped_with_requests_out, stopped_anywhere, unmounted, foreign_untouched, ends_cleanly]


def main():
    runner = Runner("samba")
    if INSIDE not in os.environ:
        reason = why_not()
        if reason is None:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
        runner.run("terminal_folder", lambda: reason)
        return runner.end()
    # Answers may be away for as long as the share is; the rest as in a real clinic, only quicker.
    with House("samba", profile={"answer_time": "20s", "poll_time": "50ms", "taken_time": "20s", "equal_reads_time": "50ms"}) as house:
        box = house.sandbox()
        samba = Samba(os.path.join(house.folder, "samba"), box.share)
        try:
            put_foreign(box.share)
            house.section("link terminal", type="terminal", folder=samba.point, profile="test", sessions=4)
            house.facility(CLINIC, link="terminal")
            room = Room(house, samba, house.source("karte", attachment_wait="20s"))
            house.start()
            for case in CASES:
                runner.run(case.__name__, case, room)
            house.stop()
        except Failure:
            print(tail(samba.log))
            raise
        finally:
            house.stop()
            samba.close()
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
