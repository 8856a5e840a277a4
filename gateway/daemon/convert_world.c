/*
 * NAME
 *      convert_world - what a worker loads before it is confined, and small helpers of its jobs
 */
#include <unistd.h>
#include "base/file.h"
#include "daemon/convert_work.h"
#include "daemon/trust.h"
#include "report/findings.h"

const struct exchange_profile *convert_profile(const struct door *door, const struct convert_world *world, const char *link)
{
    int i = settings_find_link(door->settings, link);
    return i < 0 ? NULL : world->profile[i];
}

int convert_map(int fd, struct bytes *ret_bytes, struct err *e)
{
    int r = memfd_map(fd, DOOR_PAYLOAD_MAX, ret_bytes, e);

    if (fd >= 0)
        close(fd);
    return r;
}

int convert_open(struct door *door, enum wire_field field, struct convert_payload *ret_payload, struct err *e)
{
    struct convert_payload payload = { .mapped = { NULL, 0 } };
    int r = 0;

    if (!wire_inside(&door->in, field, &payload.bytes)) {
        r = convert_map(wire_take_fd(&door->in, field), &payload.mapped, e);
        payload.bytes = payload.mapped;
    }
    if (r == 0)
        *ret_payload = payload;
    return r;
}

void convert_shut(struct convert_payload *payload)
{
    memfd_unmap(&payload->mapped);
}

int convert_put(struct wire_out *out, enum wire_field field, struct bytes content)
{
    int fd = -1;

    if (wire_put_inside(out, field, content))
        return fd;
    fd = memfd_seal("clinsgw-made", content.data, content.len, NULL);
    if (fd < 0)
        out->failed = ERR_NOMEM;
    wire_put_fd(out, field, fd);
    return fd;
}

int convert_put_findings(struct wire_out *out, const struct issue_list *issues, bool advice)
{
    struct buf text;
    int fd = -1;

    if (issues->count == 0)
        return -1;
    buf_init(&text, 8 << 20);
    if (findings_write(issues, advice, &text, NULL) == 0 && text.len > 2 /* "[]": nothing but advice */)
        fd = convert_put(out, F_ISSUES, buf_bytes(&text));
    buf_free(&text);
    return fd;
}

enum msg_id convert_verdict(const struct issue_list *issues)
{
    const struct issue *worst = findings_worst(issues);

    if (issues->failed)
        return MSG_NOMEM;
    if (issues->errors == 0)
        return MSG_NONE;
    return worst != NULL && worst->severity >= MSG_ERROR ? worst->msg : MSG_LIMIT;
}

/* Links of one interface version share its profile. */
static int load_profile(const struct settings *s, size_t link, struct convert_world *world, struct err *e)
{
    char path[4096];

    for (size_t i = 0; i < link; i++)
        if (strcmp(s->link[i].profile, s->link[link].profile) == 0) {
            world->profile[link] = world->profile[i];
            return 0;
        }
    snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, s->link[link].profile);
    return exchange_profile_load(path, &world->profile[link], e);
}

int convert_world_load(const struct settings *s, struct convert_world *ret_world, struct err *e)
{
    struct convert_world world = { .trust = sign_trust_new(), .session = validate_session_new(), .arena = arena_new(CONVERT_ARENA_MAX) };
    int r = world.trust == NULL || world.session == NULL || world.arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "convert", NULL) : 0;

    for (size_t i = 0; i < s->links && r == 0; i++)
        r = load_profile(s, i, &world, e);
    for (size_t i = 0; i < s->facilities && r == 0; i++)
        if (s->facility[i].code_map != NULL)
            r = code_map_load(s->facility[i].code_map, &world.map[i], e);
    if (r == 0 && s->fhir_set != NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s/sets/%s.image", s->fhir_dir, s->fhir_set);
        r = validate_set_open(path, &world.set, e);
        if (r == ERR_NOTFOUND)
            err_set(e, r, MSG_PACKAGE_SET_UNKNOWN, NULL, s->fhir_set, NULL);
    }
    if (r == 0 && s->master_dir != NULL)
        r = codes_masters_load(s->master_dir, &world.masters, e);
    world.terms = masters_terms(world.masters);
    if (r == 0)
        r = trust_load(s, world.trust, e);
    if (r == 0)
        *ret_world = world;
    return r;
}
