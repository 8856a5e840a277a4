/*
 * NAME
 *      settings - clinsgw.conf as typed structs
 *
 * DESCRIPTION
 *      One table a section kind. After the tables the references between sections are settled; a facility without a signing policy is refused
 *      by the table itself (required key), because none is shipped.
 *
 * DIAGNOSTICS
 *      MSG_CONF_... with place "file:line".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "daemon/settings.h"
#include "flow/flow.h"

static const char *const languages[] = { "ja", "en", NULL };
static const char *const link_types[] = { "webapi", "terminal", "sink", NULL };
static const char *const signings[] = { "require", "prefer", "never", NULL };
static const char *const signer_types[] = { "pkcs11", "key_file", NULL };

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, FILE_MAX = 1 << 20 };

#define AT(type, member) offsetof(struct type, member)

static const struct conf_key gateway_keys[] = {
    { .key = "state_dir", .type = CONF_TEXT, .offset = AT(settings, state_dir), .fallback = "/var/lib/clinsgw" },
    { .key = "run_dir", .type = CONF_TEXT, .offset = AT(settings, run_dir), .fallback = "/run/clinsgw" },
    { .key = "doors_dir", .type = CONF_TEXT, .offset = AT(settings, doors_dir), .fallback = "/usr/lib/clinsgw" },
    { .key = "profile_dir", .type = CONF_TEXT, .offset = AT(settings, profile_dir), .fallback = "/etc/clinsgw/profiles" },
    { .key = "fhir_dir", .type = CONF_TEXT, .offset = AT(settings, fhir_dir), .fallback = "/var/lib/clinsgw/fhir" },
    { .key = "master_dir", .type = CONF_TEXT, .offset = AT(settings, master_dir) },
    { .key = "fhir_set", .type = CONF_TEXT, .offset = AT(settings, fhir_set) },
    { .key = "page_dir", .type = CONF_TEXT, .offset = AT(settings, page_dir) },
    { .key = "trust_dir", .type = CONF_TEXT, .offset = AT(settings, trust_dir) },
    { .key = "intermediate_dir", .type = CONF_TEXT, .offset = AT(settings, intermediate_dir) },
    { .key = "crl_dir", .type = CONF_TEXT, .offset = AT(settings, crl_dir) },
    { .key = "host", .type = CONF_TEXT, .offset = AT(settings, host), .fallback = "gw01" },
    { .key = "language", .type = CONF_ENUM, .offset = AT(settings, language), .names = languages, .fallback = "ja" },
    { .key = "workers", .type = CONF_INT, .offset = AT(settings, workers), .min = 1, .max = 16, .fallback = "1" },
    { .key = "window", .type = CONF_INT, .offset = AT(settings, window), .min = 1, .max = 256, .fallback = "32" },
    { .key = "log_keep_days", .type = CONF_INT, .offset = AT(settings, log_keep_days), .min = 1, .max = 3650, .fallback = "400" },
    { .key = "low_water_intake", .type = CONF_SIZE, .offset = AT(settings, low_water_intake), .min = 0, .max = INT64_MAX, .fallback = "500MB" },
    { .key = "low_water_send", .type = CONF_SIZE, .offset = AT(settings, low_water_send), .min = 0, .max = INT64_MAX, .fallback = "100MB" },
    { .key = "ballast", .type = CONF_SIZE, .offset = AT(settings, ballast), .min = 0, .max = INT64_MAX, .fallback = "32MB" },
    { .key = "desk_user", .type = CONF_TEXT, .offset = AT(settings, desk_user), .fallback = "clinsgw" },
    { .key = "spool_user", .type = CONF_TEXT, .offset = AT(settings, spool_user), .fallback = "clinsgw-spool" },
    { .key = "convert_user", .type = CONF_TEXT, .offset = AT(settings, convert_user), .fallback = "clinsgw-convert" },
    { .key = "sign_user", .type = CONF_TEXT, .offset = AT(settings, sign_user), .fallback = "clinsgw-sign" },
    { .key = "link_user", .type = CONF_TEXT, .offset = AT(settings, link_user), .fallback = "clinsgw-link" },
    { .key = NULL },
};

static const struct conf_key link_keys[] = {
    { .key = "type", .type = CONF_ENUM, .offset = AT(settings_link, type), .required = true, .names = link_types },
    { .key = "profile", .type = CONF_TEXT, .offset = AT(settings_link, profile), .fallback = "clins-2026" },
    { .key = "sessions", .type = CONF_INT, .offset = AT(settings_link, sessions), .min = 1, .max = FLOW_SESSIONS_MAX, .fallback = "1" },
    { .key = "folder", .type = CONF_TEXT, .offset = AT(settings_link, folder) },
    { .key = "login_url", .type = CONF_TEXT, .offset = AT(settings_link, login_url) },
    { .key = "api_url", .type = CONF_TEXT, .offset = AT(settings_link, api_url) },
    { .key = "login_user", .type = CONF_TEXT, .offset = AT(settings_link, login_user) },
    { .key = "login_password_file", .type = CONF_TEXT, .offset = AT(settings_link, login_password_file) },
    { .key = "certificate", .type = CONF_TEXT, .offset = AT(settings_link, certificate) },
    { .key = "key", .type = CONF_TEXT, .offset = AT(settings_link, key) },
    { .key = "key_password_file", .type = CONF_TEXT, .offset = AT(settings_link, key_password_file) },
    { .key = "ca", .type = CONF_TEXT, .offset = AT(settings_link, ca) },
    { .key = "resolve", .type = CONF_TEXT, .offset = AT(settings_link, resolve) },
    { .key = NULL },
};

static const struct conf_key signer_keys[] = {
    { .key = "type", .type = CONF_ENUM, .offset = AT(settings_signer, type), .required = true, .names = signer_types },
    { .key = "module", .type = CONF_TEXT, .offset = AT(settings_signer, module) },
    { .key = "token", .type = CONF_TEXT, .offset = AT(settings_signer, token) },
    { .key = "certificate", .type = CONF_TEXT, .offset = AT(settings_signer, certificate) },
    { .key = "key", .type = CONF_TEXT, .offset = AT(settings_signer, key) },
    { .key = "pin_credential", .type = CONF_TEXT, .offset = AT(settings_signer, pin_credential) },
    { .key = "keep_login", .type = CONF_BOOL, .offset = AT(settings_signer, keep_login), .fallback = "no" },
    { .key = NULL },
};

static const struct conf_key facility_keys[] = {
    { .key = "name", .type = CONF_TEXT, .offset = AT(settings_facility, name), .required = true },
    { .key = "second_code", .type = CONF_TEXT, .offset = AT(settings_facility, second_code) },
    { .key = "link", .type = CONF_TEXT, .offset = AT(settings_facility, link), .required = true },
    { .key = "signing", .type = CONF_ENUM, .offset = AT(settings_facility, signing), .required = true, .names = signings },
    { .key = "prefer_after", .type = CONF_TIME, .offset = AT(settings_facility, prefer_after_ms), .min = MINUTE, .max = INT64_MAX, .fallback = "24h" },
    { .key = "signature_age", .type = CONF_TIME, .offset = AT(settings_facility, signature_age_ms), .min = MINUTE, .max = INT64_MAX, .fallback = "7d" },
    { .key = "signer", .type = CONF_TEXT, .offset = AT(settings_facility, signer) },
    { .key = "code_map", .type = CONF_TEXT, .offset = AT(settings_facility, code_map) },
    { .key = NULL },
};

static const struct conf_key source_keys[] = {
    { .key = "facility", .type = CONF_TEXT, .offset = AT(settings_source, facility), .required = true },
    { .key = "root", .type = CONF_TEXT, .offset = AT(settings_source, root), .required = true },
    { .key = "format", .type = CONF_TEXT, .offset = AT(settings_source, format), .fallback = "json" },
    { .key = "settle", .type = CONF_TIME, .offset = AT(settings_source, settle_ms), .min = 0, .max = HOUR, .fallback = "3s" },
    { .key = "attachment_wait", .type = CONF_TIME, .offset = AT(settings_source, attachment_wait_ms), .min = 0, .max = INT64_MAX, .fallback = "10m" },
    { .key = "orphan_after", .type = CONF_TIME, .offset = AT(settings_source, orphan_ms), .min = 0, .max = INT64_MAX, .fallback = "1d" },
    { .key = "max_size", .type = CONF_SIZE, .offset = AT(settings_source, max_bytes), .min = 1024, .max = 64 << 20, .fallback = "20MB" },
    { .key = "request_ending", .type = CONF_LIST, .offset = AT(settings_source, endings) },
    { .key = NULL },
};

/* The line of the key, or that of the section when no line gives the key. */
static uint32_t line_of(const struct conf_section *section, const char *key)
{
    uint32_t line = section == NULL ? 1 : section->line > 0 || section->lines == NULL ? section->line : section->lines->line;

    for (const struct conf_line *l = section == NULL ? NULL : section->lines; l != NULL; l = l->next)
        if (strcmp(l->key, key) == 0)
            line = l->line;
    return line;
}

