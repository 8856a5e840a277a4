/* version.h - the version of the product, in one place. */
#ifndef DAEMON_VERSION_H
#define DAEMON_VERSION_H

#define CLINSGW_VERSION "0.1.0"

#endif
