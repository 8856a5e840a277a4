#!/usr/bin/env python3
"""The stand-in service by itself: every check and switch, over both doors, with requests written by hand (no code of the gateway)."""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time

from house import Failure, SHARED, equal, true, until
from stand_in import (Answer, ECS, FLAG, INSURED, MAKERS, OPS, OTHER, PROGRAM, SENDER, Sandbox, Suite, Web, allergy, canonical, chart, chart_body, encode,
                      institution_extension, key, letter, letter_body, message, new_id, section, sign, summary, to_xml, urn)

suite = Suite()


@suite.test
def web_register_is_held_with_its_bytes(box, web, folder):
    bundle = chart()
    raw = json.dumps(bundle, ensure_ascii=False, indent=1).encode()
    a = web.call("chart.register", {"ClinicalInfo": encode(raw), "ClinicalKind": "Condition"})
    equal((a.header["SegmentOfResult"], a.body["ProcessingResultStatus"], a.code), ("1", "1", "CISB0000I"))
    equal((a.header["ArbitraryFileIdentifier"], a.header["MedicalInstitutionCode"]), (a.asked, SENDER))
    true(re.fullmatch(r"\d{14}", a.header["ProcessExecutionTime"]), "time")
    row = box.ctl("dump", "--bundle-id", bundle["identifier"]["value"], "--bytes")[0]
    equal((row["institution"], row["insured"], row["kind"], row["family"]), (SENDER, INSURED, "Condition", "chart"))
    equal(row["sha256"], hashlib.sha256(raw).hexdigest())
    equal(base64.b64decode(row["bytes"]), raw)
    equal([h["effect"] for h in row["history"]], ["registered"])
    request = box.ctl("requests")[0]
    equal((request["identifier"], request["effect"], request["sha256"], request["link"]), (a.asked, "registered", row["sha256"], "web"))


@suite.test
def folder_register_is_answered_by_name(box, web, folder):
    bundle = chart("Observation")
    suffix = folder.drop("chart.register", chart_body(bundle, "Observation"))
    a = folder.take("chart.register", suffix)
    equal((a.code, a.header["SegmentOfResult"], a.header["CharacterCodeIdentifier"]), ("CISB0000I", "1", "0"))
    equal(os.listdir(os.path.join(box.share, "req")) + os.listdir(os.path.join(box.share, "res")), [])
    equal(list(box.held()), [bundle["identifier"]["value"]])


@suite.test
def every_kind_registers_on_both_links(box, web, folder):
    for door in (web, folder):
        for kind in MAKERS:
            equal(door.call("chart.register", chart_body(chart(kind), kind)).code, "CISB0000I", kind)
        equal(door.call("document.register", letter_body(letter())).code, "CISB0000I", "letter")
        a = door.call("summary.register", {"DocumentInfo": encode(summary()), "DocumentKind": "2"})
        equal((a.code, a.places), ("CISB0000I", []), "summary")
    equal(len(box.held()), 10)


@suite.test
def official_examples_pass_byte_for_byte(box, web, folder):
    examples = os.path.join(SHARED, "spec", "examples", "jp-clins")
    if not os.path.isdir(examples):
        return "the examples are not here"
    for name, op in (("Observations-Example-01", "chart.register"), ("Referral-Example-01", "document.register"), ("PCS-Example-01", "summary.register"),
                     ("Referral-NoEntry-Example-01", "document.register")):
        box.ctl("reset")
        with open(os.path.join(examples, "Bundle-Bundle-CLINS-%s.json" % name), "rb") as f:
            raw = f.read()
        body = {"chart.register": lambda: {"ClinicalInfo": encode(raw), "ClinicalKind": "Observation"}, "document.register": lambda: letter_body(raw),
                "summary.register": lambda: {"DocumentInfo": encode(raw), "DocumentKind": "2"}}[op]()
        for door in (web, folder):
            box.ctl("reset")
            a = door.call(op, body)
            equal((a.code, a.body.get("FhirCheckResultList")), ("CISB0000I", None), name)
            equal(box.ctl("dump")[0]["sha256"], hashlib.sha256(raw).hexdigest())