static int refuse_as(struct conf *conf, enum msg_id msg, uint32_t line, const char *what, const char *allowed, struct err *e)
{
    char place[ERR_PLACE_MAX];

    snprintf(place, sizeof place, "%s:%u", conf->file, line);
    err_set(e, ERR_INVALID, msg, place, what, allowed);
    if (e != NULL)
        e->line = line;
    return conf_fault(conf, ERR_INVALID, e);
}

/* 0 when it was told and reading goes on (conf_fault). */
static int refuse(struct conf *conf, const struct conf_section *section, const char *key, const char *allowed, struct err *e)
{
    return refuse_as(conf, MSG_CONF_BAD_VALUE, line_of(section, key), key, allowed, e);
}

/* A path that means the same in every process. NULL = not given. */
static bool is_absolute(const char *path)
{
    return path == NULL || path[0] == '/';
}

/* Names of sections travel in lists separated by commas, in names of files and in columns of the store. */
static bool is_plain_name(const char *name, size_t max)
{
    size_t len = strlen(name);
    return len > 0 && len <= max && name[0] != '.' && text_all_of(name, len, "A-Za-z0-9_.-");
}

enum named { NAMED_LINK, NAMED_SIGNER, NAMED_FACILITY, NAMED_SOURCE, NAMED_COUNT };

