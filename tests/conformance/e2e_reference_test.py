#!/usr/bin/env python3
"""What the whole product makes of vendors' files, held against other people's programs.

Every sample of docs/samples and many variants (kinds, coding patterns, values, flags, sections, attachments, consents, insurances) go the whole way, once over
the Web API with signatures and, the letters, once over the terminal folder without; the samples also through try/. What `clinsgw export` gives is then read by
the reference validator (one call for all), EU DSS and the OpenSSL command line, each skipped where it cannot run, and by a canonical form written here.
"""
import base64
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from house import CLINIC, SAMPLES, SHARED, Failure, House, Runner, equal, messages, only, read_json, sample, true, until  # noqa: E402

OTHER = "1318814790"
LAB, LETTER, LISTS, ALLERGIES = "04-lab-register.json", "06-letter-register.json", "01-diseases-current.json", "03-allergies-current.json"
LETTER_FILES = ("06-letter-ecg.pdf", "06-letter-key-image.png")
FOLLOWERS = {"07-letter-change.json": LETTER, "08-letter-cancel.json": "07-letter-change.json", "09-lab-change.json": LAB, "02-diseases-empty.json": LISTS,
             "13-bundle-change.json": "12-bundle-register.json"}
TWICE = ("01-diseases-current.json", "05-infection-register.json", "06-letter-register.json")  # validated again: unsigned, and from the dry run; a large letter takes the validator seconds
PAYER = {"payer_number": "12130001", "recipient_number": "1234567"}
PNG, JPEG, TIFF = base64.b64encode(sample("06-letter-key-image.png")).decode(), base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9").decode(), \
    base64.b64encode(b"II*\0\x08\0\0\0\0\0\0\0\0\0").decode()
PDF = base64.b64encode(sample("06-letter-ecg.pdf")).decode()


# ---- variants: what the samples do not show ----

def disease_items():
    flags = ("long_term", "uninformed", "undelivered")
    items = [{"name": "胃癌", "management_number": "20054178", "onset": "2025-08-11", "status": "active", "flags": [f for n, f in enumerate(flags) if bits >> n & 1]} for bits in range(1, 8)]
    items += [{"name": "前腕骨折", "management_number": "20080427", "exchange_code": "SR2K", "receipt_code": "8130020", "icd10": "S529", "local_code": "F1", "onset": "2020-04-10",
               "prefixes": [{"name": "左", "management_number": "27000358", "exchange_code": "1087", "receipt_code": "2056"}],
               "suffixes": [{"name": "の術後", "management_number": "27000727"}, {"name": "の疑い", "management_number": "27000737"}], "note": "ギプス固定\n経過良好 <1週間>"},
              {"name": "当院でのみ使う病名", "uncoded": True, "onset": "2022-05-01", "suspected": True}, {"name": "ローカルの病名", "local_code": "L-001/(a)", "onset": "2022-05-02T10:00:00+09:00"}]
    ends = (("resolved", "cured"), ("inactive", "moved"), ("remission", "stopped"), ("resolved", "died"))
    items += [{"name": "急性気管支炎", "local_code": "B1", "receipt_code": "4660009", "onset": "2025-01-05", "end": "2025-01-20", "status": s, "outcome": o, "recorded": "2025-01-05T09:00:00+09:00",
               "department": {"name": "総合診療科"}, "recorder": {"family": "別", "given": "医師"}, "encounter": {"class": "inpatient", "start": "2025-01-05", "end": "2025-01-20"}} for s, o in ends]
    return items + [{"name": "狭心症", "management_number": "20058911", "onset": "2018-01-01", "outcome": "continued"}]