@suite.test
def foreign_and_unfinished_files_are_left_alone(box, web, folder):
    names = ["OQSsiquc01req_202611010001.xml", "CISsicln01req_short.xml", ".CISsicln01req_202611010001.xml", "CISsicln01req_202611010001.xml.part",
             "del1.txt", "EPSsiPIR01req_202611010001.xml", "CISsicln01res_202611010001.xml", "CISsixxx01req_202611010001.xml"]
    for n in names:
        with open(os.path.join(box.share, "req", n), "w") as f:
            f.write("<x/>")
    os.mkdir(os.path.join(box.share, "req", "CISsicln01req_aaaaaaaaaaaa.xml"))
    os.symlink("/etc/hostname", os.path.join(box.share, "req", "CISsicln01req_bbbbbbbbbbbb.xml"))
    equal(folder.call("chart.register", chart_body(chart())).code, "CISB0000I")
    left = sorted(os.listdir(os.path.join(box.share, "req")))
    equal(left, sorted(names + ["CISsicln01req_aaaaaaaaaaaa.xml", "CISsicln01req_bbbbbbbbbbbb.xml"]))
    shutil.rmtree(os.path.join(box.share, "req"))
    os.mkdir(os.path.join(box.share, "req"))


@suite.test
def client_certificate_is_demanded(box, web, folder):
    bare = Web(box, certificate=False, login=False)
    try:
        bare.login()
        raise Failure("no certificate, and yet served")
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        bare.close()


@suite.test
def log_in_and_token(box, web, folder):
    w = Web(box, login=False)
    equal(w.login("wrong"), 401)
    w.connection.close()
    equal(w.raw("chart.register", chart_body(chart()))[0], 401)
    equal(w.login(), 200)
    equal(w.life, 3600)
    w.token = w.token[:-1] + ("0" if w.token[-1] != "0" else "1")
    equal(w.raw("chart.register", chart_body(chart()))[0], 401)
    w.login()
    other = Web(box, OTHER)
    other.token = w.token
    equal(other.raw("chart.register", chart_body(chart()))[0], 401, "token of another certificate")
    box.ctl("set", "token-ms=30")
    w.login()
    until(lambda: w.raw("chart.register", chart_body(chart(bundle_id=SENDER + "^2026^T")))[0] == 401, "token ends")
    box.ctl("set", "token-ms=3600000")
    w.login()
    box.ctl("forget-tokens")
    equal(w.raw("chart.register", chart_body(chart()))[0], 401)
    web.login()


@suite.test
def http_is_strict(box, web, folder):
    path = "/cis-api-pro/" + OPS["chart.register"][1]
    good = json.dumps(message(chart_body(chart())))
    equal(web.post(path + "/x", good)[0], 404)
    equal(web.post(path, good, {"Content-Type": "text/xml"})[0], 415)
    web.connection.request("GET", path, headers={"Authorization": web.token, "Content-Length": "0"})
    r = web.connection.getresponse()
    equal((r.status, r.read() != b""), (405, True))
    equal(web.post(path, b"x" * 10000001)[0], 413)
    headers = {"Authorization": web.token, "Content-Type": "application/json;charset=UTF-8", "Transfer-Encoding": "chunked"}
    web.connection.request("POST", path, iter([good[:100].encode(), good[100:].encode()]), headers, encode_chunked=True)
    r = web.connection.getresponse()
    equal((r.status, Answer(json.loads(r.read())["XmlMsg"]).code), (200, "CISB0000I"), "chunked")
    equal(box.effects(), ["registered"])


