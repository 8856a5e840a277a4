"""make demo: the whole way of a file, seen from a vendor's and from the IT staff's chair. Ends with a one-line summary and the right exit status."""
import base64
import glob
import json
import os
import shutil
import signal
import sys
import tempfile
import textwrap
import time

from house import BIN, CLINIC, PAUSE, ROOT, Failure, House, digest, sample

SECOND = "1318814790"  # a second clinic, connected by the terminal's shared folder
# file, attachments that are dropped before it, what it should come to
FILES = [
    ("01-diseases-current.json", (), "done"), ("03-allergies-current.json", (), "done"), ("04-lab-register.json", (), "done"), ("05-infection-register.json", (), "done"),
    ("06-letter-register.json", ("06-letter-ecg.pdf", "06-letter-key-image.png"), "done"), ("12-bundle-register.json", (), "done"),
    ("90-wrong-no-insured-number.json", (), "rejected"), ("91-wrong-lab-without-code.json", (), "rejected"),
]
SLOW = {"result_first": "400ms", "result_max": "800ms", "settle_time": "2h", "answer_time": "60s", "call_time": "30s"}
JAPANESE = (os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "").startswith("ja")
ENGLISH = (os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "").startswith("en")
WORDS = {
    "what": ("A vendor drops files; the gateway converts, checks, signs and sends them to a stand-in of the service, and says what became of them.",
             "ベンダーがファイルを置くと、ゲートウェイが変換・検査・署名して模擬サービスへ送り、結果を返します。"),
    "pki": ("demo certificates and a SoftHSM token with an HPKI-shaped signing certificate", "デモ用の証明書と、HPKI 形式の署名用証明書を入れた SoftHSM トークン"),
    "box": ("stand-in service: Web API on port %d, terminal's shared folder", "模擬サービス: Web API（ポート %d）と端末の共有フォルダ"),
    "gateway": ("gateway: %d processes, nothing listens on a network port", "ゲートウェイ: %d プロセス。ネットワークの待ち受けはありません"),
    "over_web": ("Over the Web API", "Web API で送る"), "over_terminal": ("Over the terminal folder", "端末フォルダで送る"),
    "moving": ("Files are dropped into %s/in. The service is told to answer 処理中 (pending) twice first.", "%s/in に置きます。模擬サービスは 2 回「処理中」と答えてから結果を返します。"),
    "log": ("Status log, for IT staff (no names of patients)", "状態ログ（IT 担当者向け。患者の名前は出ません）"),
    "results": ("Result files, for the vendor's program (%s/out)", "結果ファイル（ベンダーのプログラム向け。%s/out）"),
    "whole": ("One of them in full: %s", "一つを全文で: %s"), "status": ("clinsgw status", "clinsgw status"),
    "stored": ("One registration as the service holds it", "サービスが保持している登録の一つ"),
    "same": ("the same bytes as in our store, SHA-256 %s", "ゲートウェイの記録と同じバイト列です。SHA-256 %s"),
    "keep": ("It goes on running. Look around:", "動いたままにしてあります。"),
    "drop": ("drop a file of your own", "自分のファイルを置く"), "look": ("what became of it", "結果を見る"), "service": ("what the service holds", "サービスが保持しているもの"),
    "page": ("status page", "状態のページ"), "switch": ("switch the first clinic to the terminal folder", "最初の医療機関を端末フォルダに切り替える"),
    "break": ("let the service misbehave", "サービスに障害を起こす"), "stop": ("stop it and remove everything", "止めて、すべて消す"),
    "not_meant": ("NOT AS INTENDED", "意図と違います"),
    "summary": ("%s: %d files over 2 links, %d registered, %d rejected on purpose; %d as intended, %d not; %.0f s",
                "%s: 2 つの経路で %d ファイル、登録 %d、わざと誤った拒否 %d、意図どおり %d、意図と違う %d、%.0f 秒"),
}
TTY = sys.stdout.isatty()


def say(key, *values):
    text = WORDS[key][1 if JAPANESE else 0]
    return text % values if values else text


def bold(text):
    return "\033[1m%s\033[0m" % text if TTY else text


def color(text, good):
    return "\033[%dm%s\033[0m" % (32 if good else 33, text) if TTY else text


