#!/usr/bin/env python3
"""The stand-in service by itself: every check, switch and fault, over both doors, with requests written by hand here (no code of the gateway)."""
import base64
import copy
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CLINSGW_BUILD", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CLINSGW_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
PROGRAM = os.path.join(BUILD, "bin", "clinsgw-sandbox")
SENDER, OTHER = "1318814790", "1311234567"
INSURED = "00012345:あいう:１８７:05"
ID_SYSTEM = "http://jpfhir.jp/fhir/clins/bundle-identifier"
FLAG = "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"
WAIT = 10.0
TESTS = []
failed = 0


def test(function):
    TESTS.append(function)
    return function


class Failure(Exception):
    pass


def equal(got, want, what=""):
    if got != want:
        raise Failure("%s got %r, want %r" % (what, got, want))


def true(value, what):
    if not value:
        raise Failure(what)


PAUSE = threading.Event()  # never set: a wait on it is a pause between two questions


def until(question, what):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        PAUSE.wait(0.005)
    raise Failure("never: " + what)


# ---- operations as docs/interface-profile.md names them ----

OPS = {
    "document.register": ("CISsidoc01", "MSA30010/ILI30010SV01/register"), "document.cancel": ("CISsidoc02", "MSA30020/ILI30020SV01/cancel"),
    "document.change": ("CISsidoc03", "MSA30030/ILI30030SV01/change"), "document.inquire": ("CISsidoc04", "MSA30040/ILI30040SV01/inquire"),
    "summary.register": ("CISsipcs01", "MSA31010/ILI31010SV01/register"), "summary.cancel": ("CISsipcs02", "MSA31020/ILI31020SV01/cancel"),
    "summary.change": ("CISsipcs03", "MSA31030/ILI31030SV01/change"), "chart.register": ("CISsicln01", "MSA32010/ILI32010SV01/register"),
    "chart.cancel": ("CISsicln02", "MSA32020/ILI32020SV01/cancel"), "chart.change": ("CISsicln03", "MSA32030/ILI32030SV01/change"),
    "result": ("CISsirst01", "MSA39010/ILI39010SV01/result"),
}


def encode(bundle):
    raw = bundle if isinstance(bundle, bytes) else json.dumps(bundle, ensure_ascii=False).encode()
    return base64.b64encode(raw).decode()


def key(bundle_id, insured=INSURED):
    return {"KeyInfo": {"InsuredPersonIdentifier": insured, "IdentifierSystem": ID_SYSTEM, "IdentifierValue": bundle_id}}


def chart_body(bundle, kind="Condition"):
    return {"ClinicalInfo": encode(bundle), "ClinicalKind": kind}


def letter_body(bundle, to=OTHER, consent="1"):
    return {"DocumentInfo": encode(bundle), "DocumentKind": "1", "ConsentPattern": consent, "DestinationInstitutionCode": to}


def message(body, institution=SENDER, identifier=None):
    return {"XmlMsg": {"MessageHeader": {"MedicalInstitutionCode": institution, "ArbitraryFileIdentifier": identifier or str(uuid.uuid4())}, "MessageBody": body}}


def to_xml(tree):
    def add(parent, name, value):
        node = ET.SubElement(parent, name)
        if isinstance(value, dict):
            for k, v in value.items():
                add(node, k, v)
        else:
            node.text = value
    root = ET.Element("XmlMsg")
    for k, v in tree["XmlMsg"].items():
        add(root, k, v)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8")


def from_xml(raw):
    def read(node):
        if len(node) == 0:
            return node.text or ""
        result = {}
        for child in node:
            if child.tag in ("FhirCheckResult", "VerifyResult"):
                result.setdefault(child.tag, []).append(read(child))
            else:
                result[child.tag] = read(child)
        return result
    return read(ET.fromstring(raw))


class Answer:
    def __init__(self, tree):
        self.header, self.body = tree["MessageHeader"], tree["MessageBody"] or {}

    @property
    def code(self):
        return self.header.get("ErrorCode") or self.body.get("ProcessingResultCode")

    @property
    def places(self):
        return [f["Location"] for f in self.body.get("FhirCheckResultList", {}).get("FhirCheckResult", [])]


# ---- Bundles ----

def urn():
    return "urn:uuid:" + str(uuid.uuid4())


def new_id(institution=SENDER):
    return "%s^2026^%s" % (institution, uuid.uuid4())


def meta(profile):
    return {"lastUpdated": "2026-11-01T10:00:00.000+09:00", "profile": [profile]}


