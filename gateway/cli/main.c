/*
 * NAME
 *      clinsgw - ask and steer the gateway
 *
 * SYNOPSIS
 *      clinsgw [--config FILE] [--lang ja|en] [--json] COMMAND [ARGUMENTS]
 *
 * DESCRIPTION
 *      Most commands go to the running clinsgwd over its control socket; status, list, show and export read the store themselves when it is stopped;
 *      validate, check-config and doctor run here. See clinsgw(1).
 *
 * DIAGNOSTICS
 *      Exit status as in cli.h. Sentences carry stable codes.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "daemon/version.h"

/* options: names with a leading space; "=" = takes a value. Plain arguments: from min to max. */
static const struct command {
    const char *name;
    int (*run)(struct cli *);
    const char *options;
    size_t min, max;
    bool settings;
    const char *usage, *help[2];
} commands[] = {
    { "status", cli_status, " html", 0, 0, true, "status [--html]", { "いまの状態（終了コード 0 OK、1 注意、2 停止、3 未起動）", "the state of things (exit 0 OK, 1 WARNING, 2 STOPPED, 3 not running)" } },
    { "list", cli_list, " state= facility= source= limit=", 0, 0, true, "list [--state S] [--facility C] [--source S] [--limit N]", { "送信の一覧（新しい順）", "messages, newest first" } },
    { "uncoded", cli_list, " facility= source= limit=", 0, 0, true, "uncoded [--facility C] [--source S] [--limit N]", { "標準コードがなく未コードで送った項目（コード対応表の作業一覧）", "terms sent without a standard code: the work list for the code map" } },
    { "show", cli_show, "", 1, 1, true, "show ID", { "一件の全経過", "the whole story of one" } },
    { "retry", cli_change, "", 1, 1, true, "retry ID", { "拒否されたものを元ファイルからやり直す", "convert the original of a refused or rejected one anew" } },
    { "cancel", cli_change, "", 1, 1, true, "cancel ID", { "登録を取り消す", "cancel a registration" } },
    { "resolve", cli_change, " done not-done", 1, 1, true, "resolve ID --done|--not-done", { "届いたか不明の送信の結果を人が入れる", "enter what stands at the service for an unknown one" } },
    { "release", cli_change, " drop", 1, 1, true, "release ID [--drop]", { "復元後に保留したファイルを進める（--drop: やめる）", "let a file held after a restore go on (--drop: reject it)" } },
    { "acknowledge", cli_change, "", 1, 1, true, "acknowledge NUMBER", { "食い違いの警報を確認済みにする", "end the alarm of an incident" } },
    { "pause", cli_change, "", 0, 0, true, "pause", { "送信を一時停止する", "stop sending" } },
    { "resume", cli_change, " clock", 0, 0, true, "resume [--clock]", { "送信を再開する（--clock: 時計が正しいことを確かめた）", "go on sending (--clock: the clock was compared and is right)" } },
    { "sign", cli_sign, " force-final-try", 0, 1, true, "sign [SIGNER] [--force-final-try]", { "待っている文書に署名する（暗証番号は端末で入力）", "sign what waits; the PIN is asked at the terminal" } },
    { "export", cli_export, " what= output=", 1, 1, true, "export ID --what original|bundle|signed|jws|canonical|request|answer [-o FILE]", { "保管した内容を取り出す（患者情報を含みます）", "stored bytes (they hold patient data)" } },
    { "validate", cli_validate, " reading= format= profile= set= package= no-default-packages masters= folder= jobs=", 1, CLI_ARGS_MAX, false,
      "validate [--reading hl7|service] [--profile URL] [--set NAME] [--package FILE]... [--no-default-packages] [--masters FOLDER] [--folder FOLDER] [--jobs N] [--format text|json|jsonl|operationoutcome] FILE...",
      { "FHIR インスタンスを検査する（- は標準入力。終了コード 0 適合、1 不適合、2 検査不能）", "check FHIR instances (- is standard input; exit 0 valid, 1 invalid, 2 not checked)" } },
    { "package", cli_package, " set= folder=", 1, CLI_ARGS_MAX, false, "package add FILE... | list | use --set NAME FILE... | remove FILE... | remove --set NAME | refresh [--folder DIR]",
      { "FHIR パッケージとそのセットを管理する", "FHIR packages and the sets made of them" } },
    { "backup", cli_backup, "", 1, 1, true, "backup FOLDER", { "記録のバックアップを作る", "make a consistent copy of the store" } },
    { "check-config", cli_check_config, "", 0, 1, false, "check-config [FILE]", { "設定の誤りを調べる", "say what is wrong with the configuration" } },
    { "doctor", cli_doctor, " after-restore", 0, 0, true, "doctor [--after-restore]", { "設置の問題を調べる（--after-restore: 復元後に必ず実行）", "look for what is wrong (--after-restore: a step of every restore)" } },
};