struct build {
    struct conf *conf;
    struct arena *arena;
    struct settings *s;
    bool doubtful[NAMED_COUNT];   /* a header of these was told as a mistake: what names a section that seems not to be there is none of its own */
};

/* The header of a section that is known is refused. */
static int refuse_name(struct build *b, const struct conf_section *section, enum named kind, const char *allowed, struct err *e)
{
    b->doubtful[kind] = true;
    return refuse(b->conf, section, section->kind, allowed, e);
}

/* What one type of a section cannot do without; the rest of it is not known where the type is not. */
struct need { int type; const char *key; };

static int check_needs(const struct build *b, const struct conf_section *section, const char *const *types, int type, const struct need *needs, struct err *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && needs[i].key != NULL && conf_given(b->conf, section, "type") && !section->unread; i++) {
        char with[ERR_ARG_MAX];
        bool there = false;
        for (const struct conf_line *l = section->lines; l != NULL; l = l->next)
            there = there || strcmp(l->key, needs[i].key) == 0;
        snprintf(with, sizeof with, "type = %s", types[type]);
        if (needs[i].type == type && !there)
            r = refuse_as(b->conf, MSG_CONF_MISSING_KEY, section->line, needs[i].key, with, e);
    }
    return r;
}

static const struct need link_needs[] = {
    { LINK_TYPE_TERMINAL, "folder" }, { LINK_TYPE_WEBAPI, "login_url" }, { LINK_TYPE_WEBAPI, "api_url" }, { LINK_TYPE_WEBAPI, "login_user" },
    { LINK_TYPE_WEBAPI, "login_password_file" }, { LINK_TYPE_WEBAPI, "certificate" }, { LINK_TYPE_WEBAPI, "key" }, { LINK_TYPE_WEBAPI, "ca" }, { 0, NULL },
};

