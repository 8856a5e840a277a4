"""A whole house for tests: demo PKI, stand-in service, gateway, and a vendor who drops files. Used by the end-to-end tests, by tests/crash and by the demo.

    with House("name") as house:
        clinic = house.facility("1319999999", link="web")     # link, facility, source "karte"
        house.start()
        result = clinic.send("04-lab-register.json")           # drops a sample, waits for NAME.result.json
        house.box.count(...)

Nothing here sleeps: until() asks again and again, with an end. CLINSGW_BUILD picks the build, CLINSGW_KEEP=1 leaves the folder for a look.
"""
import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
BIN = os.path.join(BUILD, "bin")
SAMPLES = os.path.join(ROOT, "docs", "samples")
PROFILE = os.path.join(ROOT, "gateway", "exchange", "profiles", "clins-2026.conf")
CLINIC = "1319999999"           # the institution of docs/samples
INSTRUMENTED = "asan" in os.path.basename(BUILD)
WAIT = 60.0 if INSTRUMENTED else 30.0
PAUSE = threading.Event()       # never set: a wait on it is a pause between two questions

# The shipped profile with times for a test: seconds become tens of milliseconds.
QUICK = {"answer_time": "2500ms", "settle_time": "700ms", "result_first": "100ms", "result_max": "200ms", "pending_time": "20s", "taken_time": "4s",
         "retry_first": "100ms", "retry_max": "200ms", "poll_time": "20ms", "sweep_time": "500ms", "equal_reads_time": "20ms", "login_pause": "50ms",
         "connect_time": "3s", "call_time": "1200ms"}


class Failure(Exception):
    pass


def equal(got, want, what=""):
    if got != want:
        raise Failure("%s: got %r, want %r" % (what, got, want))


def true(value, what):
    if not value:
        raise Failure(what() if callable(what) else what)


