#!/usr/bin/env python3
"""The documents name only what exists: links, configuration keys, commands, codes, tests; Japanese pages follow their English ones."""
import fnmatch
import glob
import os
import re
import sys
import urllib.parse
from rules import say, status

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Pages for people who read Japanese: each must have a counterpart in docs/ja.
TRANSLATED = ["vendor-guide.md", "operator-guide.md", "sandbox.md"]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def pages():
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in ("build", ".git"))
        found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in sorted(names) if n.endswith(".md")]
    return found


def without_blocks(text):
    """The text without fenced blocks: what stands there is an example, not a heading or a link."""
    return re.sub(r"^```.*?^```\s*$", "", text, flags=re.M | re.S)


def anchors(text):
    """Headings as the anchors that renderers make of them."""
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings(text)}


def headings(text):
    return [m.group(2).strip() for m in re.finditer(r"^(#+)\s+(.*)$", without_blocks(text), flags=re.M)]


def levels(text):
    return [len(m.group(1)) for m in re.finditer(r"^(#+)\s", without_blocks(text), flags=re.M)]


def links():
    faults, seen = [], 0
    for page in pages():
        text = re.sub(r"`[^`\n]*`", "", without_blocks(read(page)))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            seen += 1
            path, _, anchor = urllib.parse.unquote(target).partition("#")
            place = os.path.normpath(os.path.join(ROOT, os.path.dirname(page), path)) if path else os.path.join(ROOT, page)
            if not os.path.exists(place):
                faults.append("%s: %s leads nowhere" % (page, target))
            elif anchor and place.endswith(".md") and anchor not in anchors(read(os.path.relpath(place, ROOT))):
                faults.append("%s: no heading #%s" % (page, anchor))
    if seen < 10:
        faults.append("only %d links found: the search itself is broken" % seen)
    say("docs_links_lead_somewhere", faults)


def configuration_keys():
    """(section, key) of the tables in settings.c."""
    text = read("gateway/daemon/settings.c")
    found = []
    for section, body in re.findall(r"conf_key (\w+)_keys\[\] = \{(.*?)\n\};", text, flags=re.S):
        found += [(section, key) for key in re.findall(r'\.key = "(\w+)"', body)]
    return found


def keys_are_documented():
    keys = configuration_keys()
    faults = [] if len(keys) > 30 else ["only %d keys found in settings.c: the search itself is broken" % len(keys)]
    guides = ["docs/operator-guide.md", "docs/ja/operator-guide.md"]
    for guide in guides:
        text = read(guide)
        faults += ["%s: key %s of [%s] is not explained" % (guide, key, section) for section, key in keys if "`%s`" % key not in text]
    for page in glob.glob(os.path.join(ROOT, "docs/man/*.5")):
        text = read(os.path.relpath(page, ROOT)).replace("\\-", "-").replace("\\_", "_")
        faults += ["%s: key %s of [%s] is not explained" % (os.path.basename(page), key, section) for section, key in keys if not re.search(r"\b%s\b" % key, text)]
    say("docs_explain_every_configuration_key", faults)


def example_configuration_uses_known_keys():
    known, faults, seen = configuration_keys(), [], 0
    for page in ("docs/operator-guide.md", "docs/ja/operator-guide.md"):
        for block in re.findall(r"^```ini\n(.*?)^```", read(page), flags=re.M | re.S):
            section = None
            for line in block.splitlines():
                head = re.match(r"\[(\w+)", line)
                if head:
                    section = head.group(1)
                elif section in {s for s, _ in known} and "=" in line:
                    seen += 1
                    key = line.split("=")[0].strip()
                    if (section, key) not in known:
                        faults.append("%s: example has %s in [%s]" % (page, key, section))
    if seen < 20:
        faults.append("only %d lines of examples found" % seen)
    say("docs_examples_use_known_keys", faults)


def commands_exist():
    sources = glob.glob(os.path.join(ROOT, "gateway/cli/*.c"))
    if not sources:
        print("     gateway/cli is empty")
        print("skip docs_commands_exist")
        return
    known = set()
    for path in sources:
        known |= set(re.findall(r'\{ "([a-z][a-z-]+)", cli_\w+', read(os.path.relpath(path, ROOT))))
    faults, seen = [], 0
    if len(known) < 10:
        faults.append("only %d commands found in gateway/cli: the search itself is broken" % len(known))
    for page in pages():
        for word in re.findall(r"(?:`|^    |; |&& |-- )clinsgw ([a-z][a-z-]+)", read(page), flags=re.M):
            seen += 1
            if word not in known:
                faults.append("%s: there is no clinsgw %s" % (page, word))
    for word in re.findall(r"\bclinsgw ([a-z][a-z-]+)(?= ?[^\x00-\x7f])", read("gateway/base/messages.def")):  # what the Japanese next steps tell people to run
        if word not in known:
            faults.append("messages.def: there is no clinsgw %s" % word)
    for guide in ("docs/operator-guide.md", "docs/ja/operator-guide.md"):
        text = read(guide)
        faults += ["%s: command %s is not explained" % (guide, word) for word in sorted(known) if not re.search(r"`(clinsgw )?%s\b" % word, text)]
    if seen < 10:
        faults.append("only %d commands found: the search itself is broken" % seen)
    say("docs_commands_exist", faults)