/* Of all commands, or of the one. */
static void usage(const struct cli *c, const struct command *one, FILE *to)
{
    fprintf(to, "clinsgw [--config FILE] [--lang ja|en] [--json] COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (one == NULL || one == &commands[i])
            fprintf(to, "  clinsgw %s\n      %s\n", commands[i].usage, commands[i].help[c->lang]);
    fprintf(to, "\n%s\n", c->lang == LANG_JA ? "ID: 番号 42、依頼 r7、Bundle-ID、request_id、または uuid の先頭 8 文字以上。詳しくは man clinsgw"
                                              : "ID: a number (42), a request (r7), a Bundle-ID, a request_id, or 8 or more characters of a uuid. More: man clinsgw");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Is the option in the list, and does it take a value? */
static bool allowed(const char *list, const char *name, size_t len, bool *ret_value)
{
    for (const char *at = list; (at = strstr(at, name)) != NULL; at++)
        if (at > list && at[-1] == ' ' && (at[len] == ' ' || at[len] == '\0' || at[len] == '=')) {
            *ret_value = at[len] == '=';
            return true;
        }
    return false;
}

static const char common[] = " config= lang= json help version";

/* One argument that begins with "--"; moves *at over the value where it stands apart. 0 or CLI_USAGE. */
static int take_option(struct cli *c, const struct command *cmd, int argc, char **argv, int *at)
{
    const char *arg = argv[*at] + 2, *equals = strchr(arg, '='), *value = equals == NULL ? NULL : equals + 1;
    char name[32] = "";
    size_t len = equals == NULL ? strlen(arg) : (size_t)(equals - arg);
    bool takes = false;

    if (len > 0 && len < sizeof name)
        memcpy(name, arg, len);
    if (name[0] == '\0' || c->options == CLI_OPTIONS_MAX || (!allowed(common, name, len, &takes) && (cmd == NULL || !allowed(cmd->options, name, len, &takes))))
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, argv[*at], NULL);
    if (takes && value == NULL)
        value = *at + 1 < argc ? argv[++*at] : NULL;
    if (takes == (value == NULL))
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, argv[*at], NULL);
    arg = arena_strdup(c->arena, name);
    if (arg == NULL)
        return cli_say(c, CLI_FAILED, MSG_NOMEM, "clinsgw", NULL);
    c->option[c->options++] = (struct cli_option){ arg, value };
    return 0;
}

