/*
 * tables.c - what FHIR R4 and JP-CLINS 1.5.2 require, as facts: paths, cardinalities, fixed values. See check.h for how a line is read.
 */
#include "validate/check.h"

#define ECS "http://jpfhir.jp/fhir/eCS/StructureDefinition/"
#define CLINS "http://jpfhir.jp/fhir/clins/StructureDefinition/"
#define RESOURCE_ID "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier"
#define INSTITUTION_ID "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"
#define VERSION_EXTENSION "http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber"
#define DOCUMENT_TYPES "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes"
#define DOCUMENT_SUBTYPES "http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes"

#define BASE(path, min, max) { path, min, max, NEED_BASE, NULL, NULL, NULL, NULL }
#define BASE_CODE(path, min, values) { path, min, 1, NEED_BASE, values, NULL, NULL, NULL }
#define FIRM(path, min, max) { path, min, max, NEED_FIRM, NULL, NULL, NULL, NULL }
#define SOFT(path, min, max) { path, min, max, NEED_SOFT, NULL, NULL, NULL, NULL }
#define PROSE(path) { path, 1, MANY, NEED_PROSE, NULL, NULL, NULL, NULL }
#define FIXED(path, values) { path, 0, MANY, NEED_FIRM, values, NULL, NULL, NULL }
#define SLICE(path, min, max, where, is, key) { path, min, max, NEED_FIRM, NULL, where, is, key }
#define NONE(path) { path, 0, 0, NEED_FIRM, NULL, NULL, NULL, NULL }
#define END { NULL, 0, 0, NEED_BASE, NULL, NULL, NULL, NULL }

const char check_resource_types[] =
    " Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure"
    " Bundle CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication"
    " CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest"
    " CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest"
    " DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable"
    " ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization"
    " ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media"
    " Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct"
    " MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction"
    " MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader"
    " MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization"
    " OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure Provenance"
    " Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject"
    " RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition StructureMap"
    " Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial"
    " SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription ";

const struct rule check_base_rules[] = {
    BASE_CODE("Bundle.type", 1, "document|message|transaction|transaction-response|batch|batch-response|history|searchset|collection"),
    BASE_CODE("Composition.status", 1, "preliminary|final|amended|entered-in-error"), BASE("Composition.type", 1, 1), BASE("Composition.date", 1, 1),
    BASE("Composition.author", 1, MANY), BASE("Composition.title", 1, 1), BASE_CODE("Composition.section.text.status", 1, "generated|extensions|additional|empty"),
    BASE("Composition.section.text.div", 1, 1), BASE("Composition.category", 0, MANY), BASE("Composition.event", 0, MANY), BASE("Bundle.identifier", 0, 1), BASE("Bundle.entry.resource", 0, 1), BASE("Observation.subject", 0, 1),
    BASE("Patient.identifier", 0, MANY), BASE("Patient.name", 0, MANY), BASE("Patient.address", 0, MANY), BASE("Condition.identifier", 0, MANY),
    BASE("Condition.category", 0, MANY), BASE("Observation.identifier", 0, MANY), BASE("Observation.category", 0, MANY), BASE("Observation.performer", 0, MANY),
    BASE("Organization.identifier", 0, MANY), BASE("AllergyIntolerance.identifier", 0, MANY),
    BASE_CODE("Patient.gender", 0, "male|female|other|unknown"), BASE("Patient.link.other", 1, 1), BASE("Condition.subject", 1, 1),
    BASE("AllergyIntolerance.patient", 1, 1), BASE("AllergyIntolerance.reaction.manifestation", 1, MANY), BASE_CODE("AllergyIntolerance.type", 0, "allergy|intolerance"),
    { "AllergyIntolerance.category", 0, MANY, NEED_BASE, "food|medication|environment|biologic", NULL, NULL, NULL },
    BASE_CODE("AllergyIntolerance.criticality", 0, "low|high|unable-to-assess"),
    BASE_CODE("Observation.status", 1, "registered|preliminary|final|amended|corrected|cancelled|entered-in-error|unknown"), BASE("Observation.code", 1, 1),
    BASE_CODE("Observation.valueQuantity.comparator", 0, "<|<=|>=|>"),
    BASE_CODE("MedicationRequest.status", 1, "active|on-hold|cancelled|completed|entered-in-error|stopped|draft|unknown"),
    BASE_CODE("MedicationRequest.intent", 1, "proposal|plan|order|original-order|reflex-order|filler-order|instance-order|option"),
    BASE("MedicationRequest.medication[x]", 1, 1), BASE("MedicationRequest.subject", 1, 1),
    BASE_CODE("Encounter.status", 1, "planned|arrived|triaged|in-progress|onleave|finished|cancelled|entered-in-error|unknown"), BASE("Encounter.class", 1, 1),
    BASE_CODE("DocumentReference.status", 1, "current|superseded|entered-in-error"), BASE("DocumentReference.content", 1, MANY),
    BASE("DocumentReference.content.attachment", 1, 1), BASE("CarePlan.status", 1, 1), BASE("CarePlan.intent", 1, 1), BASE("CarePlan.subject", 1, 1),
    BASE("FamilyMemberHistory.status", 1, 1), BASE("FamilyMemberHistory.patient", 1, 1), BASE("FamilyMemberHistory.relationship", 1, 1),
    BASE("Procedure.status", 1, 1), BASE("Procedure.subject", 1, 1), BASE("Immunization.status", 1, 1), BASE("Immunization.vaccineCode", 1, 1),
    BASE("Immunization.patient", 1, 1), BASE("Immunization.occurrence[x]", 1, 1), BASE("DiagnosticReport.status", 1, 1), BASE("DiagnosticReport.code", 1, 1),
    BASE("ImagingStudy.status", 1, 1), BASE("ImagingStudy.subject", 1, 1), BASE("Consent.status", 1, 1), BASE("Consent.scope", 1, 1), BASE("Consent.category", 1, MANY),
    BASE("DeviceUseStatement.status", 1, 1), BASE("DeviceUseStatement.subject", 1, 1), BASE("DeviceUseStatement.device", 1, 1), BASE("ResearchSubject.status", 1, 1),
    BASE("ResearchSubject.study", 1, 1), BASE("ResearchSubject.individual", 1, 1), BASE("ResearchStudy.status", 1, 1), BASE("RelatedPerson.patient", 1, 1),
    BASE("ServiceRequest.status", 1, 1), BASE("ServiceRequest.intent", 1, 1), BASE("ServiceRequest.subject", 1, 1), BASE("Binary.contentType", 1, 1), END
};