static int add_link(struct build *b, const struct conf_section *section, struct err *e)
{
    struct settings_link *link = &b->s->link[b->s->links];
    int r = conf_apply(b->conf, section, link_keys, link, b->arena, e);
    bool terminal = conf_given(b->conf, section, "type") && link->type == LINK_TYPE_TERMINAL && link->folder != NULL;

    link->name = section->name;
    link->line = line_of(section, "profile");
    if (r == 0 && !is_plain_name(link->name, SETTINGS_LINK_NAME_MAX))
        r = refuse_name(b, section, NAMED_LINK, MSG_WORDS("a name of A-Z a-z 0-9 _ . -, at most 31", "31 文字までの名前（A-Z a-z 0-9 _ . -）"), e);
    if (r == 0)
        r = check_needs(b, section, link_types, link->type, link_needs, e);
    if (r == 0 && terminal && !is_absolute(link->folder))
        r = refuse(b->conf, section, "folder", MSG_WORDS("an absolute path", "絶対パス"), e);
    for (size_t i = 0; i < b->s->links && r == 0 && terminal; i++) /* each link clears away the unfinished files of the folder: those of the other, too */
        if (b->s->link[i].folder != NULL && strcmp(b->s->link[i].folder, link->folder) == 0)
            r = refuse(b->conf, section, "folder", MSG_WORDS("one link for one folder", "他の link が使っていないフォルダ"), e);
    b->s->links++;
    return r;
}

static const struct need signer_needs[] = { { SIGNER_PKCS11, "module" }, { SIGNER_KEY_FILE, "key" }, { SIGNER_KEY_FILE, "certificate" }, { 0, NULL } };

static int add_signer(struct build *b, const struct conf_section *section, struct err *e)
{
    struct settings_signer *signer = &b->s->signer[b->s->signers];
    int r = conf_apply(b->conf, section, signer_keys, signer, b->arena, e);

    signer->name = section->name;
    if (r == 0 && !is_plain_name(signer->name, SETTINGS_NAME_MAX))
        r = refuse_name(b, section, NAMED_SIGNER, MSG_WORDS("a name of A-Z a-z 0-9 _ . -, at most 63", "63 文字までの名前（A-Z a-z 0-9 _ . -）"), e);
    if (r == 0)
        r = check_needs(b, section, signer_types, signer->type, signer_needs, e);
    b->s->signers++;
    return r;
}

static bool is_institution(const char *code)
{
    return strlen(code) == 10 && text_all_digits(code, 10);
}

static int add_facility(struct build *b, const struct conf_section *section, struct err *e)
{
    struct settings_facility *facility = &b->s->facility[b->s->facilities];
    int r = conf_apply(b->conf, section, facility_keys, facility, b->arena, e);

    facility->code = section->name;
    if (r == 0 && !is_absolute(facility->code_map))
        r = refuse(b->conf, section, "code_map", MSG_WORDS("an absolute path", "絶対パス"), e);
    if (r == 0 && !is_institution(section->name))
        r = refuse_name(b, section, NAMED_FACILITY, MSG_WORDS("10 digits (医療機関番号)", "10 桁の数字（医療機関番号）"), e);
    if (r == 0 && facility->second_code != NULL && !is_institution(facility->second_code) && conf_sound(b->conf, section, "second_code"))
        r = refuse(b->conf, section, "second_code", MSG_WORDS("10 digits (医療機関番号)", "10 桁の数字（医療機関番号）"), e);
    b->s->facilities++;
    return r;
}

