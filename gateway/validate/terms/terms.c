/*
 * NAME
 *      terms - membership of codes without a terminology server
 *
 * SYNOPSIS
 *      #include "validate/terms/terms.h"
 *
 * DESCRIPTION
 *      A value set is walked include by include: the first that holds the code ends the walk, then the excludes are asked. An include names a system (all of it, a list of
 *      codes, or a filter that was carried out when the image was made), value sets (a code must be in all of them), or both.
 *
 *      Three answers go through all of it: what cannot be decided stays TERMS_UNKNOWN unless another include says yes. The caller's own tables (masters) are asked first: for
 *      the value set as a whole, then for each system.
 *
 *      Codes are compared as bytes; in a system that is not case sensitive also without regard to ASCII case. Displays are compared without regard to ASCII case and to the
 *      amount of white space.
 *
 * DIAGNOSTICS
 *      struct terms_why says what stood in the way. Nothing here fails.
 */
#include <string.h>
#include "validate/terms/grammar.h"
#include "validate/terms/terms.h"

enum { NESTING_MAX = 16, VISITS_MAX = 4096, CANONICAL_MAX = 1024 };

static void because(struct terms_why *why, enum terms_reason reason)
{
    why->reason = reason;
}

static bool same(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_folded(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct bytes text, size_t *at)
{
    while (*at < text.len && is_blank(text.data[*at]))
        (*at)++;
}

/* Equal but for ASCII case and the amount of white space. */
static bool same_display(struct bytes a, struct bytes b)
{
    size_t i = 0, j = 0;

    skip_blanks(a, &i);
    skip_blanks(b, &j);
    while (i < a.len && j < b.len) {
        bool blank = is_blank(a.data[i]);
        if (blank != is_blank(b.data[j]))
            break;
        if (!blank && fold(a.data[i]) != fold(b.data[j]))
            return false;
        if (blank) {
            skip_blanks(a, &i);
            skip_blanks(b, &j);
        } else {
            i++;
            j++;
        }
    }
    skip_blanks(a, &i);
    skip_blanks(b, &j);
    return i == a.len && j == b.len;
}

/* ---- code systems ---- */

/* A text that may have a number in the image: 0 = look it up. */
struct address { struct bytes text; img_str number; };

static struct address numbered(const struct image *image, img_str text)
{
    return (struct address){ image_bytes(image, text), text };
}

/* What is remembered of an address; only where something is remembered at all. */
static const struct canonical_found *recall(const struct terms *t, struct address address)
{
    return address.number != 0 ? canonicals_get(t->canonicals, t->image, address.number) : canonicals_find(t->canonicals, t->image, address.text.data, address.text.len);
}

/* The version that is asked for, else the newest; NULL when it is not loaded. */
static const struct img_system *find_system(const struct terms *t, struct address address, struct bytes version)
{
    const struct image *image = t->image;
    struct bytes url = address.text;
    char canonical[CANONICAL_MAX];
    img_id id;

    if (url.data == NULL || url.len == 0)
        return NULL;
    if (version.len == 0 && t->canonicals == NULL)
        return image_find_system(image, url.data, url.len);
    if (version.len == 0) {
        id = recall(t, address)->system;
        return id != 0 ? &image->systems[id - 1] : NULL;
    }
    if (url.len + 1 + version.len > sizeof canonical)
        return NULL;
    memcpy(canonical, url.data, url.len);
    canonical[url.len] = '|';
    memcpy(canonical + url.len + 1, version.data, version.len);
    return image_find_system(image, canonical, url.len + 1 + version.len);
}

static img_str number_of(const struct image *image, struct bytes code)
{
    return image_find_str(image, code.data, code.len);
}

/* The concepts of a system are sorted by the number of their code's string. */
static const struct img_concept *find_concept_exactly(const struct image *image, const struct img_system *system, img_str code)
{
    uint32_t low = 0, high = code == 0 ? 0 : system->concepts.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct img_concept *c = &image->concepts[system->concepts.first + middle];
        if (c->code == code)
            return c;
        if (c->code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The code and its number in the image. */
static const struct img_concept *find_concept(const struct image *image, const struct img_system *system, struct bytes code, img_str number)
{
    const struct img_concept *c = find_concept_exactly(image, system, number);

    for (uint32_t i = 0; c == NULL && !system->case_sensitive && i < system->concepts.count; i++)
        if (same_folded(image_bytes(image, image->concepts[system->concepts.first + i].code), code))
            c = &image->concepts[system->concepts.first + i];
    return c;
}

/* Does the image hold enough of it to say that a code is not there? */
static bool has_content(const struct img_system *system)
{
    return system->content == IMG_COMPLETE || system->content == IMG_FRAGMENT;
}

static enum terms_answer ask_more(const struct terms *t, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    static const enum terms_answer answers[] = { [VALIDATE_NO] = TERMS_NO, [VALIDATE_YES] = TERMS_YES, [VALIDATE_UNKNOWN] = TERMS_UNKNOWN };

    if (t->more == NULL || t->more->find_code == NULL || system.data == NULL)
        return TERMS_UNKNOWN;
    return answers[t->more->find_code(t->more->self, system, code, ret_display)];
}

/* What is being asked; visits counts the value sets looked into, so that a web of them ends. */
struct question { const struct terms *t; const struct terms_coding *coding; img_str code; /* its number in the image */ struct terms_why *why; unsigned *visits; };

/* Is the code in this system, seen as the content of a value set? */
static enum terms_answer member_of_system(const struct question *q, struct address address, struct bytes version)
{
    const struct terms *t = q->t;
    struct terms_why *why = q->why;
    struct bytes display = { NULL, 0 }, url = address.text, code = q->coding->code;
    enum terms_answer a = ask_more(t, url, code, &display);
    const struct img_system *system;

    why->system = url;
    if (a != TERMS_UNKNOWN)
        return because(why, a == TERMS_YES ? TERMS_FINE : TERMS_CODE_UNKNOWN), a;
    system = find_system(t, address, version);
    if (system == NULL || !has_content(system)) {
        a = system == NULL ? grammar_check(url, code) : TERMS_UNKNOWN;
        because(why, a == TERMS_YES ? TERMS_FINE : a == TERMS_NO ? TERMS_SYNTAX_WRONG : TERMS_SYSTEM_MISSING);
        return a;
    }
    a = find_concept(t->image, system, code, q->code) != NULL ? TERMS_YES : TERMS_NO;
    because(why, a == TERMS_YES ? TERMS_FINE : TERMS_CODE_UNKNOWN);
    return a;
}

static bool display_fits(const struct image *image, const struct img_concept *concept, struct bytes display)
{
    if (same_display(image_bytes(image, concept->display), display))
        return true;
    for (uint32_t i = 0; i < concept->more.count; i++)
        if (same_display(image_bytes(image, image->links[concept->more.first + i]), display))
            return true;
    return false;
}

static enum terms_answer judge_display(struct bytes expected, bool fits, struct bytes display, struct terms_why *why)
{
    bool wrong = display.len > 0 && expected.len > 0 && !fits;

    because(why, wrong ? TERMS_DISPLAY_WRONG : TERMS_FINE);
    why->expected = expected;
    return TERMS_YES;
}

static enum terms_answer in_loaded_system(const struct terms *t, const struct img_system *system, const struct terms_coding *coding, struct terms_why *why)
{
    const struct img_concept *concept = find_concept(t->image, system, coding->code, number_of(t->image, coding->code));

    if (system->content != IMG_COMPLETE && system->content != IMG_FRAGMENT && concept == NULL)
        return because(why, TERMS_SYSTEM_MISSING), TERMS_UNKNOWN;
    if (concept == NULL && system->content == IMG_FRAGMENT)
        return because(why, TERMS_IN_FRAGMENT), TERMS_UNKNOWN;
    if (concept == NULL)
        return because(why, TERMS_CODE_UNKNOWN), TERMS_NO;
    (void)judge_display(image_bytes(t->image, concept->display), display_fits(t->image, concept, coding->display), coding->display, why);
    if (why->reason == TERMS_FINE && concept->abstract)
        because(why, TERMS_CODE_ABSTRACT);
    return TERMS_YES;
}

enum terms_answer terms_in_system(const struct terms *t, const struct terms_coding *coding, struct terms_why *ret_why)
{
    struct terms_why why = { .reason = TERMS_FINE, .system = coding->system };
    struct bytes display = { NULL, 0 };
    enum terms_answer a = ask_more(t, coding->system, coding->code, &display);
    const struct img_system *system = NULL;

    if (a == TERMS_UNKNOWN)
        system = find_system(t, (struct address){ coding->system, coding->system_number }, coding->version);
    if (a == TERMS_YES) {
        (void)judge_display(display, same_display(display, coding->display), coding->display, &why);
    } else if (a == TERMS_NO) {
        because(&why, TERMS_CODE_UNKNOWN);
    } else if (system != NULL) {
        a = in_loaded_system(t, system, coding, &why);
    } else {
        a = grammar_check(coding->system, coding->code);
        because(&why, a == TERMS_YES ? TERMS_FINE : a == TERMS_NO ? TERMS_SYNTAX_WRONG : TERMS_SYSTEM_MISSING);
    }
    if (ret_why != NULL)
        *ret_why = why;
    return a;
}

bool terms_system_known(const struct terms *t, const char *url, size_t len)
{
    struct bytes text = { url, len }, none = { NULL, 0 };
    const struct img_system *system = find_system(t, (struct address){ text, 0 }, none);

    return (system != NULL && system->content != IMG_NOT_PRESENT) || grammar_knows(text);
}

/* ---- value sets ---- */

static const struct img_value_set *find_value_set(const struct terms *t, struct address canonical)
{
    img_id id;

    if (t->canonicals == NULL)
        return image_find_value_set(t->image, canonical.text.data, canonical.text.len);
    id = recall(t, canonical)->value_set;
    return id != 0 ? &t->image->value_sets[id - 1] : NULL;
}

static enum terms_answer in_set(struct question *q, struct address canonical, unsigned depth);

/* Listed codes are sorted by number, too. */
static bool is_listed(const struct image *image, const struct img_include *include, img_str text)
{
    uint32_t low = 0, high = text == 0 ? 0 : include->codes.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        img_str at = image->codes[include->codes.first + middle].code;
        if (at == text)
            return true;
        if (at < text)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A list over a system that is loaded is the whole truth; over another one what it leaves out may still be meant (a filter beside it, another version). */
static enum terms_answer member_of_list(const struct question *q, const struct img_include *include, struct address address)
{
    struct bytes display = { NULL, 0 }, none = { NULL, 0 }, url = address.text;
    const struct img_system *system;

    q->why->system = url;
    if (is_listed(q->t->image, include, q->code))
        return because(q->why, TERMS_FINE), TERMS_YES;
    system = find_system(q->t, address, none);
    if ((system != NULL && has_content(system)) || ask_more(q->t, url, q->coding->code, &display) != TERMS_UNKNOWN)
        return because(q->why, TERMS_NOT_IN_VALUE_SET), TERMS_NO;
    return because(q->why, TERMS_SYSTEM_MISSING), TERMS_UNKNOWN;
}

/* Value sets that an include names: the code must be in all of them. */
static enum terms_answer in_all_sets(struct question *q, const struct img_include *include, unsigned depth)
{
    enum terms_answer answer = TERMS_YES;

    for (uint32_t i = 0; i < include->value_sets.count && answer != TERMS_NO; i++) {
        enum terms_answer a = in_set(q, numbered(q->t->image, q->t->image->links[include->value_sets.first + i]), depth + 1);
        if (a != TERMS_YES)
            answer = a;
    }
    return answer;
}

static enum terms_answer in_include(struct question *q, const struct img_include *include, bool alone, unsigned depth)
{
    struct address address = numbered(q->t->image, include->system);
    struct bytes url = address.text, version = q->coding->version.len > 0 ? q->coding->version : image_bytes(q->t->image, include->version);
    enum terms_answer sets = in_all_sets(q, include, depth), a = TERMS_UNKNOWN;

    if (sets == TERMS_NO || include->kind == IMG_INCLUDE_VALUE_SETS || include->system == 0)
        return include->value_sets.count == 0 ? TERMS_NO : sets;
    if (q->coding->system.data == NULL && !q->coding->system_inferred)
        return alone && is_listed(q->t->image, include, q->code) ? sets : TERMS_NO; /* the only system that can be meant */
    if (q->coding->system.data != NULL && !same(q->coding->system, url))
        return TERMS_NO;
    if (include->kind == IMG_INCLUDE_SYSTEM)
        a = member_of_system(q, address, version);
    else if (include->kind == IMG_INCLUDE_CODES)
        a = member_of_list(q, include, address);
    else
        because(q->why, TERMS_FILTER_UNKNOWN);
    return a == TERMS_YES ? sets : a;
}

static enum terms_answer in_loaded_set(struct question *q, const struct img_value_set *set, unsigned depth)
{
    const struct img_include *includes = &q->t->image->includes[set->includes.first];
    struct terms_why open = *q->why, ignored = *q->why;
    struct question exclusion = { q->t, q->coding, q->code, &ignored, q->visits };
    enum terms_answer answer = TERMS_NO;
    uint32_t included = 0;

    for (uint32_t i = 0; i < set->includes.count; i++)
        included += !includes[i].exclude;
    for (uint32_t i = 0; i < set->includes.count && answer != TERMS_YES; i++) {
        enum terms_answer a = includes[i].exclude ? TERMS_NO : in_include(q, &includes[i], included == 1, depth);
        if (a == TERMS_UNKNOWN)
            open = *q->why;
        answer = a == TERMS_NO ? answer : a;
    }
    for (uint32_t i = 0; i < set->includes.count && answer == TERMS_YES; i++)
        if (includes[i].exclude && in_include(&exclusion, &includes[i], false, depth) == TERMS_YES)
            answer = TERMS_NO;
    if (answer == TERMS_UNKNOWN)
        *q->why = open;
    else if (answer == TERMS_NO && q->why->reason != TERMS_CODE_UNKNOWN && q->why->reason != TERMS_SYNTAX_WRONG)
        because(q->why, TERMS_NOT_IN_VALUE_SET);
    return answer;
}

static enum terms_answer ask_more_for_set(const struct terms *t, const char *canonical, size_t len, const struct terms_coding *coding)
{
    char text[CANONICAL_MAX];
    enum validate_answer a = VALIDATE_UNKNOWN;

    if (t->more == NULL || t->more->in_value_set == NULL || len >= sizeof text)
        return TERMS_UNKNOWN;
    memcpy(text, canonical, len);
    text[len] = '\0';
    a = t->more->in_value_set(t->more->self, text, coding->system, coding->code);
    return a == VALIDATE_YES ? TERMS_YES : a == VALIDATE_NO ? TERMS_NO : TERMS_UNKNOWN;
}

static enum terms_answer in_set(struct question *q, struct address canonical, unsigned depth)
{
    const struct img_value_set *set;
    enum terms_answer a;

    if (depth > NESTING_MAX || ++*q->visits > VISITS_MAX)
        return because(q->why, TERMS_TOO_DEEP), TERMS_UNKNOWN;
    a = ask_more_for_set(q->t, canonical.text.data, canonical.text.len, q->coding);
    if (a != TERMS_UNKNOWN)
        return because(q->why, a == TERMS_YES ? TERMS_FINE : TERMS_NOT_IN_VALUE_SET), a;
    set = find_value_set(q->t, canonical);
    if (set == NULL || set->broken)
        return because(q->why, TERMS_VALUE_SET_MISSING), TERMS_UNKNOWN;
    return in_loaded_set(q, set, depth);
}

static enum terms_answer ask(const struct terms *t, struct address canonical, const struct terms_coding *coding, struct terms_why *ret_why)
{
    struct terms_why why = { .reason = TERMS_FINE, .system = coding->system };
    unsigned visits = 0;
    struct question q = { t, coding, number_of(t->image, coding->code), &why, &visits };
    enum terms_answer a = in_set(&q, canonical, 0);

    if (ret_why != NULL)
        *ret_why = why;
    return a;
}

enum terms_answer terms_in_value_set(const struct terms *t, const char *canonical, size_t len, const struct terms_coding *coding, struct terms_why *ret_why)
{
    return ask(t, (struct address){ { canonical, len }, 0 }, coding, ret_why);
}

enum terms_answer terms_in_bound_set(const struct terms *t, img_str canonical, const struct terms_coding *coding, struct terms_why *ret_why)
{
    return ask(t, numbered(t->image, canonical), coding, ret_why);
}

bool terms_value_set_known(const struct terms *t, const char *canonical, size_t len)
{
    return find_value_set(t, (struct address){ { canonical, len }, 0 }) != NULL;
}

/* ---- hierarchy ---- */

enum terms_answer terms_subsumes(const struct terms *t, const struct terms_coding *a, const struct terms_coding *b)
{
    const struct img_system *system;
    const struct img_concept *above, *at;

    if (!same(a->system, b->system))
        return TERMS_NO;
    if (same(a->code, b->code))
        return TERMS_YES;
    system = find_system(t, (struct address){ a->system, a->system_number }, a->version);
    if (system == NULL || !has_content(system))
        return TERMS_UNKNOWN;
    above = find_concept(t->image, system, a->code, number_of(t->image, a->code));
    at = find_concept(t->image, system, b->code, number_of(t->image, b->code));
    if (above == NULL || at == NULL)
        return TERMS_UNKNOWN;
    for (uint32_t steps = 0; at != above && at->parent != 0 && steps < system->concepts.count; steps++)
        at = &t->image->concepts[at->parent - 1];
    return at == above ? TERMS_YES : TERMS_NO;
}