#define WHOLE_META FIRM("meta.lastUpdated", 1, 1), FIRM("meta.profile", 1, MANY)
#define ENTRY_META FIRM("meta", 1, 1), WHOLE_META
#define BUNDLE_HEAD WHOLE_META, FIRM("meta", 1, 1), FIRM("identifier", 1, 1), FIRM("identifier.system", 1, 1), FIRM("identifier.value", 1, 1), FIRM("timestamp", 1, 1)

static const struct rule bundle_clins[] = {
    BUNDLE_HEAD, FIRM("meta.tag", 1, MANY), FIRM("meta.tag.system", 1, 1), FIRM("meta.tag.code", 1, 1), FIXED("type", "collection"), FIRM("entry", 1, MANY),
    FIRM("entry.fullUrl", 1, 1), FIRM("entry.resource", 1, 1), NONE("entry.extension"), NONE("entry.modifierExtension"), NONE("entry.link"),
    NONE("entry.search"), NONE("entry.request"), NONE("entry.response"), END
};
static const struct rule bundle_document[] = {
    BUNDLE_HEAD, FIXED("identifier.system", "http://jpfhir.jp/fhir/clins/bundle-identifier"), FIXED("type", "document"), SOFT("entry.fullUrl", 1, 1), END
};
static const struct rule patient[] = {
    WHOLE_META, FIRM("meta.profile", 0, 1), FIRM("identifier", 1, MANY), FIRM("identifier.value", 1, 1), FIRM("name", 1, MANY), FIRM("name.text", 1, 1),
    FIRM("name.family", 1, 1), FIRM("name.given", 1, MANY), FIRM("gender", 1, 1), FIRM("birthDate", 1, 1), FIRM("address", 1, 1), FIRM("address.text", 1, 1), END
};

#define CLINICAL_SYSTEMS(name, verification) \
    FIXED("clinicalStatus.coding.system", "http://terminology.hl7.org/CodeSystem/" name "-clinical"), \
    FIXED("verificationStatus.coding.system", "http://terminology.hl7.org/CodeSystem/" verification)
#define OWN_IDENTIFIER FIRM("identifier", 1, MANY), SLICE("identifier", 1, 1, "system", RESOURCE_ID, NULL)