/* Names that end so are never offered at all (spool/spool.h). */
static bool is_ending(const char *ending)
{
    static const char *const never[] = { ".tmp", ".part", ".ok" };

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strcasecmp(ending, never[i]) == 0)
            return false;
    return ending[0] == '.' && ending[1] != '\0' && strchr(ending, '/') == NULL;
}

/* Without slashes at the end, so that one folder has one name. */
static int trim_root(const struct build *b, struct settings_source *source, struct err *e)
{
    size_t len = strlen(source->root);

    while (len > 1 && source->root[len - 1] == '/')
        len--;
    source->root = arena_strndup(b->arena, source->root, len);
    return source->root == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, b->conf->file, "settings", NULL) : 0;
}

/* The same folder, or one inside the other. */
static bool overlap(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;

    return strncmp(a, b, n) == 0 && (na == nb || n == 1 || (na > nb ? a : b)[n] == '/');
}

static int check_root(const struct build *b, const struct conf_section *section, struct settings_source *source, struct err *e)
{
    int r;

    if (!is_absolute(source->root))
        return refuse(b->conf, section, "root", MSG_WORDS("an absolute path", "絶対パス"), e);
    r = trim_root(b, source, e);
    for (size_t i = 0; r == 0 && i < b->s->sources; i++)
        if (b->s->source[i].root != NULL && overlap(b->s->source[i].root, source->root))
            return refuse(b->conf, section, "root", MSG_WORDS("a folder of its own for each source, not inside another's", "他の source と重ならないフォルダ（中にも外にも置けません）"), e);
    return r;
}

static int add_source(struct build *b, const struct conf_section *section, struct err *e)
{
    static const char *const default_endings[] = { ".json", NULL };
    struct settings_source *source = &b->s->source[b->s->sources];
    int r = conf_apply(b->conf, section, source_keys, source, b->arena, e);

    source->name = section->name;
    if (r == 0 && source->endings.count == 0) {
        source->endings.item = (const char **)(uintptr_t)default_endings;
        source->endings.count = 1;
    }
    for (size_t i = 0; r == 0 && i < source->endings.count; i++)
        if (!is_ending(source->endings.item[i]))
            r = refuse_as(b->conf, MSG_CONF_BAD_VALUE, source->endings.line[i], "request_ending", MSG_WORDS("begins with a dot; not .tmp .part .ok", "点で始まる拡張子（.tmp .part .ok 以外）"), e);
    if (r == 0 && !is_plain_name(source->name, SETTINGS_NAME_MAX))
        r = refuse_name(b, section, NAMED_SOURCE, MSG_WORDS("a name of A-Z a-z 0-9 _ . -, at most 63", "63 文字までの名前（A-Z a-z 0-9 _ . -）"), e);
    if (r == 0 && source->root != NULL && conf_sound(b->conf, section, "root"))
        r = check_root(b, section, source, e);
    b->s->sources++;
    return r;
}

static int add_gateway(const struct build *b, const struct conf_section *section, struct err *e)
{
    struct settings *s = b->s;
    int r = conf_apply(b->conf, section, gateway_keys, s, b->arena, e);
    const struct { const char *key, *path; } folders[] = {
        { "state_dir", s->state_dir }, { "run_dir", s->run_dir }, { "doors_dir", s->doors_dir }, { "profile_dir", s->profile_dir }, { "fhir_dir", s->fhir_dir }, { "master_dir", s->master_dir },
        { "page_dir", s->page_dir }, { "trust_dir", s->trust_dir }, { "intermediate_dir", s->intermediate_dir }, { "crl_dir", s->crl_dir },
    };

    for (size_t i = 0; r == 0 && i < sizeof folders / sizeof *folders; i++)
        if (!is_absolute(folders[i].path))
            r = refuse(b->conf, section, folders[i].key, MSG_WORDS("an absolute path", "絶対パス"), e);
    if (r == 0 && s->fhir_set != NULL && (strlen(s->fhir_set) > 64 || s->fhir_set[0] == '\0' || !text_all_of(s->fhir_set, strlen(s->fhir_set), "0-9A-Za-z_-")))
        r = refuse(b->conf, section, "fhir_set", MSG_WORDS("1-64 of [0-9A-Za-z_-]", "[0-9A-Za-z_-] の 1～64 文字"), e);
    if (r == 0 && (strlen(s->host) < 2 || strlen(s->host) > 8 || !text_all_of(s->host, strlen(s->host), "0-9a-z")))
        r = refuse(b->conf, section, "host", MSG_WORDS("2-8 of [0-9a-z]", "[0-9a-z] の 2～8 文字"), e);
    if (r == 0 && s->low_water_send > s->low_water_intake && conf_sound(b->conf, section, "low_water_send") && conf_sound(b->conf, section, "low_water_intake"))
        r = refuse(b->conf, section, "low_water_send", MSG_WORDS("at most low_water_intake: intake stops first", "low_water_intake 以下（取り込みが先に止まります）"), e);
    return r;
}