def until(question, what, seconds=WAIT):
    """The first answer that is not false; asks every few milliseconds, for a bounded time."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure("never: " + (what() if callable(what) else what))
        PAUSE.wait(0.01)


def sample(name):
    with open(os.path.join(SAMPLES, name), "rb") as f:
        return f.read()


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join("     | " + line for line in f.readlines()[-lines:])
    except OSError as e:
        return "     | %s\n" % e


def make_pki(folder, codes):
    """The demo PKI, made once for all tests of a build folder; its token copied, so that every house has a card of its own."""
    cache = os.path.join(os.path.dirname(BUILD), "demo-pki")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(cache, "made")
        have = set()
        if os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < 86400:
            have = set(open(stamp, encoding="ascii").read().split())
        if not have >= set(codes):
            codes = sorted(have | set(codes) | {CLINIC, "1318814790", "1311234567"})
            p = subprocess.run([os.path.join(ROOT, "certs", "make-demo-pki.sh"), os.path.join(cache, "pki"), *codes], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if p.returncode != 0:
                raise Failure("make-demo-pki.sh: " + p.stdout)
            with open(stamp, "w", encoding="ascii") as f:
                f.write(" ".join(codes))
        shutil.copytree(os.path.join(cache, "pki"), folder)
    conf = os.path.join(folder, "token", "softhsm2.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write("directories.tokendir = %s/token/tokens\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n" % folder)
    return folder


# ---- the stand-in service ----

class Box:
    """One stand-in service with both links."""

    def __init__(self, folder, pki, institutions=(), certificate=CLINIC):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.pki = folder, pki
        self.share, self.socket, self.log = (os.path.join(folder, n) for n in ("share", "control", "log"))
        self.words = [os.path.join(BIN, "clinsgw-sandbox"), "--db", os.path.join(folder, "sandbox.db"), "--tls-cert", pki + "/tls/server.crt",
                      "--tls-key", pki + "/tls/server.key", "--client-ca", pki + "/tls/ca.crt", "--hpki-ca", pki + "/hpki/service", "--share", self.share,
                      "--control", self.socket, "--user", "clinic", "--password", "secret", "--scan-ms", "5", "--verbose"]
        for code in dict.fromkeys((certificate, *institutions)):
            self.words += ["--institution", "%s:%s" % (code, certificate)]
        self.port, self.process = 0, None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.words, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        true(line.startswith("listening "), lambda: "clinsgw-sandbox: " + tail(self.log))
        self.port = int(line.split()[1])
        equal(self.process.stdout.readline().strip(), "ready", "clinsgw-sandbox")

    def control(self, *words):
        p = subprocess.run([self.words[0], "ctl", self.socket, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if p.returncode != 0:
            raise Failure("ctl %s: %s" % (" ".join(words), p.stdout))
        return p.stdout.splitlines()

    def ctl(self, *words):
        return [json.loads(line) for line in self.control(*words) if line.startswith("{")]

    def fault(self, *words):
        """Adds a fault and returns its number."""
        return int(self.control("fault", "add", *words)[-1].split()[1])

    def hits(self, fault):
        return next(row["hits"] for row in self.ctl("fault", "list") if row["fault"] == fault)

    def held(self, bundle_id=None, data=False):
        words = (["--bundle-id", bundle_id] if bundle_id else []) + (["--bytes"] if data else [])
        return {r["bundle_id"]: r for r in self.ctl("dump", *words)}

    def effects(self, bundle_id=None):
        """What was done, in order: "registered", "changed", ..., without questions and refusals."""
        rows = self.ctl("requests", *(["--bundle-id", bundle_id] if bundle_id else []))
        return [r["effect"] for r in rows if r["effect"] in ("registered", "overwritten", "changed", "cancelled")]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None:
            self.process.stdout.close()


# ---- FHIR packages ----

def write_package(path, name, resources):
    with tarfile.open(path, "w:gz") as tar:
        for i, content in enumerate([{"name": name, "version": "1.0.0", "fhirVersions": ["4.0.1"]}] + resources):
            data = json.dumps(content).encode()
            info = tarfile.TarInfo("package/package.json" if i == 0 else "package/%d.json" % i)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


# The least that a set of packages is taken with.
CORE = {"resourceType": "StructureDefinition", "url": "http://hl7.org/fhir/StructureDefinition/Bundle", "version": "4.0.1", "name": "Bundle", "kind": "resource", "type": "Bundle",
        "derivation": "specialization", "snapshot": {"element": [{"id": "Bundle", "path": "Bundle", "min": 0, "max": "*"}]}}


# ---- the vendor ----

class Source:
    """A vendor's folder."""

    def __init__(self, house, name, code, root, box=None):
        self.house, self.name, self.code, self.root, self.box = house, name, code, root, box
        os.makedirs(root, exist_ok=True)
        self.given = 0

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def drop(self, name, data, place="in"):
        """As a vendor does it: written under an unfinished name, then renamed."""
        raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False, indent=1).encode()
        unfinished = self.path(place, "." + name + ".tmp")
        with open(unfinished, "wb") as f:
            f.write(raw)
        os.rename(unfinished, self.path(place, name))
        return name

    def has_result(self, name, place="out"):
        path = self.path(place, name + ".result.json")
        return read_json(path) if os.path.exists(path) else None

    def result(self, name, place="out", seconds=WAIT):
        def question():
            true(self.house.process.poll() is None, lambda: "clinsgwd has ended with %s\n%s" % (self.house.process.returncode, self.house.story()))
            return self.has_result(name, place)
        return until(question, lambda: "%s.result.json of %s\n%s" % (name, self.name, self.house.story()), seconds)

    def send(self, name, data=None, attachments=(), seconds=WAIT):
        """Drops a sample of docs/samples (or data) with the attachments that it names, and waits for the result."""
        for other in attachments:
            self.drop(other, sample(other))
        return self.result(self.drop(name, sample(name) if data is None else data), seconds=seconds)

    def request(self, base, **changes):
        """A sample as a dictionary with a request_id of its own, for this source's institution."""
        self.given += 1
        document = json.loads(sample(base))
        document["request_id"] = "%s-%d" % (self.name, self.given)
        document["institution"]["code"] = self.code
        document.update(changes)
        return document


# ---- the gateway ----