def allergy_items():
    items = [{"category": "medication", "name": "ロキソニン", "jfagy_code": "YCM1149019F1560", "standard_name": "ロキソニン錠６０ｍｇ", "status": "inactive", "certainty": "unconfirmed", "criticality": "low"},
             {"category": "medication", "name": "昔の注射", "uncoded": True, "criticality": "unable-to-assess"}, {"category": "medication", "name": "院内の薬", "local_code": "MED1"},
             {"category": "food", "name": "サバ", "jfagy_code": "J9FC11310000", "status": "resolved", "end": "2025-10-01", "certainty": "confirmed"}, {"category": "food", "name": "山菜", "uncoded": True},
             {"category": "environment", "name": "スギ花粉", "jfagy_code": "J9NP10010000", "flags": ["long_term"]}, {"category": "other", "name": "不明の物質", "uncoded": True, "certainty": "refuted"},
             {"category": "food", "name": "卵", "local_code": "EGG", "onset": "2001-01-01", "recorded": "2010-01-01T00:00:00+09:00", "note": "加熱は可", "flags": ["long_term"],
              "reactions": [{"manifestation": "嘔吐", "severity": "moderate", "onset": "2001-01-01", "note": "30分後"}, {"note": "記録のみ"}]}]
    return items


def lab_items():
    systems = "urn:oid:1.2.392.200119.6.2102"
    items = [{"name": "アルブミン", "local_code": "A1", "local_material": "023", "jlac10": "3A015000002327101", "jlac10_list": "core", "number": 3.90, "unit": "g/dL", "unit_code": "g/dL", "interpretation": "L",
              "ranges": [{"low": "4.10", "high": "5.1", "unit": "g/dL", "text": "成人"}, {"high": "10"}, {"text": "(-)"}], "issued": "2025-10-20T12:00:00+09:00", "comment": "再検済み", "flags": ["long_term"]},
             {"name": "eGFR", "jlac10": "8A065000002391901", "jlac10_list": "general", "number": "75", "unit": "mL/min/1.73m2"}, {"name": "AST", "jlac10": "3B035000002327201", "number": 0, "unit": "U/L"},
             {"name": "カリウム", "local_code": "K", "jlac10": "3H015000002327201", "number": "10", "comparator": "<", "unit": "mmol/L", "interpretation": "HH", "status": "corrected"},
             {"name": "値の小さな検査", "local_code": "S1", "number": "-0.0050", "comparator": "<=", "unit": "μg/mL", "interpretation": "LL", "status": "preliminary"},
             {"name": "高い検査", "local_code": "S2", "number": "1234567890.12345", "comparator": ">", "interpretation": "H"}, {"name": "以上の検査", "local_code": "S3", "number": "80", "comparator": ">=", "unit": "倍"},
             {"name": "梅毒反応", "local_code": "TP1", "jlac10": "5E075135101819011", "jlac10_list": "infection", "qualitative": "(-)", "qualitative_code": "1", "qualitative_system": systems, "interpretation": "NEG", "flags": ["long_term"]},
             {"name": "判定保留の検査", "local_code": "H1", "qualitative": "±", "interpretation": "IND"}, {"name": "院内だけの検査", "local_code": "X-99", "text": "判定できず\n再採取", "specimen": {"name": "尿"}, "interpretation": "A"},
             {"name": "中止の検査", "local_code": "X-98", "absent": "unknown", "status": "cancelled", "collected": "2025-10-20"}, {"name": "誤差の検査", "local_code": "X-97", "absent": "error"}]
    return items


def medicines():
    base = {"authored": "2025-10-20", "usage": {"text": "１日３回朝昼夕食後　服用", "code": "1013044400000000"}}
    return [dict(base, name="一般名の薬", general_code="2316009F1ZZZ", standard_name="【般】耐性乳酸菌散", dose="1.5", dose_unit="g", days=7, flags=["long_term"]),
            dict(base, name="院内の薬", local_code="NTG03", usage={"text": "胸痛時　舌下", "local_code": "U1"}, quantity=10, quantity_unit="錠", as_needed=True, note="3回で治まらなければ救急要請"),
            dict(base, name="名前だけの薬", uncoded=True, usage={"text": "医師の指示通り"}), dict(base, name="ミヤＢＭ錠", yj_code="2316009F1022", hot9="101404401", receipt_code="620000001", rp_number=2, order_in_rp=2,
                                                                                          start="2025-10-21", daily=3, daily_unit="錠", daily_unit_code="TAB")]


