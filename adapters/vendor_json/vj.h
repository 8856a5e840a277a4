/*
 * vj.h - private to adapters/vendor_json: reading a JSON object into a C struct by a table of its members.
 *
 * One table describes one object of the format: names, types, limits, where the value goes. Reading by table gives every object the same
 * manners: an unknown member is an error that names it, a missing one too, null and "" count as not given, each value keeps its place.
 * What a table cannot say (two members that exclude each other, an order of dates) stands in the object's `finish`.
 */
#ifndef ADAPTERS_VENDOR_JSON_VJ_H
#define ADAPTERS_VENDOR_JSON_VJ_H

#include "adapters/adapter.h"
#include "base/json_doc.h"

enum vj_type {
    VJ_LINE,       /* chart_text: one line */
    VJ_TEXT,       /* chart_text: several lines */
    VJ_LAB,        /* chart_text: one line of a lab result: no half-width kana, no full-width space */
    VJ_LAB_TEXT,   /* chart_text: the same, several lines */
    VJ_NAME,       /* chart_text: part of a name: no full-width space */
    VJ_KANA,       /* chart_text: the same, half-width kana warned about */
    VJ_FORM,       /* chart_text: of the form in `form` */
    VJ_DATE,       /* chart_text: full date */
    VJ_PARTIAL,    /* chart_text: year, month or full date */
    VJ_TIME,       /* chart_text: full date, or date and time with seconds and zone */
    VJ_DECIMAL,    /* chart_text: JSON number, or its digits as a string */
    VJ_WHOLE,      /* chart_text: positive whole number, or its digits as a string */
    VJ_BOOL,       /* bool */
    VJ_CHOICE,     /* int (an enum): one of `choice` */
    VJ_FLAGS,      /* unsigned: array of flag names; allowed ones in `max` */
    VJ_CODE,       /* chart_concept: one more coding, of list `system` */
    VJ_DISPLAY,    /* chart_concept: the list's own name of the first coding */
    VJ_UNCODED,    /* chart_concept: true declares it uncoded */
    VJ_OBJECT,     /* pointer to a new struct of `object` */
    VJ_INLINE,     /* struct of `object` in place */
    VJ_LIST,       /* array of `object` -> pointer at offset, count at count_offset; at most `max` */
    VJ_CUSTOM      /* read by `custom` */
};

enum vj_rule {
    VJ_REQUIRED = 1,
    VJ_NEEDED = 2       /* required only when a Bundle is built (not for cancels and ready Bundles) */
};

struct vj_choice { const char *name; int value; };                    /* ends with .name NULL */
struct vj_form { const char *set; size_t min, max; const char *wanted_ja; };   /* characters as in text_all_of() and length in bytes */

struct vj;
struct vj_object;

struct vj_member {
    const char *name;
    enum vj_type type;
    unsigned rules;
    size_t offset, count_offset;
    size_t max;                         /* bytes of a text (0 = the type's own), items of a list, mask of flags */
    const struct vj_choice *choice;
    const struct vj_form *form;
    const struct vj_object *object;
    enum chart_system system;
    void (*custom)(struct vj *r, const struct vj_member *member, const struct json_node *node, void *target);
};

struct vj_object {
    const char *label;                  /* what it is, for issues that name it */
    size_t size;
    size_t at_offset;                   /* of its `const struct chart_place *at`; VJ_NO_PLACE = it has none */
    const struct vj_member *members;    /* ends with .name NULL */
    void (*finish)(struct vj *r, const struct json_node *node, void *target);
};

#define VJ_NO_PLACE ((size_t)-1)

enum { VJ_POINTERS = 16 };

struct vj_pointer { const struct json_node *container; const char *text; size_t len; };

struct vj {
    struct bytes file;
    struct arena *arena;
    const struct adapter_options *options;
    const struct adapter_file *files;
    size_t file_count;
    struct order *order;
    struct issue_list *issues;          /* where findings go now: the request's or a unit's */
    bool building;                      /* some unit builds a Bundle */
    bool failed;                        /* out of memory */
    size_t cursor;                      /* place of the last chart_place made; the next one is never far away */
    uint32_t cursor_line, cursor_column;
    struct vj_pointer pointer[VJ_POINTERS];   /* of containers whose members were placed lately, by address */
    char today[11];                     /* the day after now in Japan: what lies past it is in the future; "" = not checked */
    char five_years_ago[11];
};

