#!/usr/bin/env python3
"""The stand-in service by itself: every fault it can be told to make, over both doors."""
import os
import socket
import sys
import threading
import time
import xml.etree.ElementTree as ET

from house import Failure, WAIT, equal, true, until
from stand_in import Answer, Suite, Web, chart, chart_body, from_xml

suite = Suite()


@suite.test
def web_drop_before_and_after(box, web, folder):
    for word, held in (("drop-before", 0), ("drop-after", 1)):
        box.ctl("reset")
        box.fault(word, "op=chart.register")
        true(web.dropped("chart.register", chart_body(chart())), word)
        equal(len(box.held()), held, word)
        equal(box.effects(), ["registered" if held else "lost"])
        equal(box.ctl("requests")[0]["faults"], word)


@suite.test
def web_drop_only_on_a_reused_connection(box, web, folder):
    box.fault("drop-after", "reused=yes", "op=chart.register")
    fresh = Web(box, login=False)
    fresh.token = web.token
    equal(fresh.call("chart.register", chart_body(chart())).code, "CISB0000I")
    true(fresh.dropped("chart.register", chart_body(chart())), "the second one on that connection")
    equal(len(box.held()), 2)
    equal(fresh.call("chart.register", chart_body(chart())).code, "CISB0000I")
    fresh.close()


@suite.test
def web_5xx_before_and_after(box, web, folder):
    box.fault("http-before", "n=502")
    equal(web.raw("chart.register", chart_body(chart()))[0], 502)
    equal(len(box.held()), 0)
    box.fault("http-after")
    equal(web.raw("chart.register", chart_body(chart()))[0], 503)
    equal(len(box.held()), 1)


@suite.test
def web_half_answer(box, web, folder):
    box.fault("half")
    true(web.dropped("chart.register", chart_body(chart())), "half and closed")
    box.fault("half", "ms=50")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I", "completed later")
    equal(len(box.held()), 2)


@suite.test
def web_vanish_late_and_slow(box, web, folder):
    box.fault("vanish")
    w = Web(box)
    w.connection.sock.settimeout(0.2)
    try:
        w.raw("chart.register", chart_body(chart()))
        raise Failure("answered")
    except (TimeoutError, socket.timeout):
        w.close()
    equal(len(box.held()), 1)
    box.fault("late", "ms=100")
    true(web.dropped("chart.register", chart_body(chart())), "late")
    equal(len(box.held()), 1, "not yet")
    until(lambda: len(box.held()) == 2, "processed after the client gave up")
    box.fault("slow", "ms=80")
    start = time.monotonic()
    web.call("chart.register", chart_body(chart()))
    true(time.monotonic() - start >= 0.08, "slow")
    box.fault("slow-answer", "ms=80")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I")


@suite.test
def web_double_answer(box, web, folder):
    box.fault("double")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I")
    web.connection.close()
    equal(len(box.held()), 1)


@suite.test
def token_and_session_faults(box, web, folder):
    box.fault("token-expired", "op=chart.register")
    equal(web.raw("chart.register", chart_body(chart()))[0], 401)
    equal(web.raw("chart.register", chart_body(chart()))[0], 401, "the token is dead")
    web.login()
    box.fault("token-expired", "op=auth")
    web.login()
    equal(web.raw("chart.register", chart_body(chart()))[0], 401, "issued dead")
    web.login()
    box.fault("sessions", "op=chart.register", "times=2")
    equal(web.raw("chart.register", chart_body(chart()))[0], 429)
    equal(folder.call("chart.register", chart_body(chart()), kind="err").code, "CISC0004E")
    box.ctl("set", "sessions=0")
    equal(web.raw("chart.register", chart_body(chart()))[0], 429)
    suffix = folder.drop("chart.register", chart_body(chart()))
    box.ctl("set", "sessions=20")
    equal(folder.take("chart.register", suffix).code, "CISB0000I", "the terminal takes it when there is room")
    box.fault("sessions", "op=auth")
    equal(web.login(), 429)
    web.login()
    equal(len(box.held()), 1)


@suite.test
def echoes_and_codes(box, web, folder):
    for door in (web, folder):
        box.ctl("reset")
        box.fault("wrong-identifier")
        equal(door.call("chart.register", chart_body(chart())).header["ArbitraryFileIdentifier"], "wrong-identifier-0000")
        box.fault("wrong-institution")
        equal(door.call("chart.register", chart_body(chart())).header["MedicalInstitutionCode"], "1399999999")
        kind = {"kind": "err"} if door is folder else {}
        box.fault("busy")
        equal(door.call("chart.register", chart_body(chart()), **kind).code, "CISC0003E")
        box.fault("err", "code=CISX1234E")
        equal(door.call("chart.register", chart_body(chart()), **kind).code, "CISX1234E")
        equal(len(box.held()), 2)
        box.fault("failure-before")
        equal(door.call("chart.register", chart_body(chart())).code, "CISC9999E")
        equal(len(box.held()), 2)
        box.fault("failure-after")
        equal(door.call("chart.register", chart_body(chart())).code, "CISC9999E")
        equal(len(box.held()), 3)