FULL_SECTIONS = {
    "purpose": {"text": "精査 <b>加療</b> & ご高診をお願いいたします。\n\"よろしく\""}, "diagnoses": {"items": disease_items()[7:]}, "present_illness": {"items": [{"name": "狭心症", "management_number": "20058911"}]},
    "past_history": {"text": "特になし", "items": disease_items()[:2]}, "allergies": {"items": allergy_items()}, "physical_findings": {"items": [{"name": "体温", "number": "36.50", "unit": "Cel", "date": "2025-10-20T09:00:00+09:00", "local_code": "BT"}]},
    "family_history": {"items": [{"relation": "母", "relation_code": "MTH", "conditions": [{"name": "高血圧症", "management_number": "20061958", "icd10": "I10"}, {"name": "脳梗塞"}], "note": "健在"}]},
    "infections": {"items": [{"name": "HCV抗体", "qualitative": "(-)"}]}, "social_history": {"items": [{"name": "飲酒", "text": "機会飲酒", "note": "週1回"}]},
    "immunizations": {"items": [{"name": "肺炎球菌ワクチン", "date": "2023", "note": "65歳", "local_code": "V1"}, {"name": "COVID-19ワクチン", "date": "2023-05"}]},
    "surgeries": {"items": [{"name": "虫垂切除術", "start": "1985-07-01T10:00:00+09:00", "note": "合併症なし", "local_code": "OP1"}]}, "transfusions": {"items": [{"name": "赤血球輸血", "start": "1985-07-01", "end": "1985-07-02"}]},
    "treatments": {"items": [{"name": "創傷処置", "start": "2025-10-01"}]}, "medications": {"items": medicines()},
    "lab_results": {"items": [dict(i, specimen=i.get("specimen", {"name": "血清", "code": "023"}), collected="2025-10-20T09:10:00+09:00") for i in lab_items() if "flags" not in i]},
    "clinical_course": {"text": "経過は良好です。", "documents": [{"title": "経過表", "data": PDF}, {"title": "写真", "data": PNG}]}, "plan": {"items": [{"title": "内服継続", "description": "継続をお願いします。", "start": "2025-10-22"}]},
    "devices": {"items": [{"name": "ペースメーカー", "start": "2020-01-01", "note": "MRI対応", "local_code": "DV1"}]}, "advance_directives": {"items": [{"title": "延命治療に関する意思", "date": "2025-01-01", "note": "本人同席"}]},
    "research": {"items": [{"title": "心不全レジストリ研究", "start": "2024-01-01", "end": "2025-01-01", "note": "登録済み"}]}, "remarks": {"text": "連絡先: 地域連携室"},
}
TEXT_ONLY = ("diagnoses", "present_illness", "past_history", "allergies", "family_history", "physical_findings", "infections", "social_history", "immunizations", "surgeries", "transfusions", "treatments",
             "medications", "lab_results", "plan", "devices", "advance_directives", "research")