def rows(text):
    """Rows of tables in each section."""
    return [len(re.findall(r"^\|", section, flags=re.M)) for section in re.split(r"^#+ .*$", without_blocks(text), flags=re.M)]


def japanese_pages_follow():
    faults = []
    for name in TRANSLATED:
        english, japanese = "docs/" + name, "docs/ja/" + name
        if not os.path.exists(os.path.join(ROOT, japanese)):
            faults.append("%s is missing" % japanese)
            continue
        a, b = levels(read(english)), levels(read(japanese))
        if a != b:
            faults.append("%s has %d headings, %s has %d, or their levels differ" % (english, len(a), japanese, len(b)))
        if rows(read(english)) != rows(read(japanese)):
            faults.append("%s: the tables of some section have not as many rows in both languages: %s, %s" % (name, rows(read(english)), rows(read(japanese))))
        options = [set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", read(p))) for p in (english, japanese)]
        if options[0] != options[1]:
            faults.append("%s: options in one language only: %s" % (name, " ".join(sorted(options[0] ^ options[1]))))
        codes = [set(re.findall(r"CG-\d{4}", read(p))) for p in (english, japanese)]
        if codes[0] != codes[1]:
            faults.append("%s: codes in one language only: %s" % (name, " ".join(sorted(codes[0] ^ codes[1]))))
    for path in sorted(glob.glob(os.path.join(ROOT, "docs/ja/*.md"))):
        if not os.path.exists(os.path.join(ROOT, "docs", os.path.basename(path))):
            faults.append("%s has no English page" % os.path.relpath(path, ROOT))
    say("docs_japanese_pages_follow_the_english", faults)


def codes_exist():
    known = {"CG-%04d" % int(n) for n in re.findall(r"^MSG\(\w+,\s*(\d+),", read("gateway/base/messages.def"), flags=re.M)}
    faults = [] if len(known) > 100 else ["only %d codes found in messages.def" % len(known)]
    for page in pages():
        for code in sorted(set(re.findall(r"CG-\d{4}", read(page)))):
            if code not in known:
                faults.append("%s: %s is not in messages.def" % (page, code))
    say("docs_codes_exist", faults)


def states_are_those_of_the_code():
    """Every state of a message that the code knows stands in the guides and in both diagrams, and no other."""
    table = re.search(r"flow_message_state_name.*?names\[\] = \{ (.*?) \};", read("gateway/flow/names.c"), flags=re.S)
    states = re.findall(r'"(\w+)"', table.group(1)) if table else []
    faults = [] if len(states) == 10 else ["%d states found in names.c" % len(states)]
    architecture = read("docs/architecture.md")
    diagram = re.search(r"```mermaid\n(.*?)```", architecture, flags=re.S)
    drawn = set(re.findall(r"\b([a-z_]+)(?= -->)|(?<=--> )([a-z_]+)", diagram.group(1))) if diagram else set()
    drawn = {a or b for a, b in drawn}
    if drawn != set(states):
        faults.append("diagram and code differ: %s" % " ".join(sorted(drawn ^ set(states))))
    for page in ("docs/operator-guide.md", "docs/ja/operator-guide.md", "docs/architecture.md"):
        faults += ["%s: state %s is not explained" % (page, s) for s in states if "`%s`" % s not in read(page)]
    say("docs_states_are_those_of_the_code", faults)


def files_named_exist():
    """Paths of this repository that stand in backquotes."""
    faults, seen = [], 0
    for page in pages():
        for path in re.findall(r"`((?:gateway|tests|adapters|certs|systemd|docs)/[\w./*-]+)`", read(page)):
            seen += 1
            if not glob.glob(os.path.join(ROOT, path)):
                faults.append("%s: %s does not exist" % (page, path))
    if seen < 20:
        faults.append("only %d paths found" % seen)
    say("docs_files_named_exist", faults)


def every_test_is_named():
    """What a test proves stands in the architecture page, or nobody knows what is proven."""
    named = re.findall(r"`(tests/[^`]+)`", read("docs/architecture.md"))
    found = [os.path.relpath(path, ROOT) for pattern in ("*/*_test.c", "*/*_test.py", "*/*_fuzz.c") for path in glob.glob(os.path.join(ROOT, "tests", pattern))]
    say("docs_name_every_test", ["docs/architecture.md does not say what %s proves" % path for path in sorted(found) if not any(fnmatch.fnmatch(path, n) for n in named)])


def main():
    links()
    keys_are_documented()
    example_configuration_uses_known_keys()
    commands_exist()
    japanese_pages_follow()
    codes_exist()
    states_are_those_of_the_code()
    files_named_exist()
    every_test_is_named()
    return status()


if __name__ == "__main__":
    sys.exit(main())
