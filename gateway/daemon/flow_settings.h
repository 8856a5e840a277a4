/*
 * flow_settings.h - settings and interface profiles as the state machine needs them: for the desk, and for `clinsgw doctor --after-restore`.
 *
 * profile[i] belongs to s->link[i]. Everything is copied. Cannot fail: settings were checked when they were loaded.
 */
#ifndef DAEMON_FLOW_SETTINGS_H
#define DAEMON_FLOW_SETTINGS_H

#include "daemon/settings.h"
#include "exchange/exchange.h"
#include "flow/flow.h"

void flow_settings(const struct settings *s, struct exchange_profile *const *profile, struct flow_config *ret_config);

#endif