def variants():
    """{name: (base sample, change to it)}; unit is the first unit of the request."""
    own = {"insurer_number": "06270409", "symbol": "12-34", "number": "567", "branch": "05"}
    texts = {n: {"text": n + " の記載"} for n in ("purpose", *TEXT_ONLY)}
    small = {"purpose": {"text": "依頼"}, "diagnoses": {"text": "胸痛"}, "present_illness": {"text": "本日より"}}

    def letter(sections=None, attachments=(), **more):
        return LETTER, lambda d, u: u.update({"sections": small if sections is None else sections, "attachments": list(attachments), **more})

    found = {
        "diseases_patterns": (LISTS, lambda d, u: u.update(items=disease_items())), "allergies_patterns": (ALLERGIES, lambda d, u: u.update(items=allergy_items())),
        "allergies_bare_head": (ALLERGIES, lambda d, u: [d.pop(k, None) for k in ("practitioner", "encounter", "department")]),
        "lab_patterns": (LAB, lambda d, u: u.update(items=lab_items(), comment="検体は良好", collected="2025-10-20")),
        "lab_requester": (LAB, lambda d, u: (d.pop("practitioner"), u.update(requester={"family": "依頼", "given": "医"}, items=lab_items()[:1]))),
        "diseases_other_people": (LISTS, lambda d, u: (d["patient"].update(gender="other", address={"text": "住所不定"}), d["patient"].pop("phone"), d["patient"].pop("family_kana"), d["patient"].pop("given_kana"))),
        "diseases_unknown_gender": (LISTS, lambda d, u: d["patient"].update(gender="unknown", insurance={"insurer_number": "138057", "symbol": "区０１", "number": "１２３４５６"})),
        "diseases_branch": (LISTS, lambda d, u: d["patient"].update(insurance=own)), "letter_minimal": letter(), "letter_sections": letter(FULL_SECTIONS), "letter_texts": letter(texts),
        "letter_nothing_known": letter(dict(small, **{n: {"empty_reason": "nilknown"} for n in TEXT_ONLY[2:]})), "letter_not_asked": letter(dict(small, **{n: {"empty_reason": "notasked"} for n in TEXT_ONLY[2:]})),
        "letter_discharge_card_reader": letter(category="discharge", consent="card_reader", flags=["long_term"]), "letter_portal": letter(consent="portal", version=2),
        "letter_attachments": letter(small, [{"kind": "key_image", "title": "JPEG", "data": JPEG}, {"kind": "key_image", "title": "TIFF", "data": TIFF, "media_type": "image/tiff"},
                                             {"kind": "pdf", "title": "PDF", "data": PDF, "sha256": hashlib.sha256(base64.b64decode(PDF)).hexdigest()}, {"kind": "pdf", "title": "二つ目", "data": PDF, "created": "2025-10-20T10:00:00+09:00"}]),
        "letter_cda": (LETTER, lambda d, u: (u.pop("sections"), u.update(attachments=[], cda={"title": "CDA紹介状", "data": base64.b64encode(sample("14-discharge-summary.xml")).decode()}))),
        "letter_narcotics": (LETTER, lambda d, u: (d["practitioner"].update(narcotics_number="13-0001", phone="03-1111-2222"), u.update(attachments=[], sections=dict(small, medications={"items": medicines()})))),
        "letter_receiver_bare": letter(receiver={"institution": {"code": "1410123457", "name": "見本総合病院"}}),
    }
    for name, insurance in (("payer", PAYER), ("both", dict(PAYER, **own))):
        found["diseases_" + name] = (LISTS, lambda d, u, i=insurance: d["patient"].update(insurance=i))
        found["letter_" + name] = (LETTER, lambda d, u, i=insurance: (d["patient"].update(insurance=i), u.update(sections=small, attachments=[])))
    for n, (kana, given) in enumerate((("ナガイ", "﨑田"), ("タカハシ", "髙橋"))):
        found["diseases_name_%d" % n] = (LISTS, lambda d, u, k=kana, g=given: d["patient"].update(family=g, family_kana=k))
    return found


class Clinic:
    def __init__(self, house, name, code, **facility):
        self.house, self.code, self.count = house, code, 0
        house.facility(code, **facility)
        self.source = house.source(name, code)

    def sample(self, name):
        return sample(name).replace(CLINIC.encode(), self.code.encode())

    def variant(self, name, base, change):
        """Of a patient and a unit of its own, so that none waits for or collides with another."""
        self.count += 1
        document = json.loads(self.sample(base))
        document["request_id"], document["patient"]["number"] = "V-" + name, "9%07d" % self.count
        unit = document["units"][0]
        if "key" in unit:
            unit["key"] = "V-" + name
        change(document, unit)
        return document

    def files_of(self, name):
        return [os.path.basename(p) for p in glob.glob(os.path.join(SAMPLES, name[:2] + "-*")) if not p.endswith(".json")]

    def drop(self, name, data, files=(), place="in"):
        for other in files:
            self.source.drop(other, self.sample(other), place=place)
        return self.source.drop(name, data, place=place)


