/*
 * link_private.h - what the back ends of this room share; no other room includes it.
 */
#ifndef LINK_PRIVATE_H
#define LINK_PRIVATE_H

#include "link/link.h"

/* First member of every back end's own struct. */
struct link {
    const struct link_ops *ops;
    const struct exchange_profile *profile;
    char host[EXCHANGE_HOST_MAX + 1];
    void (*fact)(void *user, const struct link_fact *fact);
    void *user;
};

/* Checks and copies what all back ends have in common. ERR_INVALID. */
int link_init(struct link *link, const struct link_ops *ops, const struct link_options *options, struct err *e);
/* Reports a fact. */
void link_tell(const struct link *link, const struct link_fact *fact);
/* MSG_LINK_OPTION for an option that is missing or wrong. */
int link_bad_option(struct err *e, const char *option, const char *why);

#endif