/* ---- engine (vj_engine.c) ------------------------------------------------------------------------------------------------------------ */

/* Fills target (zeroed) by the table; node must be an object, else an issue is added and nothing is read. */
void vj_read_object(struct vj *r, const struct vj_object *object, const struct json_node *node, void *target);
/* Reads an array of objects as VJ_LIST does. */
void vj_read_list(struct vj *r, const struct vj_member *member, const struct json_node *node, void *target);
/* Reads one text, date or number of member's type into the chart_text at target + offset, with all checks. */
void vj_read_leaf(struct vj *r, const struct vj_member *member, const struct json_node *node, void *target);
/* Checks a code's form and adds it to the concept. */
void vj_read_code(struct vj *r, const struct vj_member *member, const struct json_node *node, struct chart_concept *concept);
/* For VJ_CUSTOM members whose reading happens where more is known. */
void vj_read_elsewhere(struct vj *r, const struct vj_member *member, const struct json_node *node, void *target);
/* Adds a finding at node (NULL = the whole file). */
void vj_issue(struct vj *r, enum msg_severity severity, enum msg_id msg, const struct json_node *node, const char *arg1, const char *arg2);
#define vj_error(r, msg, node, arg1, arg2) vj_issue(r, MSG_ERROR, msg, node, arg1, arg2)
#define vj_warning(r, msg, node, arg1, arg2) vj_issue(r, MSG_WARNING, msg, node, arg1, arg2)
/* A member of node for pointing at: its value, or node itself when it is not there. */
const struct json_node *vj_spot(const struct json_node *node, const char *name);
/* Given: not absent, not null, not "". */
bool vj_given(const struct json_node *node);
const struct chart_place *vj_place(struct vj *r, const struct json_node *node);
/* Arena text; sets r->failed when memory is out. */
const char *vj_join(struct vj *r, const char *a, const char *b, const char *c);
void *vj_alloc(struct vj *r, size_t size);
/* Sets the error of memory that is out; returns ERR_NOMEM. */
int vj_nomem(struct err *e);
/* Later is before earlier although both are known to the day. */
bool vj_date_before(const struct chart_text *later, const struct chart_text *earlier);
/* Names of members as "a, b, c" for texts. */
const char *vj_member_names(struct vj *r, const struct vj_member *members);
/* Sorts the codings of a concept (the service's own list first) and notes its place. */
void vj_finish_concept(struct vj *r, struct chart_concept *concept, const struct json_node *node, const struct json_node *display);
/* Whether date lies in the future; false when not checked. */
void vj_check_future(struct vj *r, const struct json_node *node, const char *name, const struct chart_text *date);
void vj_check_order(struct vj *r, const struct json_node *node, const char *later_name, const struct chart_text *later, const char *earlier_name, const struct chart_text *earlier);

/* ---- forms (vj_forms.c) ---------------------------------------------------------------------------------------------------------------- */

extern const struct vj_form vj_form_id, vj_form_digits2, vj_form_digits3, vj_form_digits10, vj_form_phone, vj_form_postal, vj_form_sha256,
                            vj_form_bundle_id, vj_form_key, vj_form_ascii;
/* Form of the codes of a list. */
const struct vj_form *vj_code_form(enum chart_system system);

/* ---- objects (vj_people.c, vj_clinical.c, vj_letter.c, vj_attach.c) ------------------------------------------------------------------------- */

extern const struct vj_object vj_institution, vj_department, vj_patient, vj_practitioner, vj_encounter;
extern const struct vj_object vj_disease, vj_allergy, vj_lab_item, vj_lab_report, vj_specimen;
extern const struct vj_object vj_medication, vj_family, vj_finding, vj_immunization, vj_procedure, vj_plan, vj_device, vj_directive, vj_study;
extern const struct vj_choice vj_choice_class[];