static int parse(struct cli *c, int argc, char **argv, const struct command **ret_command)
{
    bool only_plain = false;
    int r = 0;

    c->plain = arena_array(c->arena, (size_t)argc, sizeof *c->plain);
    if (c->plain == NULL)
        return cli_say(c, CLI_FAILED, MSG_NOMEM, "clinsgw", NULL);
    for (int i = 1; i < argc && r == 0; i++) {
        char output[] = "--output";
        char *moved[2] = { output, i + 1 < argc ? argv[i + 1] : NULL };
        int one = 0;
        if (!only_plain && strcmp(argv[i], "--") == 0) {
            only_plain = true;
        } else if (!only_plain && strcmp(argv[i], "-o") == 0) {
            r = take_option(c, *ret_command, moved[1] == NULL ? 1 : 2, moved, &one);
            i++;
        } else if (!only_plain && strncmp(argv[i], "--", 2) == 0) {
            r = take_option(c, *ret_command, argc, argv, &i);
        } else if (*ret_command == NULL) {
            *ret_command = find_command(argv[i]);
            if (*ret_command == NULL)
                r = cli_say(c, CLI_USAGE, MSG_CLI_USAGE, argv[i], NULL);
        } else {
            c->plain[c->plains++] = argv[i];
        }
    }
    return r;
}

/* Language: --lang, else the configuration's; for sentences before it is read that of the locale. */
static int settle_language(struct cli *c)
{
    const char *lang = cli_value(c, "lang");

    if (lang != NULL && strcmp(lang, "ja") != 0 && strcmp(lang, "en") != 0)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, lang, NULL);
    if (lang != NULL)
        c->lang = strcmp(lang, "en") == 0 ? LANG_EN : LANG_JA;
    else if (c->settings != NULL)
        c->lang = (enum msg_lang)c->settings->language;
    return 0;
}

static int load_settings(struct cli *c, const struct command *cmd)
{
    struct err e = ERR_INIT;

    if (cmd->settings && settings_load(c->config, c->arena, &c->settings, &e) < 0) {
        bool asks = cmd->run == cli_status || cmd->run == cli_list || cmd->run == cli_show || cmd->run == cli_change;
        if (!asks || settings_load_gateway(c->config, c->arena, &c->settings, NULL) < 0)
            return cli_say_err(c, CLI_CONFIG, &e);
        if (!c->json) /* a reload has refused this file: what runs goes on with the one before it, and answers */
            (void)cli_say_err(c, CLI_CONFIG, &e);
    }
    if (!cmd->settings) /* for the language, and for where packages and masters are: a wrong file is check-config's concern */
        (void)settings_load(c->config, c->arena, &c->settings, NULL);
    return settle_language(c);
}

static int run(struct cli *c, int argc, char **argv)
{
    const struct command *cmd = NULL;
    int r = parse(c, argc, argv, &cmd);

    if (r != 0)
        return r;
    c->json = cli_has(c, "json");
    if (cli_value(c, "config") != NULL)
        c->config = cli_value(c, "config");
    r = settle_language(c);
    if (r != 0)
        return r;
    if (cli_has(c, "version")) {
        printf("clinsgw %s\n", CLINSGW_VERSION);
        return CLI_DONE;
    }
    if (cli_has(c, "help")) {
        usage(c, cmd, stdout);
        return CLI_DONE;
    }
    if (cmd == NULL || c->plains < cmd->min || c->plains > cmd->max) {
        if (cmd == NULL)
            usage(c, NULL, stderr);
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, cmd == NULL ? "clinsgw" : cmd->usage, NULL);
    }
    c->verb = cmd->name;
    r = load_settings(c, cmd);
    return r != 0 ? r : cmd->run(c);
}

int main(int argc, char **argv)
{
    static struct cli c; /* the program's own state */
    const char *locale = getenv("LC_ALL") != NULL ? getenv("LC_ALL") : getenv("LANG");
    int r;

    (void)signal(SIGPIPE, SIG_IGN);
    c.config = "/etc/clinsgw/clinsgw.conf";
    c.lang = locale != NULL && strncmp(locale, "en", 2) == 0 ? LANG_EN : LANG_JA;
    c.arena = arena_new(16 << 20);
    if (c.arena == NULL)
        return cli_say(&c, CLI_FAILED, MSG_NOMEM, "clinsgw", NULL);
    r = run(&c, argc, argv);
    arena_free(c.arena);
    if (fflush(stdout) != 0 && r == 0)
        r = CLI_FAILED;
    return r;
}
