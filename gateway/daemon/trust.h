/*
 * trust.h - reads the trust folders of the configuration (trust_dir, intermediate_dir, crl_dir) into one struct sign_trust.
 *
 * Used by the convert workers (judging signatures) and the sign door (completing the chain, refusing a revoked signer). Every file of a folder
 * counts, DER or PEM; names that begin with '.' are skipped. A folder that is not configured is fine.
 */
#ifndef DAEMON_TRUST_H
#define DAEMON_TRUST_H

#include "daemon/settings.h"
#include "sign/sign.h"

/* ERR_IO, ERR_NOTFOUND, ERR_SYNTAX with the place of the file. trust may hold a part of it after a failure. */
int trust_load(const struct settings *settings, struct sign_trust *trust, struct err *e);

#endif