/* Insurance as the insured identifier to send: the member's, else the public payer's; NULL when neither is whole. */
const char *vj_insured(const struct chart_patient *patient);
/* 10 digits of a form that the service takes, of this facility; check digit warned about. */
void vj_check_institution(struct vj *r, const struct json_node *node, const char *code, bool own);
/* Date rules of list entries: order, future, ended long ago (list = the two lists). */
void vj_check_disease_list(struct vj *r, const struct json_node *node, const struct chart_disease *disease);
void vj_check_allergy_list(struct vj *r, const struct json_node *node, const struct chart_allergy *allergy);
/* Gives each item the report's specimen and times where it has none of its own, and says what is missing. items = the JSON array. */
void vj_complete_lab(struct vj *r, const struct json_node *items, struct chart_lab_item *item, size_t count, const struct chart_specimen *specimen,
                     const struct chart_text *collected, const struct chart_text *issued);

/* ---- units (vj_units.c) -------------------------------------------------------------------------------------------------------------------- */

/* A unit as the tables fill it. */
struct vj_unit {
    const struct chart_place *at;
    struct chart_text key, bundle_id, signer;
    bool sign;
    const struct chart_department *department;
    const struct chart_practitioner *practitioner;
    const struct chart_encounter *encounter;
    struct chart_disease *disease; size_t disease_count;
    struct chart_allergy *allergy; size_t allergy_count;
    struct chart_lab_report lab;
    const struct chart_specimen *specimen;     /* of the whole lab report */
    int category;                              /* of a letter: enum chart_class + 1, 0 = not given */
    struct chart_receiver *receiver;
    struct chart_letter letter;
    const struct json_node *attachment;        /* of a ready Bundle: name of its file */
};

/* Members that every unit has; kind and operation are read by vj_look_unit(). */
#define VJ_UNIT_MEMBERS \
    { .name = "kind", .type = VJ_CUSTOM, .custom = vj_read_elsewhere }, \
    { .name = "operation", .type = VJ_CUSTOM, .custom = vj_read_elsewhere }, \
    { .name = "department", .type = VJ_OBJECT, .object = &vj_department, .offset = offsetof(struct vj_unit, department) }, \
    { .name = "practitioner", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct vj_unit, practitioner) }, \
    { .name = "encounter", .type = VJ_OBJECT, .object = &vj_encounter, .offset = offsetof(struct vj_unit, encounter) }
#define VJ_UNIT_KEY { .name = "key", .type = VJ_FORM, .form = &vj_form_key, .offset = offsetof(struct vj_unit, key) }
#define VJ_UNIT_BUNDLE_ID { .name = "bundle_id", .type = VJ_FORM, .form = &vj_form_bundle_id, .offset = offsetof(struct vj_unit, bundle_id) }

/* A unit's frame: what can be told without reading its content. */
int vj_look_unit(struct vj *r, const struct json_node *unit, const struct chart_patient *patient, struct adapter_look_unit *ret_unit, struct err *e);
/* Everything of one unit; frame is what vj_look_unit() said of it. */
int vj_read_unit(struct vj *r, const struct json_node *node, const struct adapter_look_unit *frame, const struct chart *common, struct order_unit *ret_unit, struct err *e);
/* Every node of the request that names a file beside it: calls add(context, node). */
void vj_name_files(const struct json_node *root, void (*add)(void *context, const struct json_node *name), void *context);
/* Members of a letter beside those of every unit (vj_letter.c). */
extern const struct vj_object vj_letter_unit;
/* What a letter's tables cannot say (vj_letter.c). Needs the unit's practitioner and encounter settled. */
void vj_finish_letter(struct vj *r, const struct json_node *node, struct vj_unit *unit);

/* ---- attachments (vj_attach.c) ---------------------------------------------------------------------------------------------------------------- */

extern const struct vj_object vj_attachment, vj_cda, vj_document;

/* The file of that name, NULL when it was not given. */
const struct adapter_file *vj_file(const struct vj *r, const struct json_node *name);
/* A name that can be that of a file beside the request: no folder, not hidden, no control characters, at most 200 bytes. */
bool vj_file_name_ok(const struct json_node *name);
/* Remembers an attachment in the order. */
void vj_add_attachment(struct vj *r, const struct json_node *node, const struct order_attachment *attachment);

#endif