class House:
    def __init__(self, name="house", profile=None, gateway=None, signer="pkcs11", language="ja", folder=None):
        self.keep = folder is not None or bool(os.environ.get("CLINSGW_KEEP"))
        self.folder = folder or tempfile.mkdtemp(prefix="clinsgw-%s-" % name)
        self.profile = dict(QUICK, **(profile or {}))
        self.profiles = {"test": {}}  # name -> {operation: how an unknown outcome is settled}
        self.sections_of = {}  # name of a profile -> text of sections that the shipped one does not have
        self.gateway = dict(gateway or {})
        self.signer, self.language = signer, language
        self.sections, self.sources, self.boxes = [], [], []
        self.process, self.notify, self.ended = None, None, []
        self.state, self.run = os.path.join(self.folder, "state"), os.path.join(self.folder, "run")
        self.conf, self.errors = os.path.join(self.folder, "clinsgw.conf"), os.path.join(self.folder, "clinsgwd.log")
        self.pki = make_pki(os.path.join(self.folder, "pki"), [CLINIC])
        self.env = dict(os.environ, SOFTHSM2_CONF=self.pki + "/token/softhsm2.conf")
        for folder_name in ("state", "run", "profiles", "page", "secrets"):
            os.makedirs(os.path.join(self.folder, folder_name), exist_ok=True)
        shutil.copy(self.pki + "/token/pin", os.path.join(self.folder, "secrets", "pin"))
        with open(os.path.join(self.folder, "secrets", "password"), "w", encoding="ascii") as f:
            f.write("secret\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stdout.write(self.story())
        self.close()

    # ---- what it is made of ----

    def section(self, head, **keys):
        self.sections.append((head, {k: v for k, v in keys.items() if v is not None}))

    def sandbox(self, name="box", institutions=(), settings=()):
        box = Box(os.path.join(self.folder, name), self.pki, institutions)
        for setting in settings:
            box.ctl("set", setting)
        self.boxes.append(box)
        return box

    @property
    def box(self):
        return self.boxes[0]

    def link(self, name, kind, box=None, sessions=4, profile="test", **more):
        """A route: kind is web, folder or sink."""
        more.update(profile=profile, sessions=sessions)
        if kind == "web":
            url = "https://localhost:%d" % box.port
            self.section("link " + name, type="webapi", login_url=url, api_url=url, login_user="clinic",
                         login_password_file=os.path.join(self.folder, "secrets", "password"), certificate="%s/tls/facility-%s.crt" % (self.pki, CLINIC),
                         key="%s/tls/facility-%s.key" % (self.pki, CLINIC), ca=self.pki + "/tls/ca.crt", **more)
        elif kind == "folder":
            self.section("link " + name, type="terminal", folder=box.share, **more)
        else:
            self.section("link " + name, type="sink", **more)

    def facility(self, code=CLINIC, link="web", signing="require", **more):
        self.section("facility " + code, name="見本内科クリニック", link=link, signing=signing, signer="D001" if signing != "never" else None, **more)

    def source(self, name, code=CLINIC, box=None, **more):
        source = Source(self, name, code, os.path.join(self.folder, "spool", name), box)
        keys = dict(facility=code, root=source.root, settle="300ms", attachment_wait="3s")
        keys.update(more)
        self.section("source " + name, **keys)
        self.sources.append(source)
        return source

    def write_conf(self):
        gateway = dict(state_dir=self.state, run_dir=self.run, doors_dir=BIN, profile_dir=os.path.join(self.folder, "profiles"), page_dir=os.path.join(self.folder, "page"),
                       trust_dir=self.pki + "/hpki/anchors", intermediate_dir=self.pki + "/hpki/intermediates", crl_dir=self.pki + "/hpki/crls", language=self.language, ballast="1MB", low_water_intake="1MB", low_water_send="1MB",
                       desk_user="root", spool_user="root", convert_user="root", sign_user="root", link_user="root")
        if os.getuid() != 0:  # nobody can be changed to
            gateway = {k: v for k, v in gateway.items() if not k.endswith("_user")}
        gateway.update(self.gateway)
        sections = [("gateway", gateway)]
        if self.signer in ("pkcs11", "hsm"):
            sections.append(("signer D001", dict(type="pkcs11", module=open(self.pki + "/token/module").read().strip(), token="HPKI Application",
                                                 pin_credential=os.path.join(self.folder, "secrets", "pin"), keep_login="yes" if self.signer == "hsm" else "no")))
        elif self.signer == "attended":
            sections.append(("signer D001", dict(type="pkcs11", module=open(self.pki + "/token/module").read().strip(), token="HPKI Application")))
        else:
            sections.append(("signer D001", dict(type="key_file", key=self.pki + "/hpki/doctor.key", certificate=self.pki + "/hpki/doctor-chain.crt")))
        with open(self.conf, "w", encoding="utf-8") as f:
            for head, keys in sections + self.sections:
                f.write("[%s]\n" % head)
                for key, value in keys.items():
                    f.write('%s = "%s"\n' % (key, value))
                f.write("\n")
        with open(PROFILE, encoding="utf-8") as f:
            text = f.read()
        for key, value in self.profile.items():
            text, n = re.subn(r"(?m)^%s = [^#\n]*" % re.escape(key), "%s = %s " % (key, value), text)
            true(n == 1, "profile key %s" % key)
        for name, settles in self.profiles.items():
            own = text
            for operation, settle in settles.items():
                own, n = re.subn(r"(?m)^(\[operation %s\]\n(?:[^\[\n].*\n)*?settle = )\w+" % re.escape(operation), r"\g<1>" + settle, own)
                true(n == 1, "profile operation %s" % operation)
            with open(os.path.join(self.folder, "profiles", name + ".conf"), "w", encoding="utf-8") as f:
                f.write(own + self.sections_of.get(name, ""))

    # ---- life ----

    def start(self, ready=True):
        self.write_conf()
        path = os.path.join(self.folder, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o666)
        self.launch()
        if ready:
            self.wait_ready()
            until(lambda: all(os.path.isdir(s.path("try")) for s in self.sources), "the vendors' folders")
        return self

    def launch(self):
        with open(self.errors, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "clinsgwd"), self.conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=dict(self.env, NOTIFY_SOCKET=os.path.join(self.folder, "notify")))

    def wait_ready(self):
        self.notify.settimeout(0.2)

        def question():
            if self.process.poll() is not None:
                raise Failure("clinsgwd ended with %d\n%s" % (self.process.returncode, self.story()))
            try:
                return b"READY=1" in self.notify.recv(4096)
            except socket.timeout:
                return False
        until(question, "READY=1 of clinsgwd")

    def doors(self):
        """{pid: program} of the living door processes."""
        found = {}
        for folder in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % folder, encoding="utf-8", errors="replace") as f:
                    name, rest = f.read().rsplit(")", 1)
            except OSError:
                continue
            state, parent = rest.split()[:2]
            if int(parent) == self.process.pid and state not in "ZX":
                found[int(folder)] = name.split("(", 1)[1]
        return found

    def kill(self, program):
        """kill -9 of the desk ("clinsgwd") or of every door whose name begins so; True when there was one."""
        if program == "clinsgwd":
            self.process.kill()
            self.process.wait()
            return True
        hit = False
        for pid, name in self.doors().items():
            if name.startswith(program[:15]):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    hit = True
        return hit

    def restart(self):
        while True:  # what the dead one had said
            try:
                self.notify.settimeout(0.001)
                self.notify.recv(4096)
            except OSError:
                break
        self.launch()
        self.wait_ready()

    def stop(self):
        """SIGTERM; the exit status. A sanitizer's report is a failure of its own."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("clinsgwd did not stop\n" + self.story())
        with open(self.errors, encoding="utf-8", errors="replace") as f:
            reports = [line for line in f if "Sanitizer" in line or "runtime error:" in line]
        true(not reports, lambda: "".join(reports) + self.story())
        return status

    def close(self):
        try:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        finally:
            if self.notify is not None:
                self.notify.close()
            for box in self.boxes:
                box.stop()
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    # ---- looking ----

    def cli(self, *words, good=True, text=None):
        p = subprocess.run([os.path.join(BIN, "clinsgw"), "--config", self.conf, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, input=text)
        if good and p.returncode != 0:
            raise Failure("clinsgw %s: status %d\n%s%s" % (" ".join(words), p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")))
        return p

    def cli_json(self, *words):
        return json.loads(self.cli(*words, "--json").stdout)

    def sent_digest(self, message):
        """SHA-256 of the Bundle as it left, from the store: signed where it was signed."""
        p = self.cli("export", message["message"], "--what", "signed", good=False)
        if p.returncode != 0:
            p = self.cli("export", message["message"], "--what", "bundle")
        return digest(p.stdout)

    def status_log(self):
        try:
            with open(os.path.join(self.state, "status.log"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def story(self):
        text = "     standard error of clinsgwd:\n" + tail(self.errors) + "     status log:\n" + tail(os.path.join(self.state, "status.log"), 30)
        for box in self.boxes:
            text += "     stand-in service %s:\n%s" % (os.path.basename(box.folder), tail(box.log))
        return text


# ---- results ----

def digest(data):
    return hashlib.sha256(data).hexdigest()


def messages(result):
    return result["messages"]


def only(result):
    equal(len(result["messages"]), 1, "messages")
    return result["messages"][0]


def bundle_ids(result):
    return [m["bundle_id"] for m in result["messages"]]


class Runner:
    """Prints "ok NAME", "FAIL NAME" or "skip NAME" as tests/run wants it."""

    def __init__(self, prefix):
        self.prefix, self.failed, self.lock = prefix, 0, threading.Lock()
        self.wanted = sys.argv[1:]

    def run(self, name, function, *arguments):
        if self.wanted and not any(w in name for w in self.wanted):
            return
        try:
            skipped = function(*arguments)
            lines, word = (["     " + skipped] if isinstance(skipped, str) else []), "skip" if isinstance(skipped, str) else "ok"
        except Failure as e:
            lines, word = ["     " + line for line in str(e).splitlines()], "FAIL"
        except Exception:  # every kind of failure is a failed test
            lines, word = ["     " + line for line in traceback.format_exc().splitlines()], "FAIL"
        with self.lock:
            self.failed += word == "FAIL"
            print("\n".join([*lines, "%s %s_%s" % (word, self.prefix, name)]))
            sys.stdout.flush()

    def end(self):
        return 1 if self.failed else 0
