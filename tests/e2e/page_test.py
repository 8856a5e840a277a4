#!/usr/bin/env python3
"""The status page as a clinic's IT person sees it: in a real browser when one is installed, and as text beside it.

Scenes: all is well; the terminal's share is away; sending is paused; the gateway is stopped. In each the page shows one word and one sentence with code and next step, is
one file without script or anything from elsewhere, and says the same in both languages' forms of the text page and `clinsgw status`. CLINSGW_SHOTS=FOLDER keeps pictures.
"""
import html
import html.parser
import os
import re
import shutil
import subprocess
import sys
import tempfile

from house import CLINIC, House, Runner, equal, true, until

OTHER = "1318814790"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
PATIENT = ("花子", "見本 ", "00012345", "ミホン", "ECG", "06-letter", "04-lab", "91-wrong")  # names, numbers, names of files


class Page(html.parser.HTMLParser):
    """Text of the head (the div with the word), of everything, and what is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.head, self.body, self.outside, self.word, self.depth, self.inside = "", "", [], "", 0, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.outside += [tag] if tag in ("script", "img", "link", "iframe", "object", "embed") or "src" in values or "href" in values else []
        if tag == "div" and "word" in (values.get("class") or ""):
            self.depth = 1
        if tag == "br":
            self.handle_data(" ")
        elif tag != "meta":
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()
        if tag == "div":
            self.depth = 0

    def handle_data(self, data):
        if "style" in self.inside or "title" in self.inside:
            return
        self.body += data
        if self.depth:
            self.head += data
            self.word += data if self.inside[-1] == "b" else ""


def browser():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def look(path, shot=None):
    """The page as the browser has understood it."""
    with tempfile.TemporaryDirectory() as profile:
        words = [browser(), *QUIET, "--user-data-dir=" + profile, "file://" + path]
        p = subprocess.run([*words[:-1], "--dump-dom", words[-1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        equal(p.returncode, 0, p.stderr.decode("utf-8", "replace")[-500:])
        if shot is not None:
            subprocess.run([*words[:-1], "--window-size=1280,900", "--screenshot=" + shot, words[-1]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
            with open(shot, "rb") as f:
                true(f.read(8) == b"\x89PNG\r\n\x1a\n", "a picture")
        return p.stdout.decode("utf-8")


class Screen:
    def __init__(self, house):
        self.house, self.folder = house, os.path.join(house.folder, "page")
        self.shots = os.environ.get("CLINSGW_SHOTS")

    def read(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as f:
            return f.read()

    def text(self):
        return self.read("status.txt")

    def until_text(self, *wanted):
        """Both pages with these words. They are renewed within seconds."""
        until(lambda: all(w in self.text() and w in html.unescape(re.sub(r"<[^>]*>", "", self.read("status.html"))) for w in wanted), lambda: "%s in the page:\n%s" % (wanted, self.text()))

    def check(self, scene, word, code=None):
        """What holds for every page, then what this scene is about; returns the first lines of the text page."""
        raw, text = self.read("status.html"), self.text()
        true(raw.startswith("<!DOCTYPE html>") and raw.rstrip().endswith("</html>"), "one whole file")
        pages = [Page(raw)]
        if browser() is not None:
            pages.append(Page(look(os.path.join(self.folder, "status.html"), self.shots and os.path.join(self.shots, scene + ".png"))))
        first = text.splitlines()
        for page in pages:
            equal(page.outside, [], "nothing from elsewhere")
            equal(page.word, word, "the word")
            sentence = first[0].split(": ", 1)
            equal((sentence[0], " ".join(page.head.replace(page.word, "", 1).split())), (word, " ".join(" ".join([sentence[1], *(first[1:2] if code else [])]).split())), "the same sentence in both")
            true(code is None or code in page.head, "%s in %s" % (code, page.head))
            for secret in PATIENT:
                true(secret not in page.body and secret not in text, secret + " stands in the page")
        return first


def all_is_well(s):
    source = s.house.sources[0]
    equal(source.send("04-lab-register.json")["outcome"], "done", "a lab report")
    equal(source.send("06-letter-register.json", attachments=("06-letter-ecg.pdf", "06-letter-key-image.png"))["outcome"], "done", "a letter")
    equal(source.send("91-wrong-lab-without-code.json")["outcome"], "rejected", "a wrong one")
    s.until_text("CG-3116", "/ 4")
    until(lambda: s.text().startswith("OK: "), s.text)
    first = s.check("ok", "OK")
    equal(first[0], "OK: 正常に動いています", "the sentence")
    whole = s.text()
    for wanted in ("作成: ", "[ 送り元 ]", "karte | %s | 使えます" % CLINIC, "[ 施設ごとの送信 ]", "[ 経路 ]", "つながっています", "[ 署名 ]", "署名できます", "[ 期限 ]", "ディスクの空き", "[ 最近の出来事 ]", "state=rejected"):
        true(wanted in whole, wanted + " in the text page:\n" + whole)
    row = next(line for line in whole.splitlines() if line.startswith("  karte | "))
    equal(row.rsplit(" | ", 1)[1], "3", "files today")


def share_away(s):
    s.house.box.control("share", "gone")
    try:
        look_at_share_away(s)
    finally:
        s.house.box.control("share", "back")
    until(lambda: s.text().startswith("OK: "), s.text)


def look_at_share_away(s):
    s.until_text("CG-9204", "CG-7049")  # the link is down, and why: they began together, either may come first
    first = s.check("share-gone", "注意", "CG-")
    true("CG-9204" in first[0] or "CG-7049" in first[0], first[0])
    true(first[1].startswith("次にすること: "), "a next step: " + first[1])
    true("terminal | terminal | 切れています" in s.text(), "the link is named")
    p = s.house.cli("status", good=False)
    equal((p.returncode, p.stdout.decode().splitlines()[0]), (1, first[0]), "clinsgw status says the same")


def paused(s):
    s.house.cli("pause")
    s.until_text("一時停止中")
    s.check("paused", s.text().split(":", 1)[0], None if s.text().startswith("OK") else "CG-")
    s.house.cli("resume")
    until(lambda: "一時停止中" not in s.text(), s.text)


def stopped(s):
    equal(s.house.stop(), 0, "exit status")
    first = s.check("stopped", "停止", "CG-9202")
    true("clinsgwd" in first[0], first[0])
    equal(s.house.cli("status", good=False).returncode, 3, "clinsgw status")


def started_again(s):
    s.house.restart()
    until(lambda: s.text().startswith("OK: "), s.text)


def in_english(s):
    """The other language of the same page, from the command line."""
    equal(s.house.stop(), 0, "exit status")
    s.house.language = "en"
    s.house.write_conf()
    s.house.restart()
    until(lambda: s.text().startswith("OK: "), s.text)
    first = s.check("english", "OK")
    true(first[1].startswith("made: ") and "Last events" in s.text() and not re.search("[ぁ-ん]", s.text().split("[ Last events ]")[0].replace("見本内科クリニック", "")), "English only:\n" + s.text())


def main():
    runner = Runner("page")
    if browser() is None:
        runner.run("in_a_browser", lambda: "no browser (chromium) is installed; the pages are read here without it")
    with House("page") as house:
        house.sandbox(institutions=(OTHER,))
        house.link("web", "web", house.box)
        house.link("terminal", "folder", house.box)
        house.facility(CLINIC, link="web")
        house.facility(OTHER, link="terminal", signing="never")
        house.source("karte", CLINIC)
        house.source("lab", OTHER)
        house.start()
        screen = Screen(house)
        for case in (all_is_well, share_away, paused, stopped, started_again, in_english):
            runner.run(case.__name__, case, screen)
        house.stop()
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
