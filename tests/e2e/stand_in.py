"""The stand-in service from outside, for the tests of it: its operations, Bundles written by hand (no code of the gateway), its program and its two doors."""
import base64
import copy
import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import time
import uuid
import xml.etree.ElementTree as ET

from house import BIN, Failure, Runner, equal, make_pki, until

PROGRAM = os.path.join(BIN, "clinsgw-sandbox")
SENDER, OTHER = "1318814790", "1311234567"
INSURED = "00012345:あいう:１８７:05"
ID_SYSTEM = "http://jpfhir.jp/fhir/clins/bundle-identifier"
FLAG = "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"


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


# ---- running ----

class Suite:
    """Tests of one script. Each gets a stand-in that has been reset, a logged-in connection to it, and its shared folder."""

    def __init__(self):
        self.tests = []

    def test(self, function):
        self.tests.append(function)
        return function

    def run(self, *more):
        """Runs them; more: (name, function) that want a folder and the PKI for a stand-in of their own."""
        runner = Runner("sandbox")
        with tempfile.TemporaryDirectory() as folder:
            pki = make_pki(os.path.join(folder, "pki"), [SENDER, OTHER])
            for name in ("all", "own"):
                os.mkdir(os.path.join(folder, name))
            box = Sandbox(os.path.join(folder, "all"), pki)
            for function in self.tests:
                box.ctl("reset")
                web = Web(box)
                runner.run(function.__name__, function, box, web, Folder(box))
                web.close()
            ended = box.end()
            runner.run("ends_cleanly", equal, ended, (0, ""))
            for name, function in more:
                runner.run(name, function, os.path.join(folder, "own"), pki)
        return runner.end()