static const struct rule condition[] = {
    ENTRY_META, OWN_IDENTIFIER, CLINICAL_SYSTEMS("condition", "condition-ver-status"), FIRM("clinicalStatus.coding", 1, MANY), FIRM("verificationStatus", 1, 1), FIRM("category", 1, 1), FIRM("code", 1, 1),
    FIXED("clinicalStatus.coding.code", "active|recurrence|relapse|inactive|remission|resolved"),
    FIXED("verificationStatus.coding.code", "unconfirmed|provisional|differential|confirmed|refuted|entered-in-error"), FIRM("code.text", 1, 1),
    FIRM("code.coding", 1, MANY), FIRM("code.coding.system", 1, 1), FIRM("code.coding.display", 1, 1), FIRM("code.coding.code", 1, 1),
    SLICE("code.coding", 1, MANY, "system", "http://medis.or.jp/CodeSystem/master-disease-keyNumber", NULL),
    PROSE("encounter"), NONE("onsetAge"), NONE("abatementAge"), END
};
static const struct rule allergy[] = {
    ENTRY_META, OWN_IDENTIFIER, CLINICAL_SYSTEMS("allergyintolerance", "allergyintolerance-verification"), FIRM("clinicalStatus.coding", 1, MANY), FIXED("clinicalStatus.coding.code", "active|inactive|resolved"),
    FIRM("verificationStatus.coding", 1, MANY), FIRM("code", 1, 1), FIRM("code.text", 1, 1), FIRM("code.coding", 1, MANY), FIRM("code.coding.system", 1, 1),
    FIRM("code.coding.code", 1, 1), FIRM("code.coding.display", 1, 1), END
};
static const struct rule lab[] = {
    ENTRY_META, OWN_IDENTIFIER, FIRM("basedOn", 0, 1), FIRM("category", 1, 1), FIRM("category.coding", 1, 1),
    SLICE("category.coding", 1, 1, "system", "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS", NULL), FIXED("category.coding.code", "laboratory"),
    FIRM("code.text", 1, 1), FIRM("code.coding", 1, MANY), FIRM("code.coding.system", 1, 1), FIRM("code.coding.code", 1, 1), FIRM("code.coding.display", 1, 1),
    FIRM("subject", 1, 1), FIRM("effective[x]", 1, 1), NONE("effectivePeriod"), NONE("effectiveTiming"), NONE("effectiveInstant"), FIRM("performer", 0, 1),
    NONE("valueBoolean"), NONE("valueInteger"), NONE("valueRange"), NONE("valueRatio"), NONE("valueSampledData"), NONE("valueTime"), NONE("valueDateTime"),
    NONE("valuePeriod"), FIRM("specimen", 1, 1), PROSE("encounter"), PROSE("performer"), END
};
static const struct rule encounter[] = {
    FIRM("meta", 1, 1), FIRM("identifier", 0, 1), FIXED("status", "finished"), FIRM("class.system", 1, 1), FIRM("class.code", 1, 1), FIRM("class.display", 1, 1),
    FIRM("classHistory", 0, 1), FIRM("classHistory.period.start", 1, 1), FIRM("period.start", 1, 1), FIRM("length.value", 1, 1), FIXED("length.unit", "日"),
    FIXED("length.code", "d"), FIRM("reasonCode.text", 1, 1), FIRM("hospitalization.dischargeDisposition", 1, 1), FIRM("location.status", 1, 1),
    FIXED("location.status", "completed"), FIRM("location.period", 1, 1), FIRM("location.period.start", 1, 1), END
};
static const struct rule organization[] = {
    SOFT("identifier", 1, MANY), SLICE("identifier", 1, 1, "system", INSTITUTION_ID, NULL), FIRM("name", 1, 1), FIRM("address", 0, 1), FIRM("address.text", 1, 1), END
};
static const struct rule medication[] = {
    ENTRY_META, FIRM("identifier", 2, MANY), SLICE("identifier", 1, 1, "system", "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber", NULL),
    SLICE("identifier", 1, 1, "system", "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex", NULL), FIXED("status", "completed"),
    FIXED("intent", "order"), FIRM("medicationCodeableConcept.text", 1, 1), FIRM("medicationCodeableConcept.coding", 1, MANY),
    FIRM("medicationCodeableConcept.coding.system", 1, 1), FIRM("medicationCodeableConcept.coding.code", 1, 1), FIRM("medicationCodeableConcept.coding.display", 1, 1),
    FIRM("authoredOn", 1, 1), FIRM("dosageInstruction.text", 1, 1), END
};
static const struct rule care_plan_summary[] = {
    FIRM("meta.lastUpdated", 1, 1), FIRM("title", 1, 1), FIXED("title", "療養計画"), FIRM("description", 1, 1), FIRM("period", 1, 1), FIRM("period.start", 1, 1),
    FIRM("created", 1, 1), FIXED("status", "active"), FIXED("intent", "plan"), NONE("encounter"), NONE("author"), NONE("contributor"), NONE("careTeam"), END
};