static const struct {
    const char *kind;
    int (*add)(struct build *, const struct conf_section *, struct err *);
    size_t count, max;              /* as many as the state machine holds (flow.h) */
    const char *allowed;
} kinds[] = {
    [NAMED_LINK] = { "link", add_link, offsetof(struct settings, links), FLOW_ROUTES_MAX, MSG_WORDS("[link NAME], at most 16", "[link NAME]、16 個まで") },
    [NAMED_SIGNER] = { "signer", add_signer, offsetof(struct settings, signers), FLOW_SIGNERS_MAX - 1, MSG_WORDS("[signer NAME], at most 15", "[signer NAME]、15 個まで") },
    [NAMED_FACILITY] = { "facility", add_facility, offsetof(struct settings, facilities), FLOW_FACILITIES_MAX, MSG_WORDS("[facility CODE], at most 8", "[facility CODE]、8 個まで") },
    [NAMED_SOURCE] = { "source", add_source, offsetof(struct settings, sources), FLOW_SOURCES_MAX, MSG_WORDS("[source NAME], at most 64", "[source NAME]、64 個まで") },
};

static int add_section(struct build *b, const struct conf_section *section, struct err *e)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(section->kind, kinds[i].kind) == 0) {
            size_t count;
            memcpy(&count, (const char *)b->s + kinds[i].count, sizeof count);
            if (section->name[0] == '\0' || count == kinds[i].max)
                return refuse_name(b, section, (enum named)i, kinds[i].allowed, e);
            return kinds[i].add(b, section, e);
        }
    if (section->kind[0] == '\0')
        return refuse_as(b->conf, MSG_CONF_SYNTAX, section->lines->line, MSG_WORDS("a line before the first [section]", "最初の [節] より前に行があります"), NULL, e);
    if (strcmp(section->kind, "gateway") == 0)
        return section->name[0] == '\0' ? add_gateway(b, section, e) : refuse(b->conf, section, "gateway", MSG_WORDS("[gateway], without a name", "名前のない [gateway]"), e);
    for (size_t i = 0; i < NAMED_COUNT; i++)
        b->doubtful[i] = true;
    return refuse_as(b->conf, MSG_CONF_UNKNOWN_SECTION, section->line, section->kind, "[gateway] [facility CODE] [source NAME] [link NAME] [signer NAME]", e);
}

/* A name that is given and leads nowhere, although every header of that kind is understood. */
static bool leads_nowhere(const struct build *b, const struct conf_section *section, enum named kind, const char *key, const char *name, int index)
{
    return name != NULL && index < 0 && !b->conf->header_unread && !b->doubtful[kind] && conf_sound(b->conf, section, key);
}