class Collection:
    """Bundles by name, as the product gives them out."""

    def __init__(self, folder):
        self.folder, self.signed, self.files, self.kinds = folder, [], [], {}

    def add(self, name, raw, validated=True):
        """validated=False: the reference validator reads the same content elsewhere."""
        path = os.path.join(self.folder, name + ".json")
        true(not os.path.exists(path), name + " twice")
        with open(path, "wb") as f:
            f.write(raw)
        if validated:
            self.files.append(path)
        return path


def warnings_only(result, name):
    equal(result["outcome"], "done", name + ": " + json.dumps(result, ensure_ascii=False)[:1500])


def export(house, message, what):
    return house.cli("export", str(message["message"]), "--what", what).stdout


def take(collection, clinic, name, result):
    for n, message in enumerate(messages(result)):
        if message["operation"] == "cancel":
            continue
        label = "%s_%s_%d" % (clinic.source.name, name.replace(".json", ""), n)
        bundle = export(clinic.house, message, "bundle")
        signed = clinic.house.cli("export", str(message["message"]), "--what", "signed", good=False)
        path = collection.add(label, bundle, validated=signed.returncode != 0 and (clinic.code == CLINIC or name in TWICE))
        if signed.returncode == 0:
            collection.signed.append((label, path, collection.add(label + "_signed", signed.stdout), export(clinic.house, message, "jws"), export(clinic.house, message, "canonical")))
        held = clinic.house.box.held(message["bundle_id"])
        sent = signed.stdout if signed.returncode == 0 else bundle
        if message["bundle_id"] in held and name not in FOLLOWERS.values():
            equal(held[message["bundle_id"]]["sha256"], hashlib.sha256(sent).hexdigest(), label + ": what is exported is what stands at the service")
        kind = (message["kind"], "signed" if signed.returncode == 0 else "unsigned")
        collection.kinds[kind] = collection.kinds.get(kind, 0) + 1


def sending(clinic, collection, wanted):
    """All at once; only what follows another sample waits for it."""
    names, waiting = [], []
    for path in sorted(glob.glob(os.path.join(SAMPLES, "*.json"))):
        name = os.path.basename(path)
        if name[:2] in ("10", "90", "91") or not wanted(name):
            continue
        if name in FOLLOWERS:
            waiting.append(name)
        else:
            names.append(clinic.drop(name, clinic.sample(name), clinic.files_of(name)))
    own = {"v-%s.json" % name: clinic.variant(name, *value) for name, value in variants().items() if wanted(value[0])}
    for name, data in own.items():
        names.append(clinic.drop(name, data))
    for name in waiting:
        clinic.source.result(FOLLOWERS[name])
        names.append(clinic.drop(name, clinic.sample(name), clinic.files_of(name)))
    for name in names:
        result = clinic.source.result(name)
        warnings_only(result, name)
        take(collection, clinic, name, result)


