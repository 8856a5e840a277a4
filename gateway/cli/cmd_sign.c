/*
 * NAME
 *      cmd_sign - clinsgw sign: one sitting at the card
 *
 * DESCRIPTION
 *      The desk passes the connection on to the process that holds the card; that asks for the PIN, and this program reads it at the terminal with
 *      the echo off. It goes into one packet and is wiped; it is never an argument and never in the environment. The answer comes when everything that
 *      waited has been signed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "base/proc.h"
#include "cli/cli.h"

enum { PIN_MAX = 64, CTRL_C = 3, CTRL_D = 4, RUBOUT = 127 };

static void put(int tty, const char *text)
{
    if (write(tty, text, strlen(text)) < 0)
        return; /* the terminal went: reading will say so */
}

/* Prompts and reads one line without echo; keys are read one by one so that the terminal driver keeps no copy of the line. */
static int read_pin(int tty, const char *prompt, char *pin, size_t *ret_len)
{
    struct termios before, quiet;
    size_t n = 0;
    char key = 0;
    int r = 0;

    if (tcgetattr(tty, &before) < 0)
        return ERR_IO;
    quiet = before;
    quiet.c_lflag &= (tcflag_t)~(ECHO | ECHONL | ICANON | ISIG);
    if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
        return ERR_IO;
    put(tty, prompt); /* only now: what is typed at a prompt must not be seen */
    while (r == 0) {
        ssize_t got = read(tty, &key, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || key == CTRL_C || key == CTRL_D)
            r = ERR_CLOSED;
        else if (key == '\n' || key == '\r')
            break;
        else if (key == RUBOUT || key == '\b')
            n = n > 0 ? n - 1 : 0;
        else if (n == PIN_MAX)
            r = ERR_LIMIT;
        else
            pin[n++] = key;
    }
    OPENSSL_cleanse(&key, sizeof key);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    put(tty, "\n");
    if (r == 0 && n == 0)
        r = ERR_CLOSED;
    *ret_len = n;
    return r;
}

/* Tells what the card says about its tries. False: the last one was not asked for. */
static bool warn(struct cli *c)
{
    bool last = wire_u64(&c->in, F_FINAL_TRY) != 0, refused = last && !cli_has(c, "force-final-try");
    char text[512];

    if (refused)
        (void)cli_say(c, CLI_FAILED, MSG_CLI_PIN_LAST, NULL, NULL);
    else if (last || wire_u64(&c->in, F_LOW) != 0) {
        msg_format(last ? MSG_CLI_PIN_LAST : MSG_CLI_PIN_LOW, c->lang, NULL, NULL, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    return !refused;
}

static int answer_pin(struct cli *c, int fd)
{
    char pin[PIN_MAX], prompt[512];
    size_t len = 0;
    struct err e = ERR_INIT;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r;

    if (tty < 0)
        return cli_say(c, CLI_FAILED, MSG_CLI_NO_TERMINAL, NULL, NULL);
    snprintf(prompt, sizeof prompt, c->lang == LANG_JA ? "署名者 %.64s %.192s\n暗証番号 (PIN): " : "Signer %.64s %.192s\nPIN: ", wire_text(&c->in, F_SIGNER), wire_text(&c->in, F_TITLE));
    r = read_pin(tty, prompt, pin, &len);
    close(tty);
    if (r == 0) {
        wire_begin(&c->out, WIRE_PIN);
        wire_put_bytes(&c->out, F_PIN, pin, len);
        r = wire_send(fd, &c->out, &e);
    } else {
        r = err_set(&e, ERR_CLOSED, MSG_SIGN_PIN_FORM, NULL, NULL, NULL);
    }
    OPENSSL_cleanse(pin, sizeof pin);
    OPENSSL_cleanse(&c->out, sizeof c->out);
    return r < 0 ? cli_say_err(c, CLI_FAILED, &e) : CLI_DONE;
}

int cli_sign(struct cli *c)
{
    struct err e = ERR_INIT;
    int fd, code;

    (void)proc_no_core(NULL);
    fd = cli_connect(c, &e);
    if (fd < 0)
        return cli_say_err(c, fd == ERR_CLOSED ? CLI_NO_DESK : CLI_FAILED, &e);
    if (cli_send(c, fd, &e) < 0) {
        close(fd);
        return cli_say_err(c, CLI_FAILED, &e);
    }
    code = cli_receive(c, fd);
    if (code == CLI_DONE && c->in.type == WIRE_PIN_ASK) {
        code = warn(c) ? answer_pin(c, fd) : CLI_FAILED;
        wire_release(&c->in);
        if (code == CLI_DONE)
            code = cli_receive(c, fd);
    }
    if (code == CLI_DONE)
        code = cli_reply(c, NULL);
    close(fd);
    return code;
}