static int settle_facility(const struct build *b, size_t index, struct err *e)
{
    struct conf *conf = b->conf;
    struct settings *s = b->s;
    struct settings_facility *f = &s->facility[index];
    const struct conf_section *section = conf_find(conf, "facility", f->code);
    int r = 0;

    f->link_index = f->link == NULL ? -1 : settings_find_link(s, f->link);
    f->signer_index = f->signer == NULL ? -1 : settings_find_signer(s, f->signer);
    if (leads_nowhere(b, section, NAMED_LINK, "link", f->link, f->link_index))
        r = refuse(conf, section, "link", MSG_WORDS("the name of a [link NAME] section", "[link NAME] の節の名前"), e);
    if (r == 0 && leads_nowhere(b, section, NAMED_SIGNER, "signer", f->signer, f->signer_index))
        r = refuse(conf, section, "signer", MSG_WORDS("the name of a [signer NAME] section", "[signer NAME] の節の名前"), e);
    if (r == 0 && f->signing == SIGNING_REQUIRE && conf_given(conf, section, "signing") && f->signer == NULL && !section->unread)
        r = refuse(conf, section, "signer", MSG_WORDS("signing = require needs a signer", "signing = require には signer が要ります"), e);
    if (r == 0 && (settings_find_facility(s, f->code) != (int)index || (f->second_code != NULL && settings_find_facility(s, f->second_code) != (int)index)))
        r = refuse(conf, section, "second_code", MSG_WORDS("a code that no other facility has", "他の facility にない番号"), e);
    return r;
}

static int settle_references(const struct build *b, struct err *e)
{
    struct settings *s = b->s;
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->facilities; i++)
        r = settle_facility(b, i, e);
    for (size_t i = 0; r == 0 && i < s->sources; i++) {
        const struct conf_section *section = conf_find(b->conf, "source", s->source[i].name);
        s->source[i].facility_index = s->source[i].facility == NULL ? -1 : settings_find_facility(s, s->source[i].facility);
        if (leads_nowhere(b, section, NAMED_FACILITY, "facility", s->source[i].facility, s->source[i].facility_index))
            r = refuse(b->conf, section, "facility", MSG_WORDS("the code of a [facility CODE] section", "[facility CODE] の節の番号"), e);
    }
    return r;
}

static int parse(const char *file, const char *bytes, size_t len, struct arena *arena, const struct conf_faults *faults, struct settings **ret_settings, struct err *e)
{
    struct settings *s = arena_alloc(arena, sizeof *s);
    struct conf_section none = { .kind = "gateway", .name = "", .line = 1 };
    struct build b = { .arena = arena, .s = s };
    struct conf *conf = NULL;
    char *copy = arena_strndup(arena, bytes, len);
    int r;

    if (s == NULL || copy == NULL || (s->file = arena_strdup(arena, file)) == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, file, "settings", NULL);
    r = conf_parse(file, copy, len, arena, faults, &conf, e);
    b.conf = conf;
    if (r == 0 && conf_find(conf, "gateway", NULL) == NULL)
        r = add_gateway(&b, &none, e);
    for (const struct conf_section *section = r == 0 ? conf->sections : NULL; r == 0 && section != NULL; section = section->next)
        if (section->kind[0] != '\0' || section->lines != NULL)
            r = add_section(&b, section, e);
    if (r == 0)
        r = settle_references(&b, e);
    if (r == 0 && conf->told > 0)
        r = ERR_INVALID;
    if (r == 0)
        *ret_settings = s;
    return r;
}

int settings_parse(const char *file, const char *bytes, size_t len, struct arena *arena, struct settings **ret_settings, struct err *e)
{
    return parse(file, bytes, len, arena, NULL, ret_settings, e);
}

int settings_load_gateway(const char *path, struct arena *arena, struct settings **ret_settings, struct err *e)
{
    const struct conf_section *section;
    struct conf_section none = { .kind = "gateway", .name = "", .line = 1 };
    struct settings *s = arena_alloc(arena, sizeof *s);
    struct conf *conf = NULL;
    struct buf text;
    char *copy = NULL;
    int r;

    buf_init(&text, FILE_MAX);
    r = file_read(AT_FDCWD, path, FILE_MAX, &text, e);
    if (r == 0 && (s == NULL || (copy = arena_strndup(arena, text.data, text.len)) == NULL || (s->file = arena_strdup(arena, path)) == NULL))
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, path, "settings", NULL);
    if (r == 0)
        r = conf_parse(path, copy, text.len, arena, NULL, &conf, e);
    section = r == 0 ? conf_find(conf, "gateway", "") : NULL;
    if (r == 0)
        r = add_gateway(&(struct build){ .conf = conf, .arena = arena, .s = s }, section == NULL ? &none : section, e);
    if (r == 0)
        *ret_settings = s;
    buf_free(&text);
    return r;
}