def trying(clinic, collection):
    """The dry run makes Bundles that are as good, and nothing leaves."""
    before, names = clinic.house.box.control("count")[0], []
    for path in sorted(glob.glob(os.path.join(SAMPLES, "*.json"))):
        name = os.path.basename(path)
        if name[:2] in ("02", "07", "08", "09", "10", "12", "13", "90", "91"):
            continue
        data = json.loads(clinic.sample(name))
        data["request_id"], data["patient"]["number"] = "T-" + name[:2], "8%07d" % len(names)
        for unit in data["units"]:
            if "key" in unit:
                unit["key"] = "T-" + unit["key"]
        names.append(clinic.drop(name, data, clinic.files_of(name), place="try"))
    for name, value in variants().items():
        names.append(clinic.drop("v-%s.json" % name, clinic.variant("try-" + name, *value), place="try"))
    for name in names:
        result = clinic.source.result(name, place="try")
        for message in messages(result):
            true(message["outcome"] not in ("rejected", "refused") and not [i for i in message["issues"] if i["severity"] == "error"], name + ": " + json.dumps(result, ensure_ascii=False)[:1500])
        bundles = sorted(glob.glob(os.path.join(glob.escape(clinic.source.path("try", name)) + ".bundle.json")) + glob.glob(glob.escape(clinic.source.path("try", name)) + ".[0-9]*.bundle.json"))
        equal(len(bundles), len(messages(result)), name + ": Bundles beside it")
        for n, path in enumerate(bundles):
            with open(path, "rb") as f:
                collection.add("try_%s_%d" % (name.replace(".json", ""), n), f.read(), validated=name in TWICE)
    equal(clinic.house.box.control("count")[0], before, "nothing was sent")


def enough(collection):
    for kind in (("diseases", "unsigned"), ("allergies", "unsigned"), ("lab_report", "unsigned"), ("letter", "signed"), ("letter", "unsigned")):
        true(collection.kinds.get(kind, 0) >= 2, "%s %s: %s" % (*kind, collection.kinds))
    print("     %d Bundles for the validator, %d signatures" % (len(collection.files), len(collection.signed)))