ECS = "http://jpfhir.jp/fhir/eCS/StructureDefinition/"
OWN_ID = "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier"


def own_id(value):
    return [{"system": OWN_ID, "value": value}]


def institution_extension(code=SENDER):
    return {"url": "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber",
            "valueIdentifier": {"system": "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no", "value": code}}


def department_extension():
    return {"url": "http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_Department",
            "valueCodeableConcept": {"coding": [{"system": "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment", "code": "01", "display": "内科"}], "text": "内科"}}


def encounter():
    return {"resourceType": "Encounter", "id": "enc", "meta": {"profile": ["http://jpfhir.jp/fhir/core/StructureDefinition/JP_Encounter"]}, "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "外来"}}


def patient(insured=INSURED):
    return {"resourceType": "Patient", "meta": meta(ECS + "JP_Patient_eCS"),
            "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51.1" + SENDER, "value": "000001"},
                           {"system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID", "value": insured}],
            "name": [{"text": "試験 太郎", "family": "試験", "given": ["太郎"]}], "gender": "male", "birthDate": "1960-01-02", "address": [{"text": "東京都港区"}]}


def condition(subject):
    return {"resourceType": "Condition", "meta": meta(ECS + "JP_Condition_eCS"), "contained": [encounter()],
            "extension": [institution_extension(), department_extension()], "identifier": own_id("C1"),
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}]}],
            "code": {"coding": [{"system": "http://medis.or.jp/CodeSystem/master-disease-keyNumber", "code": "20054371", "display": "高血圧症"}], "text": "高血圧症"},
            "subject": {"reference": subject}, "encounter": {"reference": "#enc"}, "onsetDateTime": "2020-01-01"}


def allergy(subject):
    return {"resourceType": "AllergyIntolerance", "meta": meta(ECS + "JP_AllergyIntolerance_eCS"), "extension": [institution_extension()], "identifier": own_id("A1"),
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "confirmed"}]},
            "category": ["food"],
            "code": {"coding": [{"system": "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyFoodAllergen_CS", "code": "J9FC11310000", "display": "さば"}], "text": "サバ"},
            "patient": {"reference": subject}}


