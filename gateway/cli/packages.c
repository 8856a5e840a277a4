/*
 * NAME
 *      packages - where clinsgw keeps FHIR packages
 *
 * DESCRIPTION
 *      --folder, else fhir_dir of the configuration where this user can read it or may make it, else the user's cache ($XDG_CACHE_HOME/clinsgw or
 *      ~/.cache/clinsgw): a vendor checks files on a machine without a gateway. Where the folder can be read and not written, what is compiled for this user alone is
 *      kept in the cache.
 */
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

const char *cli_package_cache(struct cli *c)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (cache != NULL && cache[0] == '/')
        return arena_printf(c->arena, "%s/clinsgw", cache);
    return home != NULL && home[0] == '/' ? arena_printf(c->arena, "%s/.cache/clinsgw", home) : NULL;
}

const char *cli_package_folder(struct cli *c)
{
    const char *given = cli_value(c, "folder"), *cache;
    const char *folder = c->settings != NULL && c->settings->fhir_dir != NULL ? c->settings->fhir_dir : "/var/lib/clinsgw/fhir";

    if (given != NULL)
        return given;
    if (access(folder, R_OK | X_OK) == 0 || (c->settings != NULL && geteuid() == 0))
        return folder;
    cache = cli_package_cache(c);
    return cache != NULL ? cache : folder;
}