def head(text):
    print("\n" + bold("── %s " % text) + "─" * max(3, 90 - len(text)))


def shown(text, indent="    ", limit=None):
    lines = text.rstrip("\n").splitlines()
    for line in lines[:limit]:
        print(indent + line)
    if limit is not None and len(lines) > limit:
        print(indent + "… (%d)" % (len(lines) - limit))


class Round:
    """The samples over one link."""

    def __init__(self, house, source, link):
        self.house, self.source, self.link = house, source, link
        self.results, self.words = {}, {}
        self.log_start = len(house.status_log())

    def drop(self):
        code = self.source.code.encode()
        for name, attachments, _ in FILES:
            for other in attachments:
                self.source.drop(other, sample(other))
            self.source.drop(name, sample(name).replace(CLINIC.encode(), code))

    def state(self, name):
        """One word for the file and one for each of its messages, from what the vendor sees in out/."""
        for ending, key in ((".result.json", "outcome"), (".status.json", "state")):
            try:
                with open(self.source.path("out", name + ending), encoding="utf-8") as f:
                    document = json.load(f)
            except (FileNotFoundError, ValueError):
                continue
            if ending == ".result.json":
                self.results[name] = document
            return " ".join(dict.fromkeys(m["outcome"] for m in document["messages"])) or document[key]
        return None

    def watch(self, seconds=60):
        """Prints a line whenever a state has moved, until everything is settled."""
        start = time.monotonic()
        while len(self.results) < len(FILES):
            for name, _, _ in FILES:
                word = None if name in self.results else self.state(name)
                if word is not None and word != self.words.get(name):
                    self.words[name] = word
                    print("    %5.2f s  %-34s %s" % (time.monotonic() - start, name, color(word, word in ("done",))))
                    sys.stdout.flush()
            if time.monotonic() - start > seconds:
                raise Failure("not settled: " + ", ".join(n for n, _, _ in FILES if n not in self.results) + "\n" + self.house.story())
            PAUSE.wait(0.02)

    def outcomes(self):
        """Number of files that ended as intended, and of those that did not."""
        good = [self.results[name]["outcome"] == wanted for name, _, wanted in FILES]
        return sum(good), len(good) - sum(good)


def print_result(name, result, wanted):
    good = result["outcome"] == wanted
    print("    %-34s %s → %s%s" % (name, bold(result["outcome"]), result["next_step"], "" if good else "   " + say("not_meant")))
    for message in result["messages"]:
        for issue in message["issues"]:
            if issue["severity"] != "error":
                continue
            print("        %s %s" % (issue["code"], issue["text"]))
            print("        → %s" % issue.get("what_to_do", ""))
            print("        %s (%d:%d)" % (issue["pointer"], issue["line"], issue["column"]))
        if message["outcome"] == "done":
            print("        %s %s" % (message["kind"], message["bundle_id"]))


def play(house, source, link, title):
    head(title)
    print(textwrap.fill(say("moving", source.root), 100, initial_indent="    ", subsequent_indent="    "))
    one = Round(house, source, link)
    one.drop()
    one.watch()
    head(say("log"))
    shown("\n".join(house.status_log()[one.log_start:]))
    head(say("results", source.root))
    for name, _, wanted in FILES:
        print_result(name, one.results[name], wanted)
    return one


def print_registration(house, one):
    message = one.results["04-lab-register.json"]["messages"][0]
    row = house.box.held(message["bundle_id"], data=True)[message["bundle_id"]]
    raw = base64.b64decode(row.pop("bytes"))
    head(say("stored"))
    shown(json.dumps({k: v for k, v in row.items() if k != "history"}, ensure_ascii=False, indent=1))
    shown(json.dumps(json.loads(raw), ensure_ascii=False, indent=1), limit=24)
    ours = house.sent_digest(message)
    if ours != digest(raw):
        raise Failure("the service holds other bytes than the store")
    print("    " + say("same", ours[:16] + "…"))


