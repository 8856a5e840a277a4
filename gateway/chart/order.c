/*
 * NAME
 *     order - words of the work order, and the settling of local codes
 *
 * SYNOPSIS
 *     #include "chart/order.h"
 *
 * DESCRIPTION
 *     order_settle_codes() walks over every concept of every unit that has no error. Which lists would do for a concept depends on what it
 *     describes: a table a kind of concept. A concept that already has a code of one of them is left alone. The lists that the service does
 *     not read (exchange codes, receipt codes, ICD-10 of a disease; HOT and receipt codes of a medicine) do not count as one.
 *
 * DIAGNOSTICS
 *     A concept that stays without a code gets no_code and one warning in its unit; the warnings are the lines of the work list.
 */
#include "chart/order.h"

static const char *const operations[ORDER_OPERATION_COUNT] = {
    [ORDER_REGISTER] = "register", [ORDER_CHANGE] = "change", [ORDER_CANCEL] = "cancel", [ORDER_CURRENT] = "current",
};

const char *order_operation_name(enum order_operation operation)
{
    return operations[(unsigned)operation < ORDER_OPERATION_COUNT ? operation : ORDER_REGISTER];
}

int order_operation_from_name(const char *name, size_t len, enum order_operation *ret_operation)
{
    for (size_t i = 0; i < ORDER_OPERATION_COUNT; i++) {
        if (strlen(operations[i]) != len || memcmp(operations[i], name, len) != 0)
            continue;
        *ret_operation = (enum order_operation)i;
        return 0;
    }
    return ERR_NOTFOUND;
}

bool order_unit_ok(const struct order *order, const struct order_unit *unit)
{
    return issues_ok(&order->issues) && issues_ok(&unit->issues);
}

/* The lists that count as a standard code, best first. */
static const enum chart_system want_disease[] = { CHART_DISEASE_KEY };
static const enum chart_system want_food[] = { CHART_ALLERGEN_FOOD };
static const enum chart_system want_drug_allergen[] = { CHART_ALLERGEN_INGREDIENT, CHART_ALLERGEN_DRUG };
static const enum chart_system want_other_allergen[] = { CHART_ALLERGEN_OTHER };
/* CHART_JLAC10 last: a map names the list, a vendor need not */
static const enum chart_system want_lab[] = { CHART_JLAC10_CORE, CHART_JLAC10_INFECTION, CHART_JLAC10_GENERAL, CHART_JLAC10 };
static const enum chart_system want_medicine[] = { CHART_YJ, CHART_DRUG_GENERAL };
static const enum chart_system want_usage[] = { CHART_USAGE };

struct settling {
    struct order_unit *unit;
    order_code_map *map;
    void *context;
};

static bool has_any(const struct chart_concept *concept, const enum chart_system *systems, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (chart_concept_get(concept, systems[i]) != NULL)
            return true;
    return false;
}

static void warn(struct settling *s, const struct chart_concept *concept, enum chart_system wanted)
{
    const char *term = concept->text.text, *local = concept->local_code.text;
    struct issue *issue = issues_add(&s->unit->issues, MSG_WARNING, local != NULL ? MSG_CHART_UNCODED : MSG_CHART_DECLARED_UNCODED,
                                     chart_system_name(wanted), local != NULL ? local : term, term);
    const struct chart_place *at = local != NULL && concept->local_code.at != NULL ? concept->local_code.at : concept->at;
    if (issue == NULL || at == NULL)
        return;
    issue->pointer = at->pointer;
    issue->offset = at->offset;
    issue->line = at->line;
    issue->column = at->column;
}

static void settle(struct settling *s, struct chart_concept *concept, const struct chart_text *material, const enum chart_system *systems, size_t count)
{
    struct chart_coding found = { .system = CHART_SYSTEM_NONE };
    if (concept->text.text == NULL || has_any(concept, systems, count))
        return;
    if (s->map != NULL && concept->local_code.text != NULL && concept->coding_count < CHART_CODINGS_MAX
        && s->map(s->context, s->unit->kind, systems, count, concept, material, &found) == 0) {
        found.code.at = found.display.at = concept->local_code.at;
        memmove(&concept->coding[1], &concept->coding[0], concept->coding_count * sizeof concept->coding[0]);
        concept->coding[0] = found;
        concept->coding_count++;
        concept->no_code = false;
        return;
    }
    concept->no_code = true;
    warn(s, concept, systems[0]);
}

#define SETTLE(s, concept, material, list) settle(s, concept, material, list, sizeof(list) / sizeof(list)[0])

static void settle_diseases(struct settling *s, struct chart_disease *disease, size_t count)
{
    for (size_t i = 0; i < count; i++)
        SETTLE(s, &disease[i].concept, NULL, want_disease);
}

static void settle_allergies(struct settling *s, struct chart_allergy *allergy, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        switch (allergy[i].category) {
        case CHART_ALLERGY_MEDICATION: SETTLE(s, &allergy[i].concept, NULL, want_drug_allergen); break;
        case CHART_ALLERGY_FOOD: SETTLE(s, &allergy[i].concept, NULL, want_food); break;
        default: SETTLE(s, &allergy[i].concept, NULL, want_other_allergen); break;
        }
    }
}

static void settle_lab(struct settling *s, struct chart_lab_item *item, size_t count)
{
    for (size_t i = 0; i < count; i++)
        SETTLE(s, &item[i].concept, &item[i].local_material, want_lab);
}

static void settle_letter(struct settling *s, struct chart_letter *letter)
{
    for (size_t i = 0; i < letter->section_count; i++) {
        struct chart_section *section = &letter->section[i];
        settle_diseases(s, section->disease, section->disease_count);
        settle_allergies(s, section->allergy, section->allergy_count);
        settle_lab(s, section->lab, section->lab_count);
        for (size_t k = 0; k < section->medication_count; k++) {
            SETTLE(s, &section->medication[k].concept, NULL, want_medicine);
            SETTLE(s, &section->medication[k].usage, NULL, want_usage);
        }
    }
    for (size_t i = 0; i < letter->attachment_count; i++)
        settle_diseases(s, letter->attachment[i].disease, letter->attachment[i].disease_count);
}

int order_settle_codes(struct order *order, order_code_map *map, void *context, struct err *e)
{
    for (size_t i = 0; i < order->unit_count; i++) {
        struct settling s = { &order->unit[i], map, context };
        const struct chart *chart = order->unit[i].chart;
        if (chart == NULL || !order_unit_ok(order, &order->unit[i]))
            continue;
        settle_diseases(&s, chart->disease, chart->disease_count);
        settle_allergies(&s, chart->allergy, chart->allergy_count);
        if (chart->lab != NULL)
            settle_lab(&s, chart->lab->item, chart->lab->item_count);
        if (chart->letter != NULL)
            settle_letter(&s, chart->letter);
        if (order->unit[i].issues.failed)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "order_settle_codes", NULL);
    }
    return 0;
}
