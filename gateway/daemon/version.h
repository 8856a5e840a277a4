/* version.h - the version of the product, in one place. */
#ifndef DAEMON_VERSION_H
#define DAEMON_VERSION_H

#define CLINSGW_VERSION "0.1.0"

/* 2025-01-01 UTC: the interfaces that this version speaks are younger, so no clock that shows an earlier time is right. */
#define CLINSGW_EARLIEST_MS 1735689600000

#endif