def keep(house, source):
    house.keep = True
    conf, box = house.conf, os.path.join(BIN, "clinsgw-sandbox") + " ctl " + house.box.socket
    stop = os.path.join(house.folder, "stop.sh")
    with open(stop, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\nkill %d %d 2>/dev/null\nwhile kill -0 %d 2>/dev/null; do sleep 0.1; done\nrm -rf '%s'\n" % (
            house.process.pid, house.box.process.pid, house.process.pid, house.folder))
    head("KEEP=1")
    print("    " + say("keep"))
    for key, command in (("drop", "cp my.json %s/in/my.json.tmp && mv %s/in/my.json.tmp %s/in/my.json" % ((source.root,) * 3)), ("look", "cat %s/out/my.json.result.json" % source.root),
                         ("status", "%s/clinsgw --config %s status     # list, show ID, export ID --what bundle, ..." % (BIN, conf)), ("page", house.folder + "/page/status.html"),
                         ("service", box + " dump"), ("break", box + " fault add drop-after     # docs/sandbox.md"),
                         ("switch", "sed -i '/^\\[facility %s\\]/,/^\\[/s/^link = .*/link = \"terminal\"/' %s && kill -HUP %d" % (CLINIC, conf, house.process.pid)),
                         ("stop", "sh " + stop)):
        print("    %s\n        %s" % (say(key), command))


def demo(house, started):
    print(bold("clinsgw demo"))
    print(textwrap.fill(say("what"), 100))
    print("\n  ✓ %s (%.1f s)" % (say("pki"), time.monotonic() - started))
    box = house.sandbox(institutions=(SECOND,), settings=())
    box.ctl("set", "steps=2", "polls=2")
    print("  ✓ " + say("box", box.port))
    house.link("web", "web", box, sessions=2)
    house.link("terminal", "folder", box, sessions=2)
    house.facility(CLINIC, link="web")
    house.facility(SECOND, link="terminal")
    sources = [house.source("karte", CLINIC), house.source("karte2", SECOND)]
    house.start()
    print("  ✓ " + say("gateway", 1 + len(house.doors())))
    rounds = [play(house, sources[0], "web", say("over_web"))]
    head(say("whole", "90-wrong-no-insured-number.json.result.json"))
    shown(json.dumps(rounds[0].results["90-wrong-no-insured-number.json"], ensure_ascii=False, indent=1))
    rounds.append(play(house, sources[1], "terminal", say("over_terminal")))
    head(say("status"))
    shown(house.cli("status", good=False).stdout.decode("utf-8", "replace"))
    print_registration(house, rounds[0])
    return rounds, sources[0]


def leftovers(house):
    """What still runs or lies about after the end."""
    left = [p for p in glob.glob("/proc/[0-9]*/cmdline") if house.folder.encode() in open_quietly(p)]
    return left + ([house.folder] if os.path.exists(house.folder) else [])


def open_quietly(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def main():
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    staying = bool(os.environ.get("KEEP"))
    folder = tempfile.mkdtemp(prefix="clinsgw-demo-")
    house, rounds, reason = None, [], ""
    try:
        house = House("demo", profile=SLOW, language="en" if ENGLISH else "ja", folder=folder)
        rounds, source = demo(house, started)
        if staying:
            keep(house, source)
        else:
            status = house.stop()
            reason = "" if status == 0 else "clinsgwd ended with %d" % status
    except Failure as e:
        reason = str(e)
    except KeyboardInterrupt:
        reason = "interrupted"
    stays = staying and reason == ""
    if house is not None and not stays:
        house.keep = False
        house.close()
    if not stays:
        shutil.rmtree(folder, ignore_errors=True)
        if house is not None and reason == "" and leftovers(house):
            reason = "left behind: " + ", ".join(leftovers(house))
    right = sum(r.outcomes()[0] for r in rounds)
    wrong = sum(r.outcomes()[1] for r in rounds)
    good = reason == "" and wrong == 0 and len(rounds) == 2
    if reason:
        print("\n" + reason)
    registered = sum(1 for r in rounds for x in r.results.values() if x["outcome"] == "done")
    rejected = sum(1 for r in rounds for x in r.results.values() if x["outcome"] == "rejected")
    print("\n" + say("summary", bold("demo ok" if good else "demo FAILED"), right + wrong, registered, rejected, right, wrong, time.monotonic() - started))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