int settings_load(const char *path, struct arena *arena, struct settings **ret_settings, struct err *e)
{
    return settings_load_telling(path, arena, NULL, ret_settings, e);
}

int settings_load_fd(int fd, const char *file, struct arena *arena, const struct conf_faults *faults, struct settings **ret_settings, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, FILE_MAX);
    r = file_read_fd(fd, FILE_MAX, &text, e);
    if (r == 0)
        r = parse(file, text.data, text.len, arena, faults, ret_settings, e);
    buf_free(&text);
    return r;
}

int settings_load_telling(const char *path, struct arena *arena, const struct conf_faults *faults, struct settings **ret_settings, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, FILE_MAX);
    r = file_read(AT_FDCWD, path, FILE_MAX, &text, e);
    if (r == 0)
        r = parse(path, text.data, text.len, arena, faults, ret_settings, e);
    buf_free(&text);
    return r;
}

#define FIND(function, list, count, member) \
    int function(const struct settings *s, const char *name) \
    { \
        for (size_t i = 0; i < s->count; i++) \
            if (strcmp(s->list[i].member, name) == 0) \
                return (int)i; \
        return -1; \
    }

FIND(settings_find_link, link, links, name)
FIND(settings_find_signer, signer, signers, name)
FIND(settings_find_source, source, sources, name)

int settings_find_facility(const struct settings *s, const char *code)
{
    for (size_t i = 0; i < s->facilities; i++)
        if (strcmp(s->facility[i].code, code) == 0 || (s->facility[i].second_code != NULL && strcmp(s->facility[i].second_code, code) == 0))
            return (int)i;
    return -1;
}

int settings_secret_open(const char *name)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    int dir, fd;

    if (name == NULL)
        return -1;
    if (name[0] == '/')
        return open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (credentials == NULL || strchr(name, '/') != NULL || (dir = dir_open(AT_FDCWD, credentials, NULL)) < 0)
        return -1;
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    close(dir);
    return fd;
}

int settings_secret_read(int fd, const char *name, struct buf *ret_secret, struct err *e)
{
    int r = fcntl(fd, F_GETFD) < 0 ? err_set(e, ERR_NOTFOUND, MSG_CONF_NO_SECRET, name, name, NULL) : file_read_fd(fd, 4096, ret_secret, e);

    while (r == 0 && ret_secret->len > 0 && (ret_secret->data[ret_secret->len - 1] == '\n' || ret_secret->data[ret_secret->len - 1] == '\r'))
        ret_secret->data[--ret_secret->len] = '\0';
    return r;
}

int settings_profile_missing(const struct settings *s, const struct settings_link *link, struct err *e)
{
    char place[ERR_PLACE_MAX], there[ERR_ARG_MAX] = "";
    size_t used = 0;
    DIR *dir = e->sys_errno == ENOENT ? opendir(s->profile_dir) : NULL;

    if (e->sys_errno != ENOENT)
        return e->code;
    for (const struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        size_t len = strlen(d->d_name), stem = len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0 ? len - 5 : 0;
        if (stem > 0 && used + stem + 3 < sizeof there)
            used += (size_t)snprintf(there + used, sizeof there - used, "%s%.*s", used > 0 ? ", " : "", (int)stem, d->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    if (used == 0) /* the folder is what is missing */
        return e->code;
    snprintf(place, sizeof place, "%s:%u", s->file, link->line);
    return err_set(e, ERR_INVALID, MSG_CONF_BAD_VALUE, place, "profile", there);
}