def lab(subject):
    return {"resourceType": "Observation", "meta": meta(ECS + "JP_Observation_LabResult_eCS"), "contained": [encounter()],
            "extension": [institution_extension(), department_extension()], "identifier": own_id("O1"), "status": "final",
            "category": [{"coding": [{"system": "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS", "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS", "code": "3A015000001827101", "display": "ALB"}],
                     "text": "アルブミン"},
            "subject": {"reference": subject}, "encounter": {"reference": "#enc"}, "effectiveDateTime": "2026-10-30",
            "valueQuantity": {"value": 4.10, "unit": "g/dL"}, "specimen": {"type": "Specimen", "display": "血清"}}


MAKERS = {"Condition": condition, "AllergyIntolerance": allergy, "Observation": lab}


def chart(kind="Condition", bundle_id=None, insured=INSURED):
    url = urn()
    return {"resourceType": "Bundle",
            "meta": dict(meta("http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1"),
                         tag=[{"system": "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS", "code": kind}]),
            "identifier": {"system": ID_SYSTEM, "value": bundle_id or new_id()}, "type": "collection", "timestamp": "2026-11-01T10:00:00.000+09:00",
            "entry": [{"fullUrl": url, "resource": patient(insured)}, {"fullUrl": urn(), "resource": MAKERS[kind](url)}]}


def section(code, title, entries=(), **more):
    result = {"title": title, "code": {"coding": [{"system": "http://jpfhir.jp/fhir/clins/CodeSystem/document-section", "code": code, "display": title + "セクション"}]},
              "text": {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">なし</div>'}, **more}
    if entries:
        result["entry"] = [{"reference": e} for e in entries]
    return result


def organization(code):
    return {"resourceType": "Organization", "meta": meta(ECS + "JP_Organization_eCS"),
            "identifier": [{"system": "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no", "value": code}], "name": "診療所"}


def letter(bundle_id=None):
    pat, doctor, here, there, sick = (urn() for _ in range(5))
    composition = {
        "resourceType": "Composition", "meta": meta("http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral|1"),
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber", "valueString": "1"}],
        "identifier": {"system": OWN_ID, "value": "L1"}, "status": "final",
        "type": {"coding": [{"system": "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes", "code": "57133-1", "display": "診療情報提供書"}]},
        "category": [{"coding": [{"system": "http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes", "code": "OUTPATIENT"}]}],
        "subject": {"reference": pat}, "date": "2026-11-01T10:00:00+09:00", "title": "診療情報提供書", "author": [{"reference": doctor}, {"reference": here}],
        "custodian": {"reference": here}, "event": [{"code": [{"text": "診療情報提供書発行"}], "period": {"start": "2026-11-01"}}],
        "section": [section("920", "紹介元情報", [here, doctor]), section("910", "紹介先情報", [there]),
                    dict(section("300", "構造情報"), section=[section("950", "紹介目的"), section("340", "傷病名・主訴", [sick]), section("360", "現病歴")])]}
    return {"resourceType": "Bundle", "meta": meta("http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral|1"), "type": "document",
            "identifier": {"system": ID_SYSTEM, "value": bundle_id or new_id()}, "timestamp": "2026-11-01T10:00:00.000+09:00",
            "entry": [{"fullUrl": urn(), "resource": composition}, {"fullUrl": pat, "resource": patient()},
                      {"fullUrl": doctor, "resource": {"resourceType": "Practitioner", "meta": meta(ECS + "JP_Practitioner_eCS"), "name": [{"text": "山田 太郎"}]}},
                      {"fullUrl": here, "resource": organization(SENDER)}, {"fullUrl": there, "resource": organization(OTHER)},
                      {"fullUrl": sick, "resource": condition(pat)}]}


def summary(bundle_id=None):
    pat, doctor, here, visit, plan, sick = (urn() for _ in range(6))
    composition = copy.deepcopy(letter()["entry"][0]["resource"])
    composition.update(meta=meta("http://jpfhir.jp/fhir/ePCS/StructureDefinition/JP_Composition_ePCS|1"), title="患者サマリー（療養計画書）", subject={"reference": pat},
                       encounter={"reference": visit}, author=[{"reference": doctor}, {"reference": here}],
                       type={"coding": [{"system": "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes", "code": "56447-6", "display": "計画書"}]},
                       section=[section("422", "計画サマリー", [plan, sick])])
    del composition["custodian"], composition["event"]
    care = {"resourceType": "CarePlan", "meta": meta(ECS + "JP_CarePlan_ePCS"), "status": "active", "intent": "plan", "title": "療養計画", "subject": {"reference": pat}}
    stay = {"resourceType": "Encounter", "meta": meta(ECS + "JP_Encounter_eCS"), "status": "finished", "class": encounter()["class"]}
    return {"resourceType": "Bundle", "meta": meta("http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_ePCS|1"), "type": "document",
            "identifier": {"system": ID_SYSTEM, "value": bundle_id or new_id()}, "timestamp": "2026-11-01T10:00:00.000+09:00",
            "entry": [{"fullUrl": urn(), "resource": composition}, {"fullUrl": pat, "resource": patient()},
                      {"fullUrl": doctor, "resource": {"resourceType": "Practitioner", "meta": meta(ECS + "JP_Practitioner_eCS"), "name": [{"text": "山田 太郎"}]}},
                      {"fullUrl": here, "resource": organization(SENDER)}, {"fullUrl": visit, "resource": stay}, {"fullUrl": plan, "resource": care},
                      {"fullUrl": sick, "resource": condition(pat)}]}


# ---- the program and its two doors ----

class Sandbox:
    def __init__(self, folder, pki, *more):
        self.folder, self.pki = folder, pki
        self.share, self.socket, self.db = (os.path.join(folder, n) for n in ("share", "control", "sandbox.db"))
        words = [PROGRAM, "--db", self.db, "--port", "0", "--tls-cert", pki + "/tls/server.crt", "--tls-key", pki + "/tls/server.key",
                 "--client-ca", pki + "/tls/ca.crt", "--hpki-ca", pki + "/hpki/service", "--share", self.share, "--control", self.socket,
                 "--user", "clinic", "--password", "secret", "--institution", SENDER, "--institution", OTHER + ":" + OTHER, *more]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            raise Failure("did not start: " + self.process.stderr.read())
        self.port = int(line.split()[1])
        equal(self.process.stdout.readline().strip(), "ready")

    def ctl(self, *words, good=True):
        p = subprocess.run([PROGRAM, "ctl", self.socket, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        equal(p.returncode == 0, good, " ".join(words) + ": " + p.stdout)
        lines = p.stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")] if good else lines

    def fault(self, *words):
        self.ctl("fault", "add", *words)

    def held(self):
        return {r["bundle_id"]: r for r in self.ctl("dump")}

    def effects(self, bundle_id=None):
        words = ["--bundle-id", bundle_id] if bundle_id else []
        return [r["effect"] for r in self.ctl("requests", *words)]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


class Web:
    """One kept connection with a token."""

    def __init__(self, box, institution=SENDER, certificate=True, login=True):
        self.box = box
        context = ssl.create_default_context(cafile=box.pki + "/tls/ca.crt")
        if certificate:
            context.load_cert_chain("%s/tls/facility-%s.crt" % (box.pki, institution), "%s/tls/facility-%s.key" % (box.pki, institution))
        self.connection = http.client.HTTPSConnection("localhost", box.port, context=context, timeout=15)
        self.token = None
        if login:
            self.login()

    def post(self, path, body, headers=None):
        send = {"Content-Type": "application/json;charset=UTF-8"}
        if self.token:
            send["Authorization"] = self.token
        send.update(headers or {})
        self.connection.request("POST", path, body, send)
        response = self.connection.getresponse()
        return response.status, response.read()

    def login(self, password="secret"):
        self.token = None
        status, raw = self.post("/oqs-api-pro/MSA12020/ILI12020SV01/auth", json.dumps({"user": "clinic", "password": password}))
        if status == 200:
            result = json.loads(raw)["result"]
            self.token, self.life = result["idToken"], result["expiresIn"]
        return status

    def raw(self, op, body, **more):
        return self.post("/cis-api-pro/" + OPS[op][1], body if isinstance(body, (str, bytes)) else json.dumps(message(body, **more)))

    def call(self, op, body, **more):
        identifier = more.pop("identifier", str(uuid.uuid4()))
        status, raw = self.raw(op, body, identifier=identifier, **more)
        equal(status, 200, op)
        answer = Answer(json.loads(raw)["XmlMsg"])
        answer.asked = identifier
        return answer

    def close(self):
        self.connection.close()

    def dropped(self, op, body):
        """True when the connection ends without an answer."""
        try:
            self.raw(op, body)
            return False
        except (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionError, ssl.SSLError):
            self.connection.close()
            return True


class Folder:
    def __init__(self, box):
        self.box = box

    def drop(self, op, body, raw=None, **more):
        suffix = uuid.uuid4().hex[:16]
        name = "%sreq_%s.xml" % (OPS[op][0], suffix)
        path = os.path.join(self.box.share, "req", name)
        temporary = os.path.join(self.box.share, "req", "." + name + ".part")
        with open(temporary, "wb") as f:
            f.write(to_xml(message(body, **more)) if raw is None else raw)
        os.rename(temporary, path)
        return suffix

    def path(self, op, suffix, kind="res"):
        return os.path.join(self.box.share, "res", "%s%s_%s.xml" % (OPS[op][0], kind, suffix))

    def take(self, op, suffix, kind="res"):
        path = self.path(op, suffix, kind)
        until(lambda: os.path.exists(path), os.path.basename(path))
        with open(path, "rb") as f:
            raw = f.read()
        os.unlink(path)
        return Answer(from_xml(raw))

    def call(self, op, body, kind="res", **more):
        return self.take(op, self.drop(op, body, **more), kind)


# ---- the tests: box is fresh (reset) for each ----

@test
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


@test
def folder_register_is_answered_by_name(box, web, folder):
    bundle = chart("Observation")
    suffix = folder.drop("chart.register", chart_body(bundle, "Observation"))
    a = folder.take("chart.register", suffix)
    equal((a.code, a.header["SegmentOfResult"], a.header["CharacterCodeIdentifier"]), ("CISB0000I", "1", "0"))
    equal(os.listdir(os.path.join(box.share, "req")) + os.listdir(os.path.join(box.share, "res")), [])
    equal(list(box.held()), [bundle["identifier"]["value"]])


@test
def every_kind_registers_on_both_links(box, web, folder):
    for door in (web, folder):
        for kind in MAKERS:
            equal(door.call("chart.register", chart_body(chart(kind), kind)).code, "CISB0000I", kind)
        equal(door.call("document.register", letter_body(letter())).code, "CISB0000I", "letter")
        a = door.call("summary.register", {"DocumentInfo": encode(summary()), "DocumentKind": "2"})
        equal((a.code, a.places), ("CISB0000I", []), "summary")
    equal(len(box.held()), 10)


@test
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


@test
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


@test
def client_certificate_is_demanded(box, web, folder):
    bare = Web(box, certificate=False, login=False)
    try:
        bare.login()
        raise Failure("no certificate, and yet served")
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        bare.close()


@test
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


@test
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


@test
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


@test
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


@test
def institution_must_be_the_callers(box, web, folder):
    equal(web.call("chart.register", chart_body(chart(bundle_id=new_id(OTHER))), institution=OTHER).code, "CISC0001E")
    equal(folder.call("chart.register", chart_body(chart()), kind="err", institution="1310000001").code, "CISC0001E")
    equal(web.call("chart.register", chart_body(chart(bundle_id=new_id(OTHER)))).code, "CISB1010E")
    b = chart()
    b["entry"][1]["resource"]["extension"][0] = institution_extension(OTHER)
    a = web.call("chart.register", chart_body(b))
    equal((a.code, a.places), ("CISB1010E", ["Bundle.entry[1].resource.extension"]))
    equal(web.call("chart.cancel", key(new_id(OTHER))).code, "CISB1010E")


@test
def unreadable_payloads(box, web, folder):
    for info in ("!!!!", encode(chart())[:-1], encode(chart())[:40] + "\n" + encode(chart())[40:], encode(b"{"), encode(b'{"a":1,"a":2}'), encode(b"[]"),
                 encode({"resourceType": "Patient"}), encode(b"\xff\xfe")):
        equal(web.call("chart.register", {"ClinicalInfo": info, "ClinicalKind": "Condition"}).code, "CISB1011E", info[:20])


@test
def bundle_id_form(box, web, folder):
    for value in ("1318814790^26^A", "1318814790^2026^", "1318814790^2026^" + "a" * 37, "1318814790^2026^a_b", "1318814790-2026-a", "13188147900^2026^a", "9918814790^2026^a"):
        equal(web.call("chart.register", chart_body(chart(bundle_id=value))).code, "CISB1005E", value)
        equal(web.call("chart.cancel", key(value)).code, "CISB1005E", value)
    b = chart()
    b["identifier"]["system"] = "urn:x"
    equal(web.call("chart.register", chart_body(b)).code, "CISB1005E")
    equal(web.call("chart.cancel", key(new_id(), insured="12345:a:b:00")).code, "CISB1005E")


@test
def one_type_a_bundle(box, web, folder):
    b = chart()
    b["entry"].append({"fullUrl": urn(), "resource": allergy(b["entry"][0]["fullUrl"])})
    a = web.call("chart.register", chart_body(b))
    equal((a.code, a.places[0]), ("CISB1006E", "Bundle.entry[2].resource"))


@test
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
    equal(flagged("Condition", "XXX").code, "CISB1007E")
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


@test
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


@test
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


@test
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


@test
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


@test
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


@test
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


@test
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


@test
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

def canonical(bundle):
    return json.dumps({k: v for k, v in bundle.items() if k not in ("id", "meta", "signature")}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def url64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(box, bundle, who="doctor", header=None, when=None, payload=None):
    pki = box.pki + "/hpki/"
    certs = []
    for pem in (pki + who + ".crt", pki + "intermediates/signing-ca.crt"):
        certs.append(subprocess.run(["openssl", "x509", "-in", pem, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout)
    now = int(time.time())
    head = {"alg": "RS256", "typ": "jose", "iat": now, "x5t#S256": url64(hashlib.sha256(certs[0]).digest()), "x5c": [base64.b64encode(c).decode() for c in certs]}
    head.update(header or {})
    head = {k: v for k, v in head.items() if v is not None}
    first = url64(json.dumps(head).encode())
    text = (first + "." + url64(canonical(bundle) if payload is None else payload)).encode()
    mark = subprocess.run(["openssl", "dgst", "-sha256", "-sign", pki + who + ".key"], input=text, stdout=subprocess.PIPE, check=True).stdout
    signed = dict(bundle)
    signed["signature"] = {"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}],
                           "when": when or time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 9 * 3600)) + ".123+09:00",
                           "who": {"reference": bundle["entry"][2]["fullUrl"]}, "sigFormat": "application/jose",
                           "data": base64.b64encode((first + ".." + url64(mark)).encode()).decode()}
    return signed


@test
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


@test
def signature_switch(box, web, folder):
    box.ctl("set", "signature=required")
    a = web.call("document.register", letter_body(letter()))
    equal((a.code, a.body["VerifyResultList"]["VerifyResult"][0]["Status"]), ("CISB1008E", "2"))
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I", "only letters")
    equal(web.call("document.register", letter_body(sign(box, letter()))).code, "CISB0000I")
    box.ctl("set", "signature=optional")


@test
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


# ---- faults ----

@test
def web_drop_before_and_after(box, web, folder):
    for word, held in (("drop-before", 0), ("drop-after", 1)):
        box.ctl("reset")
        box.fault(word, "op=chart.register")
        true(web.dropped("chart.register", chart_body(chart())), word)
        equal(len(box.held()), held, word)
        equal(box.effects(), ["registered" if held else "lost"])
        equal(box.ctl("requests")[0]["faults"], word)


@test
def web_drop_only_on_a_reused_connection(box, web, folder):
    box.fault("drop-after", "reused=yes", "op=chart.register")
    fresh = Web(box, login=False)
    fresh.token = web.token
    equal(fresh.call("chart.register", chart_body(chart())).code, "CISB0000I")
    true(fresh.dropped("chart.register", chart_body(chart())), "the second one on that connection")
    equal(len(box.held()), 2)
    equal(fresh.call("chart.register", chart_body(chart())).code, "CISB0000I")
    fresh.close()


@test
def web_5xx_before_and_after(box, web, folder):
    box.fault("http-before", "n=502")
    equal(web.raw("chart.register", chart_body(chart()))[0], 502)
    equal(len(box.held()), 0)
    box.fault("http-after")
    equal(web.raw("chart.register", chart_body(chart()))[0], 503)
    equal(len(box.held()), 1)


@test
def web_half_answer(box, web, folder):
    box.fault("half")
    true(web.dropped("chart.register", chart_body(chart())), "half and closed")
    box.fault("half", "ms=50")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I", "completed later")
    equal(len(box.held()), 2)


@test
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


@test
def web_double_answer(box, web, folder):
    box.fault("double")
    equal(web.call("chart.register", chart_body(chart())).code, "CISB0000I")
    web.connection.close()
    equal(len(box.held()), 1)


@test
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


@test
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


@test
def pending_n_times(box, web, folder):
    for door in (web, folder):
        box.fault("pending", "n=3", "op=chart.register")
        number = door.call("chart.register", chart_body(chart())).body["ReceptionNumber"]
        equal([door.call("result", {"ReceptionNumber": number}).header["SegmentOfResult"] for _ in range(3)], ["2", "2", "1"])


@test
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


@test
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


@test
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
    equal(box.ctl("fault", "list")[0]["kind"], "busy")
    box.ctl("fault", "clear")
    box.fault("busy", "prob=0.5", "times=0")
    codes = [web.call("chart.register", chart_body(chart())).code for _ in range(24)]
    true(4 <= codes.count("CISC0003E") <= 20, "about half: %d" % codes.count("CISC0003E"))
    box.ctl("fault", "clear")
    for words in (["fault", "add", "nonsense"], ["fault", "add", "slow", "ms=x"], ["fault", "add", "slow", "op=x"], ["set", "duplicate=maybe"], ["set", "x=1"], ["nonsense"],
                  ["document-status", "x", "1"], ["insured", "add"], ["fault", "add", "slow", "prob=2"]):
        box.ctl(*words, good=False)


@test
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


@test
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


# ---- running ----

def make_pki(folder):
    pki = os.path.join(folder, "pki")
    subprocess.run(["sh", os.path.join(ROOT, "certs", "make-demo-pki.sh"), pki, SENDER, OTHER], env=dict(os.environ, NO_TOKEN="1"), check=True)
    return pki


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


def run(name, function, *arguments):
    global failed
    try:
        skipped = function(*arguments)
        if skipped:
            print("     " + skipped)
        print(("skip " if skipped else "ok ") + name)
    except Exception as e:  # every kind of failure is a failed test
        print("     %s: %s" % (type(e).__name__, e))
        print("FAIL " + name)
        failed += 1
    sys.stdout.flush()


def main():
    if not os.path.exists(PROGRAM):
        print("FAIL sandbox_is_built (%s)" % PROGRAM)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        pki = make_pki(folder)
        os.mkdir(os.path.join(folder, "a"))
        os.mkdir(os.path.join(folder, "b"))
        box = Sandbox(os.path.join(folder, "a"), pki)
        for function in TESTS:
            if len(sys.argv) > 1 and not any(w in function.__name__ for w in sys.argv[1:]):
                continue
            box.ctl("reset")
            web = Web(box)
            run("sandbox_" + function.__name__, function, box, web, Folder(box))
            web.close()
        run("sandbox_ends_cleanly", lambda: equal(box.end(), (0, "")))
        run("sandbox_restart_and_arguments", restart_and_arguments, os.path.join(folder, "b"), pki)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
