/*
 * NAME
 *      cmd_change - clinsgw retry, cancel, resolve, release, acknowledge, pause, resume, backup
 *
 * DESCRIPTION
 *      All of them are done by the running desk, which also writes who asked.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

int cli_change(struct cli *c)
{
    return cli_ask(c, NULL, NULL);
}

/* The desk has another working directory. */
int cli_backup(struct cli *c)
{
    char here[PATH_MAX];

    if (c->plain[0][0] != '/') {
        if (getcwd(here, sizeof here) == NULL || (c->plain[0] = arena_printf(c->arena, "%s/%s", here, c->plain[0])) == NULL)
            return cli_say(c, CLI_FAILED, MSG_NOMEM, "backup", NULL);
    }
    return cli_ask(c, NULL, NULL);
}