def reference_validator(collection):
    program = os.path.join(SHARED, "reference", "validate.sh")
    missing = [t for t in ("java", "mvn") if shutil.which(t) is None]
    if not os.path.exists(program) or missing:
        return " ".join(missing or ["the reference validator"]) + " is not here"
    # A disease without its term: were the validator silent about that, its silence about the others would mean nothing.
    spoiled = read_json(glob.glob(os.path.join(collection.folder, "*diseases-current_0.json"))[0])
    del spoiled["entry"][1]["resource"]["code"]["text"]
    collection.add("spoiled", json.dumps(spoiled, ensure_ascii=False).encode())
    files = collection.files
    run = subprocess.run([program, *files], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answers = [json.loads(text) for text in run.stdout.decode("utf-8").splitlines()]
    if run.returncode != 0 and not answers:
        return "the reference validator cannot run here: " + run.stderr.decode("utf-8", "replace")[-200:].replace("\n", " ")
    equal(len(answers), len(files), "answers")
    bad = {}
    for line in answers:
        name = os.path.basename(line["file"])
        errors = ["%s: %s" % (i["location"], i["message"]) for i in line["issues"] if i["severity"] in ("error", "fatal")] + ([line["exception"]] if "exception" in line else [])
        if errors:
            bad[name] = errors
    true(bad.pop("spoiled.json", None), "the validator sees what was spoiled on purpose")
    if bad:
        raise Failure("\n".join("%s: %s" % (name, e) for name, errors in bad.items() for e in errors[:4]))
    return None


# ---- signatures ----

def canonical(value):
    """RFC 8785, for the numbers that stand in Bundles."""
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + canonical(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be"))) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    return json.dumps(value, ensure_ascii=False)


def decoded(text):
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def splice(collection):
    """Cutting the signature out gives back the bytes that were approved; what was signed is their canonical form."""
    true(len(collection.signed) >= 10, "signed letters")
    for label, path, signed_path, jws, payload in collection.signed:
        with open(path, "rb") as f:
            bundle = f.read()
        with open(signed_path, "rb") as f:
            signed = f.read()
        end = bundle.rindex(b"}")
        equal((signed[:end], signed[len(signed) - (len(bundle) - end):]), (bundle[:end], bundle[end:]), label + ": all other bytes")
        span = signed[end:len(signed) - (len(bundle) - end)]
        true(span.startswith(b',"signature":{') and span.endswith(b"}"), label + ": one span")
        signature = json.loads(b"{" + span[1:] + b"}")["signature"]
        equal(base64.b64decode(signature["data"]), jws, label + ": jws")
        document = {k: v for k, v in json.loads(bundle).items() if k not in ("id", "meta")}
        equal(payload.decode(), canonical(document), label + ": canonical form")


def openssl(collection):
    if shutil.which("openssl") is None:
        return "openssl is not installed"
    label, _, _, jws, payload = collection.signed[0]
    for label, _, _, jws, payload in collection.signed:
        equal(openssl_verifies(jws, payload), True, label)
    equal(openssl_verifies(jws, payload + b" "), False, "a byte more")
    return None


def openssl_verifies(jws, payload):
    head, middle, signature = jws.split(b".")
    equal(middle, b"", "detached")
    header = json.loads(decoded(head))
    equal(header["alg"], "RS256", "algorithm")
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, n) for n in ("leaf.der", "public.pem", "signature", "input")]
        for path, data in ((paths[0], base64.b64decode(header["x5c"][0])), (paths[2], decoded(signature)), (paths[3], head + b"." + base64.urlsafe_b64encode(payload).rstrip(b"="))):
            with open(path, "wb") as f:
                f.write(data)
        subprocess.run(["openssl", "x509", "-inform", "DER", "-in", paths[0], "-noout", "-pubkey", "-out", paths[1]], check=True)
        run = subprocess.run(["openssl", "dgst", "-sha256", "-verify", paths[1], "-signature", paths[2], paths[3]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return run.returncode == 0


def dss(collection, pki):
    program = os.path.join(SHARED, "reference", "verify.sh")
    missing = [t for t in ("java", "javac", "mvn") if shutil.which(t) is None]
    if not os.access(program, os.X_OK) or missing:
        return " ".join(missing or ["the reference verifier"]) + " is not here"
    letters = {label: (jws, payload) for label, _, _, jws, payload in collection.signed}
    chosen = [next(n for n in letters if word in n) for word in ("06-letter-register", "v-letter_sections")]
    with tempfile.TemporaryDirectory() as folder:
        for number, label in enumerate(chosen):
            names = [os.path.join(folder, "%d.%s" % (number, n)) for n in ("jws", "payload")]
            for name, data in zip(names, letters[label]):
                with open(name, "wb") as f:
                    f.write(data)
            run = subprocess.run([program, names[0], "--detached", names[1], "--trust", pki + "/hpki/anchors/root.crt", "--cert", pki + "/hpki/intermediates/signing-ca.crt"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if run.returncode != 0 and number == 0:
                return "the reference verifier cannot run here: " + run.stderr.decode("utf-8", "replace")[-200:].replace("\n", " ")
            found = json.loads(run.stdout.decode().splitlines()[-1].split("\x1b[0m")[-1])
            equal([(s["format"], s["intact"], s["valid"]) for s in found], [("JAdES-BASELINE-B", True, True)], label)
    return None


def main():
    runner = Runner("e2e_reference")
    with tempfile.TemporaryDirectory() as temporary, House("reference") as house:
        folder = os.environ.get("CLINSGW_DUMP", temporary)  # an empty folder of one's own: for a look at the Bundles
        collection = Collection(folder)
        house.sandbox(institutions=(OTHER,)).control("insured", "add", PAYER["payer_number"] + ":*")
        house.link("web", "web", house.box)
        house.link("terminal", "folder", house.box)
        signing = Clinic(house, "signed", CLINIC, link="web", signing="require")
        plain = Clinic(house, "plain", OTHER, link="terminal", signing="never")
        house.start()
        runner.run("everything_goes_through", sending, signing, collection, lambda name: True)
        runner.run("letters_go_through_unsigned", sending, plain, collection, lambda name: name[:2] in ("06", "14"))
        runner.run("dry_runs", trying, plain, collection)
        pki = house.pki
        runner.run("enough", enough, collection)
        runner.run("splice", splice, collection)
        runner.run("openssl", openssl, collection)
        runner.run("dss", dss, collection, pki)
        equal(house.stop(), 0, "exit status")
        runner.run("validator", reference_validator, collection)
    return runner.end()


if __name__ == "__main__":
    sys.exit(main())