@suite.test
def limit_is_exact(box, web, folder):
    def padded(size, finish, pad):
        """A letter whose finished request has just this many bytes: blanks inside the Bundle, the rest in the envelope."""
        raw = json.dumps(letter()).encode()
        fixed = len(finish(message(letter_body(raw))))
        raw += b" " * ((size - fixed) // 4 * 3 - 3)
        text = finish(message(letter_body(raw)))
        return pad(text, size - len(text))

    as_json = (lambda tree: json.dumps(tree).encode(), lambda text, n: text + b" " * n)
    as_xml = (to_xml, lambda text, n: text.replace(b"<MessageHeader>", b" " * n + b"<MessageHeader>", 1))
    for size, code in ((10000000, "CISB0000I"), (10000001, None)):
        body = padded(size, *as_json)
        equal(len(body), size)
        status, raw = web.raw("document.register", body)
        equal((status, code and Answer(json.loads(raw)["XmlMsg"]).code), (200 if code else 413, code), str(size))
        body = padded(size, *as_xml)
        equal(len(body), size)
        equal(folder.take("document.register", folder.drop("document.register", None, raw=body), "res" if code else "err").code, code or "CISC0002E", str(size))
    equal(len(box.held()), 2)


@suite.test
def envelope_is_strict(box, web, folder):
    b = chart()
    wrong = [
        {"XmlMsg": {"MessageBody": chart_body(b)}}, message({}), message(dict(chart_body(b), Extra="1")), message(dict(chart_body(b), ClinicalKind="Patient")),
        message(chart_body(b), institution="131881479"), message(chart_body(b), identifier="a" * 65), message(chart_body(b), identifier="a_b"),
        message(dict(chart_body(b), **key(b["identifier"]["value"]))), message(dict(chart_body(b), ClinicalInfo="")), {"Other": message(chart_body(b))["XmlMsg"]},
    ]
    for tree in wrong:
        status, raw = web.raw("chart.register", json.dumps(tree))
        a = Answer(json.loads(raw)["XmlMsg"])
        equal((status, a.code, a.header["SegmentOfResult"], a.body), (200, "CISC0001E", "9", {}), str(tree)[:90])
    good = json.dumps(message(chart_body(b)))
    for text in (good[:-1], good + "x", good.replace('"Condition"', "1"), good.replace('"ClinicalKind": "Condition"', '"ClinicalKind": "Condition", "ClinicalKind": "Condition"')):
        equal(Answer(json.loads(web.raw("chart.register", text)[1])["XmlMsg"]).code, "CISC0001E")
    xml = to_xml(message(chart_body(b)))
    for raw in (b"\xef\xbb\xbf" + xml, xml.replace(b"<MessageHeader>", b"\r\n<MessageHeader>"), xml[:-5], xml.replace(b"<XmlMsg>", b'<!DOCTYPE XmlMsg [<!ENTITY a "b">]><XmlMsg>'),
                xml.replace(b"<MessageBody>", b'<MessageBody a="1">'), xml.replace(b"Condition<", b"Condition</ClinicalKind><ClinicalKind>Condition<"), b""):
        suffix = folder.drop("chart.register", None, raw=raw)
        equal(folder.take("chart.register", suffix, "err").code, "CISC0001E", repr(raw[:60]))
    equal(folder.take("chart.register", folder.drop("chart.register", None, raw=xml + b" " * 10000000), "err").code, "CISC0002E")
    equal(box.held(), {})


@suite.test
def institution_must_be_the_callers(box, web, folder):
    equal(web.call("chart.register", chart_body(chart(bundle_id=new_id(OTHER))), institution=OTHER).code, "CISC0001E")
    equal(folder.call("chart.register", chart_body(chart()), kind="err", institution="1310000001").code, "CISC0001E")
    equal(web.call("chart.register", chart_body(chart(bundle_id=new_id(OTHER)))).code, "CISB1010E")
    b = chart()
    b["entry"][1]["resource"]["extension"][0] = institution_extension(OTHER)
    a = web.call("chart.register", chart_body(b))
    equal((a.code, a.places), ("CISB1010E", ["Bundle.entry[1].resource.extension"]))
    equal(web.call("chart.cancel", key(new_id(OTHER))).code, "CISB1010E")


@suite.test
def unreadable_payloads(box, web, folder):
    for info in ("!!!!", encode(chart())[:-1], encode(chart())[:40] + "\n" + encode(chart())[40:], encode(b"{"), encode(b'{"a":1,"a":2}'), encode(b"[]"),
                 encode({"resourceType": "Patient"}), encode(b"\xff\xfe")):
        equal(web.call("chart.register", {"ClinicalInfo": info, "ClinicalKind": "Condition"}).code, "CISB1011E", info[:20])


@suite.test
def bundle_id_form(box, web, folder):
    for value in ("1318814790^26^A", "1318814790^2026^", "1318814790^2026^" + "a" * 37, "1318814790^2026^a_b", "1318814790-2026-a", "13188147900^2026^a", "9918814790^2026^a"):
        equal(web.call("chart.register", chart_body(chart(bundle_id=value))).code, "CISB1005E", value)
        equal(web.call("chart.cancel", key(value)).code, "CISB1005E", value)
    b = chart()
    b["identifier"]["system"] = "urn:x"
    equal(web.call("chart.register", chart_body(b)).code, "CISB1005E")
    equal(web.call("chart.cancel", key(new_id(), insured="12345:a:b:00")).code, "CISB1005E")


@suite.test
def one_type_a_bundle(box, web, folder):
    b = chart()
    b["entry"].append({"fullUrl": urn(), "resource": allergy(b["entry"][0]["fullUrl"])})
    a = web.call("chart.register", chart_body(b))
    equal((a.code, a.places[0]), ("CISB1006E", "Bundle.entry[2].resource"))


@suite.test
def flags_by_type(box, web, folder):
    def flagged(kind, *codes):
        b = chart(kind)
        b["entry"][1]["resource"]["meta"]["tag"] = [{"system": FLAG, "code": c} for c in codes]
        return web.call("chart.register", chart_body(b, kind))
    equal(flagged("Condition", "LTS", "UNINFORMED", "UNDELIVERED").code, "CISB0000I")
    equal(flagged("Observation", "LTS").code, "CISB0000I")
    a = flagged("Observation", "LTS", "UNINFORMED")
    equal((a.code, a.places), ("CISB1009E", ["Bundle.entry[1].resource.meta.tag[1]"]))
    equal(flagged("AllergyIntolerance", "UNDELIVERED").code, "CISB1009E")
    equal(flagged("Condition", "LTS", "LTS").code, "CISB1007E")
    equal(flagged("Condition", "ZZZ").code, "CISB1007E")
    b = chart()
    b["entry"][0]["resource"]["meta"]["tag"] = [{"system": FLAG, "code": "LTS"}]
    equal(web.call("chart.register", chart_body(b)).code, "CISB1009E")


def broken(maker, path, value=None):
    """A copy of the Bundle with one element removed or replaced; path in steps of names and indexes."""
    b = maker()
    node = b
    for step in path[:-1]:
        node = node[step]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return b


@suite.test
def required_elements_of_charts(box, web, folder):
    entry = ("entry", 1, "resource")
    rows = [
        ("Condition", ("meta", "lastUpdated"), None, "Bundle.meta.lastUpdated"), ("Condition", ("meta", "profile"), ["urn:x"], "Bundle.meta.profile"),
        ("Condition", ("meta", "tag", 0, "code"), "Observation", "Bundle.entry[1].resource"), ("Condition", ("timestamp",), None, "Bundle.timestamp"),
        ("Condition", ("timestamp",), "2026-11-01", "Bundle.timestamp"), ("Condition", ("type",), "document", "Bundle.type"),
        ("Condition", ("entry", 0, "resource", "birthDate"), None, "Bundle.entry[0].resource.birthDate"),
        ("Condition", ("entry", 0, "resource", "birthDate"), "1960-02-30", "Bundle.entry[0].resource.birthDate"),
        ("Condition", ("entry", 0, "resource", "name", 0, "family"), None, "Bundle.entry[0].resource.name[0].family"),
        ("Condition", ("entry", 0, "resource", "name", 0, "text"), "試験　太郎", "Bundle.entry[0].resource.name[0].text"),
        ("Condition", ("entry", 0, "resource", "address"), None, "Bundle.entry[0].resource.address"),
        ("Condition", ("entry", 0, "resource", "identifier", 1), None, "Bundle.entry[0].resource.identifier"),
        ("Condition", ("entry", 0, "resource", "identifier", 1, "value"), "12345:a:b:", "Bundle.entry[0].resource.identifier[1].value"),
        ("Condition", entry + ("meta", "profile", 0), ECS + "JP_Condition_eCS|1", "Bundle.entry[1].resource.meta.profile"),
        ("Condition", entry + ("extension", 0), None, "Bundle.entry[1].resource.extension"),
        ("Condition", entry + ("extension", 1), None, "Bundle.entry[1].resource.extension"),
        ("Condition", entry + ("contained", 0, "meta", "profile"), ["urn:x"], "Bundle.entry[1].resource.contained"),
        ("Condition", entry + ("contained", 0, "meta", "lastUpdated"), "2026-11-01T10:00:00Z", "Bundle.entry[1].resource.contained[0]"),
        ("Condition", entry + ("encounter",), None, "Bundle.entry[1].resource.contained[0]"),
        ("Condition", entry + ("onsetDateTime",), None, "Bundle.entry[1].resource.onsetDateTime"),
        ("Condition", entry + ("abatementDateTime",), "2024-01-01", "Bundle.entry[1].resource"),
        ("Condition", entry + ("verificationStatus",), None, "Bundle.entry[1].resource.verificationStatus"),
        ("Condition", entry + ("code", "text"), None, "Bundle.entry[1].resource.code.text"),
        ("Condition", entry + ("code", "coding", 0, "display"), None, "Bundle.entry[1].resource.code.coding[0].display"),
        ("Condition", entry + ("code", "coding", 0, "system"), "urn:x", "Bundle.entry[1].resource.code.coding"),
        ("Condition", entry + ("subject", "reference"), urn(), "Bundle.entry[1].resource.subject.reference"),
        ("Condition", entry + ("identifier",), None, "Bundle.entry[1].resource.identifier"),
        ("Condition", entry + ("meta", "tag"), [{"system": "urn:x", "code": "y"}], "Bundle.entry[1].resource.meta.tag[0]"),
        ("AllergyIntolerance", entry + ("code", "coding", 0, "display"), None, "Bundle.entry[1].resource.code.coding[0].display"),
        ("AllergyIntolerance", entry + ("code", "coding", 0, "code"), "X9FC11310000", "Bundle.entry[1].resource.code.coding[0]"),
        ("AllergyIntolerance", entry + ("clinicalStatus",), None, "Bundle.entry[1].resource"),
        ("AllergyIntolerance", entry + ("patient",), None, "Bundle.entry[1].resource.patient"),
        ("Observation", entry + ("effectiveDateTime",), None, "Bundle.entry[1].resource.effectiveDateTime"),
        ("Observation", entry + ("effectivePeriod",), {"start": "2026-01-01"}, "Bundle.entry[1].resource.effectivePeriod"),
        ("Observation", entry + ("specimen",), None, "Bundle.entry[1].resource.specimen"),
        ("Observation", entry + ("valueBoolean",), True, "Bundle.entry[1].resource.valueBoolean"),
        ("Observation", entry + ("dataAbsentReason",), {"text": "x"}, "Bundle.entry[1].resource"),
        ("Observation", entry + ("code", "coding", 0, "system"), "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_LocalCode_CS", "Bundle.entry[1].resource.code.coding"),
        ("Observation", entry + ("status",), "done", "Bundle.entry[1].resource.status"),
    ]
    for kind, path, value, place in rows:
        a = web.call("chart.register", chart_body(broken(lambda: chart(kind), path, value), kind))
        true(a.code == "CISB1007E" and place in a.places, "%s %s: %s %s" % (kind, path, a.code, a.places))
        equal(a.body["ProcessingResultStatus"], "2")
    b = chart()
    b["entry"][1]["fullUrl"] = b["entry"][0]["fullUrl"]
    equal(web.call("chart.register", chart_body(b)).code, "CISB1007E")
    b = chart()
    del b["entry"][1]
    equal(web.call("chart.register", chart_body(b)).code, "CISB1007E")
    equal(web.call("chart.register", chart_body(chart("Observation"), "Condition")).code, "CISB1007E")
    equal(box.held(), {})


@suite.test
def required_elements_of_letters(box, web, folder):
    top = ("entry", 0, "resource")
    rows = [
        (top + ("status",), "preliminary"), (top + ("title",), "紹介状"), (top + ("custodian",), None), (top + ("event",), None),
        (top + ("extension",), None), (top + ("author",), None), (top + ("section", 0), None), (top + ("section", 1, "title"), "紹介先"),
        (top + ("section", 2), None), (top + ("section", 2, "section", 0), None), (top + ("section", 2, "section", 0, "code", "coding", 0, "code"), "322"),
        (top + ("section", 0, "code", "coding", 0, "display"), "紹介元"), (top + ("section", 0, "entry"), None), (top + ("type", "coding", 0, "code"), "18842-5"),
        (top + ("section", 2, "section", 2, "text"), None), (("entry", 3, "resource", "identifier", 0, "value"), "123"), (("entry", 3), None),
        (("entry", 1), None), (("type",), "collection"), (("meta", "profile"), ["urn:x"]),
        (top + ("section", 2, "section", 1, "entry"), [{"reference": urn()}]),
    ]
    for path, value in rows:
        a = web.call("document.register", letter_body(broken(letter, path, value)))
        true(a.code == "CISB1007E" and a.places, "%s: %s %s" % (path, a.code, a.places))
    b = letter()
    b["entry"][0]["resource"]["section"].append(section("230", "PDF", [b["entry"][4]["fullUrl"]]))
    equal(web.call("document.register", letter_body(b)).code, "CISB1007E", "text where it is forbidden")
    a = web.call("document.register", letter_body(broken(letter, top + ("section", 2, "section", 1, "title"), "病名")))
    equal(a.places, ["Bundle.entry[0].resource.section[2].section[1]"])
    equal(web.call("summary.register", {"DocumentInfo": encode(letter()), "DocumentKind": "2"}).code, "CISB1007E")
    equal(web.call("summary.register", {"DocumentInfo": encode(summary()), "DocumentKind": "1"}).code, "CISC0001E")
    equal(box.held(), {})


@suite.test
def persons_and_receivers(box, web, folder):
    equal(web.call("chart.register", chart_body(chart(insured="88888888:1:2:"))).code, "CISB1001E")
    box.ctl("insured", "add", "88888888:1:2:")
    equal(web.call("chart.register", chart_body(chart(insured="88888888:1:2:"))).code, "CISB0000I")
    box.ctl("insured", "end", "88888888:1:2:")
    equal(folder.call("chart.register", chart_body(chart(insured="88888888:1:2:"))).code, "CISB1001E")
    box.ctl("insured", "remove", "88888888:1:2:")
    equal(web.call("chart.register", chart_body(chart(insured="01999998:1:2:"))).code, "CISB1001E", "ended by the seed")
    equal(web.call("document.register", letter_body(letter(), to="1310000009")).code, "CISB1002E")
    equal(web.call("document.register", letter_body(letter(), to="1310009999")).code, "CISB1002E")
    box.ctl("institution", "add", "1310009999")
    equal(web.call("document.register", letter_body(letter(), to="1310009999")).code, "CISB0000I")
    box.ctl("institution", "add", "1310009999", "participates=no")
    equal(web.call("document.register", letter_body(letter(), to="1310009999")).code, "CISB1002E")


@suite.test
def duplicates_refused_or_overwritten(box, web, folder):
    for door in (web, folder):
        b = chart()
        value = b["identifier"]["value"]
        equal(door.call("chart.register", chart_body(b)).code, "CISB0000I")
        first = box.held()[value]["sha256"]
        b["timestamp"] = "2026-11-02T10:00:00.000+09:00"
        equal(door.call("chart.register", chart_body(b)).code, "CISB1003E")
        equal(box.held()[value]["sha256"], first)
        box.ctl("set", "duplicate=overwrite")
        equal(door.call("chart.register", chart_body(b)).code, "CISB0000I")
        true(box.held()[value]["sha256"] != first, "the last one wins")
        equal(box.effects(value), ["registered", "refused", "overwritten"])
        box.ctl("set", "duplicate=refuse")


@suite.test
def change_and_cancel_hit_only_the_exact_key(box, web, folder):
    b = chart()
    value, old = b["identifier"]["value"], None
    for door in (web, folder):
        equal(door.call("chart.change", dict(chart_body(b), **key(value))).code, "CISB1004E")
        equal(door.call("chart.cancel", key(value)).code, "CISB1004E")
    equal(web.call("chart.register", chart_body(b)).code, "CISB0000I")
    old = box.held()[value]["sha256"]
    equal(web.call("chart.cancel", key(value, insured="00012345:あいう:１８７:01")).code, "CISB1004E")
    equal(web.call("document.cancel", key(value)).code, "CISB1004E", "another family")
    new = chart(bundle_id=value, insured="00012345:あいう:１８７:01")
    equal(folder.call("chart.change", dict(chart_body(new), **key(value))).code, "CISB0000I")
    row = box.held()[value]
    equal((row["insured"], row["sha256"] != old), ("00012345:あいう:１８７:01", True))
    equal(web.call("chart.cancel", key(value)).code, "CISB1004E", "it stands under the new number now")
    equal(web.call("chart.cancel", key(value, insured="00012345:あいう:１８７:01")).code, "CISB0000I")
    equal(box.held(), {})
    equal([e for e in box.effects(value) if e not in ("absent",)], ["registered", "changed", "cancelled"])


@suite.test
def a_failing_change_changes_nothing(box, web, folder):
    b, c = chart(), chart()
    value, other = b["identifier"]["value"], c["identifier"]["value"]
    for x in (b, c):
        web.call("chart.register", chart_body(x))
    before = box.ctl("dump")
    bad = chart(bundle_id=value)
    del bad["entry"][1]["resource"]["onsetDateTime"]
    equal(web.call("chart.change", dict(chart_body(bad), **key(value))).code, "CISB1007E")
    equal(web.call("chart.change", dict(chart_body(chart(bundle_id=value, insured="88888888:1:2:")), **key(value))).code, "CISB1001E")
    equal(web.call("chart.change", dict(chart_body(chart(bundle_id=other)), **key(value))).code, "CISB1003E")
    equal(box.ctl("dump"), before)


@suite.test
def inquiry_of_letters(box, web, folder):
    b = letter()
    value = b["identifier"]["value"]
    equal(web.call("document.inquire", key(value)).code, "CISB1004E")
    web.call("document.register", letter_body(b, consent="2"))
    equal(folder.call("document.inquire", key(value)).body["DocumentStatus"], "1")
    box.ctl("document-status", value, "2")
    equal(web.call("document.inquire", key(value)).body["DocumentStatus"], "2")
    c = chart()
    web.call("chart.register", chart_body(c))
    equal(web.call("document.inquire", key(c["identifier"]["value"])).code, "CISB1004E")


@suite.test
def two_steps_and_polls(box, web, folder):
    box.ctl("set", "steps=2", "op=chart.register", "polls=2")
    for door in (web, folder):
        b = chart()
        a = door.call("chart.register", chart_body(b))
        equal((a.header["SegmentOfResult"], a.code), ("2", "CISB0001I"))
        number = a.body["ReceptionNumber"]
        answers = [door.call("result", {"ReceptionNumber": number}) for _ in range(4)]
        equal([x.header["SegmentOfResult"] for x in answers], ["2", "2", "1", "1"])
        equal(answers[2].code, "CISB0000I")
        box.ctl("set", "polls=0")
        bad = chart()
        del bad["entry"][1]["resource"]["onsetDateTime"]
        number = door.call("chart.register", chart_body(bad)).body["ReceptionNumber"]
        final = door.call("result", {"ReceptionNumber": number})
        equal((final.code, final.places), ("CISB1007E", ["Bundle.entry[1].resource.onsetDateTime"]))
        box.ctl("set", "polls=2")
        equal(Web(box, OTHER).call("result", {"ReceptionNumber": number}, institution=OTHER).code, "CISC0005E", "another institution's receipt")
    box.ctl("set", "steps=1", "polls=0")
    equal(folder.call("result", {"ReceptionNumber": "000"}).code, "CISC0005E")
    equal(len(box.held()), 2)


# ---- signature ----

@suite.test
def signature_is_verified_when_there(box, web, folder):
    b = letter()
    b["id"] = "not-signed"
    # names beyond the basic plane sort by UTF-16 units, numbers shrink: both in one place that no other rule reads
    a = web.call("document.register", letter_body(sign(box, b)))
    equal((a.code, a.body["VerifyResultList"]["VerifyResult"][0]["Status"]), ("CISB0000I", "1"))
    a = folder.call("document.register", letter_body(sign(box, letter())))
    equal((a.code, a.body["VerifyResultList"]["VerifyResult"][0]["Status"]), ("CISB0000I", "1"))

    def refused(signed, what):
        r = web.call("document.register", letter_body(signed))
        equal((r.code, r.body.get("VerifyResultList", {}).get("VerifyResult", [{}])[0].get("Status")), ("CISB1008E", "2"), what)
        return r.body["VerifyResultList"]["VerifyResult"][0]["Message"]

    told = set()
    changed = sign(box, letter())
    changed["entry"][5]["resource"]["code"]["text"] = "低血圧症"
    told.add(refused(changed, "changed after signing"))
    for who in ("pharmacist", "expired", "revoked", "authentication", "other-policy"):
        told.add(refused(sign(box, letter(), who), who))
    for header in ({"alg": "none"}, {"crit": ["iat"]}, {"iat": None}, {"iat": int(time.time()) + 7200}, {"x5c": []}, {"x5t#S256": "x"}, {"sigT": "2026-01-01T00:00:00Z"}):
        told.add(refused(sign(box, letter(), header=header), str(header)))
    told.add(refused(sign(box, letter(), when="2020-01-01T00:00:00.000+09:00"), "when"))
    odd = sign(box, letter())
    odd["signature"]["data"] = base64.b64encode(b"a.b.c").decode()
    told.add(refused(odd, "not detached"))
    true(len(told) >= 10, "reasons differ: %s" % told)
    equal(len(box.held()), 2)


@suite.test
def signature_switch(box, web, folder):
    box.ctl("set", "signature=required")
    a = web.call("document.register", letter_body(letter()))
    equal((a.code, a.body["VerifyResultList"]["VerifyResult"][0]["Status"]), ("CISB1008E", "2"))
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I", "only letters")
    equal(web.call("document.register", letter_body(sign(box, letter()))).code, "CISB0000I")
    box.ctl("set", "signature=optional")


@suite.test
def canonical_form_agrees_on_odd_numbers_and_names(box, web, folder):
    b = letter()
    b["entry"][5]["resource"]["note"] = [{"text": "\u20ac \"\\ \b\t\n\f\r \u0001 😀", "x-numbers": [1, 0, -1, 100]}]
    equal(web.call("document.register", letter_body(sign(box, b))).code, "CISB0000I")
    # text by hand: Python prints these numbers in another form than ECMAScript, and orders 😀 after U+FF61
    raw = '{"\U0001F600":1,"\uff61":2,"n":[1E30,1e-7,4.50,0.000001,123456789012345680000,1e21,-0,5e-324]}'
    want = '{"n":[1e+30,1e-7,4.5,0.000001,123456789012345680000,1e+21,0,5e-324],"\U0001F600":1,"\uff61":2}'
    b = letter()
    b["entry"][5]["resource"]["note"] = [{"text": "t", "x": "MARK"}]
    signed = sign(box, b, payload=canonical(b).replace(b'"MARK"', want.encode()))
    text = json.dumps(signed, ensure_ascii=False).replace('"MARK"', raw).encode()
    equal(web.call("document.register", letter_body(text)).code, "CISB0000I")


def restart_and_arguments(folder, pki):
    """The database outlives the program; a wrong command line is refused."""
    with open(os.path.join(folder, "insured.txt"), "w") as f:
        f.write("# one a line\n77777777:1:2:03\n")
    box = Sandbox(folder, pki, "--insured-file", os.path.join(folder, "insured.txt"), "--seed", "7")
    web = Web(box)
    b = chart(insured="77777777:1:2:03")
    equal(web.call("chart.register", chart_body(b)).code, "CISB0000I")
    web.close()
    equal(box.end(), (0, ""))
    box = Sandbox(folder, pki, "--seed", "7")
    equal(list(box.held()), [b["identifier"]["value"]])
    box.ctl("stop")
    equal(box.process.wait(20), 0)
    box.process.communicate()
    equal(subprocess.run([PROGRAM, "--db"], stderr=subprocess.DEVNULL).returncode, 2)
    equal(subprocess.run([PROGRAM, "--db", "/nonexistent/x.db"], stderr=subprocess.DEVNULL).returncode, 1)
    equal(subprocess.run([PROGRAM, "ctl", "/nonexistent", "list"], stderr=subprocess.DEVNULL).returncode, 1)


if __name__ == "__main__":
    sys.exit(suite.run(("restart_and_arguments", restart_and_arguments)))
