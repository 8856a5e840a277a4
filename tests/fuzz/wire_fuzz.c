/* Any packet into the check of messages; whatever passes is read through every accessor, as the desk would. A door may have been taken over by its input. */
#include <string.h>
#include "daemon/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_text(const char *text)
{
    return strlen(text);
}

static size_t read_group(const struct wire_group *group, enum wire_field field)
{
    struct bytes bytes;

    switch (wire_field_table[field].kind) {
    case WIRE_NUMBER: return (size_t)wire_group_u64(group, field) & 1;
    case WIRE_TEXT: return read_text(wire_group_text(group, field));
    case WIRE_BYTES:
        bytes = wire_group_bytes(group, field);
        return bytes.len == 0 ? 0 : (size_t)(unsigned char)bytes.data[bytes.len - 1];
    case WIRE_FD:
        if (!wire_group_inside(group, field, &bytes))
            return (size_t)(wire_group_take_fd(group, field) + 1);
        if (bytes.len > wire_field_table[field].max)
            __builtin_trap();
        return bytes.len == 0 ? 0 : (size_t)(unsigned char)bytes.data[bytes.len - 1];
    default: return wire_group_has(group, field);
    }
}

static size_t read_repeated(struct wire_in *in, enum wire_field field)
{
    struct wire_group cursor = wire_first(in), group;
    const char *text;
    size_t sum = 0;

    switch (wire_field_table[field].kind) {
    case WIRE_TEXT:
        while (wire_next_text(&cursor, field, &text))
            sum += read_text(text);
        break;
    case WIRE_GROUP:
        while (wire_next_group(&cursor, field, &group))
            for (const struct wire_rule *rule = wire_field_table[field].group; rule->field != F_NONE; rule++)
                sum += read_group(&group, rule->field);
        break;
    default:
        group = wire_first(in);
        sum += read_group(&group, field);
    }
    return sum;
}

/* Bytes of the input, 0 behind its end. */
struct source { const uint8_t *data; size_t size, at; };

static uint8_t take(struct source *s)
{
    return s->at < s->size ? s->data[s->at++] : 0;
}

static void put_field(struct wire_out *out, enum wire_field field, struct source *s)
{
    const struct wire_field_info *info = &wire_field_table[field];
    char text[32];
    size_t len = take(s) % (info->max < sizeof text ? info->max + 1 : sizeof text);

    switch (info->kind) {
    case WIRE_NUMBER: wire_put_u64(out, field, take(s)); break;
    case WIRE_FD:
        memset(text, 'a' + take(s) % 26, sizeof text);
        if ((take(s) & 1) == 0 || !wire_put_inside(out, field, (struct bytes){ text, take(s) % sizeof text }))
            wire_put_fd(out, field, 0);
        break;
    case WIRE_GROUP:
        wire_group_begin(out, field);
        for (const struct wire_rule *rule = info->group; rule->field != F_NONE; rule++)
            if (rule->count == WIRE_ONE || (take(s) & 1))
                put_field(out, rule->field, s);
        wire_group_end(out);
        break;
    default:
        memset(text, 'a' + take(s) % 26, sizeof text);
        text[len < sizeof text ? len : sizeof text - 1] = '\0';
        if (info->kind == WIRE_TEXT)
            wire_put_text(out, field, text);
        else
            wire_put_bytes(out, field, text, len);
    }
}

/* A message of the table, then some of its bytes changed: what gets far is more often wrong in one place than in all. */
static void compose(struct wire_in *in, struct source *s)
{
    static struct wire_out out;
    enum wire_type type = (enum wire_type)(1 + take(s) % (WIRE_TYPE_COUNT - 1));

    wire_begin(&out, type);
    for (const struct wire_rule *rule = wire_type_table[type].rules; rule->field != F_NONE; rule++)
        for (int n = rule->count == WIRE_ONE ? 1 : take(s) % (rule->count == WIRE_MANY ? 4 : 2); n > 0; n--)
            put_field(&out, rule->field, s);
    memcpy(in->packet, out.packet, out.len);
    in->len = out.len;
    in->fds = out.fds;
    while (s->at + 3 <= s->size && in->len > 0) {
        size_t at = (size_t)take(s) << 8 | take(s);
        in->packet[at % in->len] ^= take(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_in in; /* 96 KiB: too large for each call's stack under a sanitizer */
    struct source s = { data, size, 1 };
    size_t sum = 0;
    enum wire_type type;

    if (size < 1 || size - 1 > sizeof in.packet)
        return 0;
    memset(&in, 0, sizeof in);
    if (data[0] & 0x80) {
        compose(&in, &s);
    } else {
        in.fds = data[0] % (WIRE_FDS_MAX + 1);
        in.len = size - 1;
        memcpy(in.packet, data + 1, in.len);
    }
    for (size_t i = 0; i < in.fds; i++)
        in.fd[i] = -1; /* nothing is opened or closed */
    if (wire_check(in.packet, in.len, in.fds, &type, NULL) < 0)
        return 0;
    if (type <= WIRE_NONE || type >= WIRE_TYPE_COUNT)
        __builtin_trap();
    in.type = type;
    for (const struct wire_rule *rule = wire_type_table[type].rules; rule->field != F_NONE; rule++) {
        if (rule->count == WIRE_ONE && !wire_has(&in, rule->field))
            __builtin_trap();
        sum += read_repeated(&in, rule->field);
    }
    return sum == SIZE_MAX; /* every value was looked at */
}