@suite.test
def pending_n_times(box, web, folder):
    for door in (web, folder):
        box.fault("pending", "n=3", "op=chart.register")
        number = door.call("chart.register", chart_body(chart())).body["ReceptionNumber"]
        equal([door.call("result", {"ReceptionNumber": number}).header["SegmentOfResult"] for _ in range(3)], ["2", "2", "1"])


@suite.test
def folder_faults(box, web, folder):
    def drop():
        return folder.drop("chart.register", chart_body(chart()))

    box.fault("drop-before")
    drop()
    until(lambda: box.effects() == ["lost"], "taken and lost")
    box.ctl("reset")
    box.fault("vanish")
    vanished = drop()
    until(lambda: len(box.held()) == 1, "vanish commits")
    box.fault("half")
    s = drop()
    path = folder.path("chart.register", s)
    until(lambda: os.path.exists(path), "half")
    with open(path, "rb") as f:
        try:
            from_xml(f.read())
            raise Failure("the half is whole")
        except ET.ParseError:
            pass
    os.unlink(path)
    box.fault("half", "ms=60")
    s = drop()
    path = folder.path("chart.register", s)

    def whole():
        try:
            with open(path, "rb") as f:
                return Answer(from_xml(f.read())).code == "CISB0000I"
        except (OSError, ET.ParseError):
            return False
    until(whole, "completed")
    os.unlink(path)
    box.fault("remove", "ms=60")
    s = drop()
    until(lambda: os.path.exists(folder.path("chart.register", s)), "there")
    until(lambda: not os.path.exists(folder.path("chart.register", s)), "removed")
    box.fault("double", "ms=60")
    s = drop()
    folder.take("chart.register", s)
    equal(folder.take("chart.register", s).code, "CISB0000I", "again")
    box.fault("late", "ms=100")
    s = drop()
    until(lambda: os.listdir(os.path.join(box.share, "req")) == [], "taken")
    equal(folder.take("chart.register", s).code, "CISB0000I")
    true(not os.path.exists(folder.path("chart.register", vanished)), "the vanished one stays away")
    box.fault("http-before")
    equal(folder.take("chart.register", drop()).code, "CISC9999E")


@suite.test
def share_goes_and_comes_back(box, web, folder):
    box.ctl("share", "gone")
    equal(os.listdir(box.share), [])
    box.ctl("share", "gone")
    box.ctl("share", "back")
    equal(sorted(os.listdir(box.share)), ["clinsgw-share.txt", "req", "res"])
    box.fault("share-gone", "ms=100")
    s = folder.drop("chart.register", chart_body(chart()))
    until(lambda: os.listdir(box.share) == [], "gone after the request was taken")
    equal(folder.take("chart.register", s).code, "CISB0000I", "answered when it is back")
    equal(box.effects(), ["registered"])
    true(not os.path.exists(box.share + ".away"), "nothing left beside")


@suite.test
def faults_by_number_identifier_and_seed(box, web, folder):
    box.fault("busy", "nth=2", "times=2")
    equal([web.call("chart.register", chart_body(chart())).code for _ in range(4)], ["CISB0000I", "CISC0003E", "CISC0003E", "CISB0000I"])
    box.ctl("fault", "clear")
    box.fault("busy", "identifier=AAA", "times=0")
    equal(web.call("chart.register", chart_body(chart()), identifier="BBB").code, "CISB0000I")
    equal(web.call("chart.register", chart_body(chart()), identifier="AAA").code, "CISC0003E")
    box.ctl("fault", "clear")
    box.fault("busy", "link=folder", "times=0")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I")
    equal([(f["kind"], f["link"], f["nth"], f["times"]) for f in box.ctl("fault", "list")], [("busy", "folder", 1, 0)])
    box.ctl("fault", "clear")
    box.fault("busy", "prob=0.5", "times=0")
    codes = [web.call("chart.register", chart_body(chart())).code for _ in range(24)]
    true(4 <= codes.count("CISC0003E") <= 20, "about half: %d" % codes.count("CISC0003E"))
    box.ctl("fault", "clear")
    for words in (["fault", "add", "nonsense"], ["fault", "add", "slow", "ms=x"], ["fault", "add", "slow", "op=x"], ["set", "duplicate=maybe"], ["set", "x=1"], ["nonsense"],
                  ["document-status", "x", "1"], ["insured", "add"], ["fault", "add", "slow", "prob=2"]):
        box.ctl(*words, good=False)


@suite.test
def pause_and_resume(box, web, folder):
    box.ctl("pause")
    s = folder.drop("chart.register", chart_body(chart()))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(web.call("chart.register", chart_body(chart())).code))
    thread.start()
    equal((box.held(), box.ctl("show")[0]["paused"]), ({}, True))
    box.ctl("resume")
    thread.join(WAIT)
    equal((seen, folder.take("chart.register", s).code), (["CISB0000I"], "CISB0000I"))


@suite.test
def many_at_once(box, web, folder):
    bundles = [chart() for _ in range(40)]

    def work(part):
        w = Web(box)
        for b in part:
            w.call("chart.register", chart_body(b))
        w.close()
    threads = [threading.Thread(target=work, args=(bundles[i::4],)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    equal(sorted(box.held()), sorted(b["identifier"]["value"] for b in bundles))
    equal(box.ctl("count", "effect=registered")[0], {"registrations": 40, "requests": 40, "matching": 40})


if __name__ == "__main__":
    sys.exit(suite.run())