#define COMPOSITION_HEAD(type, titles) \
    FIRM("meta", 1, 1), WHOLE_META, SLICE("extension", 1, 1, "url", VERSION_EXTENSION, NULL), FIRM("identifier", 1, 1), FIRM("identifier.system", 1, 1), \
    FIXED("identifier.system", RESOURCE_ID), FIRM("identifier.value", 1, 1), FIXED("status", "final"), FIRM("type.coding", 1, 1), \
    FIXED("type.coding.system", DOCUMENT_TYPES), FIRM("type.coding.code", 1, 1), FIXED("type.coding.code", type), FIRM("category", 1, 1), \
    FIRM("category.coding", 1, 1), FIXED("category.coding.system", DOCUMENT_SUBTYPES), FIRM("category.coding.code", 1, 1), FIRM("subject", 1, 1), \
    FIRM("subject.reference", 1, 1), FIXED("title", titles)

static const struct rule referral[] = {
    COMPOSITION_HEAD("57133-1", "診療情報提供書"), FIXED("type.coding.display", "診療情報提供書"), FIRM("custodian", 1, 1), SOFT("custodian.reference", 1, 1),
    FIRM("event", 1, 1), FIRM("event.code", 1, 1), NONE("event.code.coding"), FIRM("event.code.text", 1, 1), FIXED("event.code.text", "診療情報提供書発行"),
    FIRM("event.period", 1, 1), FIRM("event.period.start", 1, 1), SOFT("section", 2, MANY), END
};
static const struct rule discharge[] = {
    COMPOSITION_HEAD("18842-5", "退院時サマリー"), FIXED("category.coding.code", "DISCHARGE"), FIRM("custodian", 1, 1), FIRM("event", 1, 1), NONE("event.code"),
    FIRM("event.period", 1, 1), FIRM("event.period.start", 1, 1), FIRM("event.period.end", 1, 1), END
};
static const struct rule summary[] = {
    COMPOSITION_HEAD("56447-6", "患者サマリー（療養計画書）"), FIRM("encounter", 1, 1), FIRM("author", 2, 2), NONE("custodian"), NONE("event"), FIRM("section", 0, 1), END
};

const struct profile check_profiles[] = {
    { CLINS "JP_Bundle_CLINS", "Bundle", bundle_clins, check_bundle_clins, true },
    { CLINS "JP_Bundle_eReferral", "Bundle", bundle_document, check_bundle_referral, true },
    { CLINS "JP_Bundle_eDischargeSummary", "Bundle", bundle_document, check_bundle_discharge, true },
    { CLINS "JP_Bundle_ePCS", "Bundle", bundle_document, check_bundle_summary, true },
    { "http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral", "Composition", referral, check_referral, true },
    { "http://jpfhir.jp/fhir/eDischargeSummary/StructureDefinition/JP_Composition_eDischargeSummary", "Composition", discharge, check_discharge, true },
    { "http://jpfhir.jp/fhir/ePCS/StructureDefinition/JP_Composition_ePCS", "Composition", summary, check_summary, true },
    { ECS "JP_Patient_eCS", "Patient", patient, check_patient, false },
    { ECS "JP_Condition_eCS", "Condition", condition, check_condition, false },
    { ECS "JP_AllergyIntolerance_eCS", "AllergyIntolerance", allergy, check_allergy, false },
    { ECS "JP_Observation_LabResult_eCS", "Observation", lab, check_lab, false },
    { ECS "JP_MedicationRequest_eCS", "MedicationRequest", medication, check_medication, false },
    { ECS "JP_Encounter_eCS", "Encounter", encounter, NULL, false },
    { ECS "JP_Organization_eCS", "Organization", organization, NULL, false },
    { ECS "JP_CarePlan_ePCS", "CarePlan", care_plan_summary, NULL, false },
    { ECS "JP_CarePlan_eCS", "CarePlan", NULL, NULL, false },
    { ECS "JP_Practitioner_eCS", "Practitioner", NULL, NULL, false },
    { ECS "JP_Observation_Common_eCS", "Observation", NULL, NULL, false },
    { ECS "JP_DocumentReference_eCS", "DocumentReference", NULL, NULL, false },
    { ECS "JP_FamilyMemberHistory_eCS", "FamilyMemberHistory", NULL, NULL, false },
    { ECS "JP_Immunization_eCS", "Immunization", NULL, NULL, false },
    { ECS "JP_Procedure_eCS", "Procedure", NULL, NULL, false },
    { "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Encounter", "Encounter", NULL, NULL, false },
    { "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Practitioner", "Practitioner", NULL, NULL, false },
    { "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Specimen", "Specimen", NULL, NULL, false }
};
const size_t check_profile_count = sizeof check_profiles / sizeof *check_profiles;
