/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"

/* A terminal in line mode gives no more than this at once and drops the rest without a word. */
#ifdef __linux__
#define LINE_LIMIT 4095
#else
#define LINE_LIMIT 1023
#endif

static bool stdin_taken;

/* --- a terminal without echo ------------------------------------------------------------------ */

/* Signals that would leave the terminal without echo if they ended or stopped us meanwhile. */
static const int held_signals[] = { SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGTSTP };
#define HELD (sizeof(held_signals) / sizeof(*held_signals))

struct silence {
	int fd;
	struct termios was;
	struct sigaction actions[HELD];
	sigset_t
	    mask; /* before: with the signals that are held blocked, none is missed before a read */
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* Put everything back, then let the signal that came meanwhile do what it does. */
static void silence_end(struct silence *s)
{
	int number = caught;

	tcsetattr(s->fd, TCSAFLUSH, &s->was);
	for (size_t i = 0; i < HELD; i++)
		sigaction(held_signals[i], &s->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	if (number != 0)
		raise(number);
}

static int silence_begin(struct silence *s, int fd, struct err *err)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct termios quiet;
	sigset_t held;

	s->fd = fd;
	if (tcgetattr(fd, &s->was) != 0)
		return err_sys(err, "the terminal cannot be silenced");
	caught = 0;
	sigemptyset(&sa.sa_mask);
	sigemptyset(&held);
	for (size_t i = 0; i < HELD; i++)
		sigaddset(&held, held_signals[i]);
	sigprocmask(SIG_BLOCK, &held, &s->mask);
	for (size_t i = 0; i < HELD; i++)
		sigaction(held_signals[i], &sa, &s->actions[i]);
	quiet = s->was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0)
		return 0;
	err_sys(err, "the terminal cannot be silenced");
	silence_end(s);
	return -1;
}

/* Wait until there is something to read; -1 with errno EINTR when a signal came, also before. */
static int silence_wait(const struct silence *s)
{
	fd_set fds;

	if (s->fd >= FD_SETSIZE) {
		errno = EBADF;
		return -1;
	}
	FD_ZERO(&fds);
	FD_SET(s->fd, &fds);
	return pselect(s->fd + 1, &fds, NULL, NULL, NULL, &s->mask) < 0 ? -1 : 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int terminal_open(struct err *err)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		err_set(err, ERR_IO, "there is no terminal to ask at");
	return fd;
}

bool input_terminal(void)
{
	int fd = terminal_open(NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void say(int fd, const char *text, const char *rest)
{
	struct buf line = BUF_INIT;

	out_escape_lines(&line, text);
	buf_puts(&line, rest);
	file_write_fd(fd, line.data, line.len, NULL);
	buf_clear(&line);
}

/* One line without its newline.  -1 with errno EINTR when a signal came. */
static int read_line(const struct silence *s, int fd, struct buf *out)
{
	char c = '\0';
	ssize_t n = -1;

	buf_reset(out);
	while ((s == NULL || silence_wait(s) == 0) && (n = read(fd, &c, 1)) == 1 && c != '\n') {
		buf_putc(out, (unsigned char)c);
		n = -1;
	}
	mem_wipe(&c, sizeof(c));
	return n < 0 ? -1 : 0;
}

static int ask_silently(int fd, const char *what, const char *rest, struct buf *out,
			struct err *err)
{
	struct silence s;
	int r, saved;

	do {
		/* before the prompt: what is typed from then on is neither shown nor lost */
		if (silence_begin(&s, fd, err) != 0)
			return -1;
		say(fd, what, rest);
		r = read_line(&s, fd, out);
		saved = errno;
		silence_end(&s); /* after a stop and "fg" we ask again */
	} while (r != 0 && saved == EINTR);
	errno = saved;
	if (r != 0)
		return err_sys(err, "the terminal cannot be read");
	if (out->len == 0)
		return err_set(err, ERR_INVALID, "%s: nothing was typed", what);
	if (out->len >= LINE_LIMIT)
		return err_set(err, ERR_INVALID,
			       "%s: longer than a terminal line can be (%d bytes); use a file",
			       what, LINE_LIMIT);
	return 0;
}

static int ask_again(int fd, const char *what, const struct buf *first, struct err *err)
{
	struct buf second = BUF_INIT;
	int r = ask_silently(fd, what, ", once more: ", &second, err);

	if (r == 0 &&
	    (second.len != first->len || memcmp(buf_str(&second), buf_str(first), first->len) != 0))
		r = err_set(err, ERR_INVALID, "%s: what was typed first and then is not the same",
			    what);
	buf_clear(&second);
	return r;
}

int input_prompt(const char *what, bool twice, struct buf *out, struct err *err)
{
	int fd = terminal_open(err), r;

	if (fd < 0)
		return err_wrap(err, "%s", what);
	r = ask_silently(fd, what, ": ", out, err);
	if (r == 0 && twice)
		r = ask_again(fd, what, out, err);
	if (r != 0)
		buf_clear(out);
	close(fd);
	return r;
}

int input_confirm(const char *text, bool *yes, struct err *err)
{
	struct buf line = BUF_INIT;
	int fd = terminal_open(err), r;

	*yes = false;
	if (fd < 0)
		return -1;
	say(fd, text, " [y/N] ");
	do
		r = read_line(NULL, fd, &line);
	while (r != 0 && errno == EINTR);
	if (r != 0)
		err_sys(err, "the terminal cannot be read");
	else
		*yes = strcmp(buf_str(&line), "y") == 0 || strcmp(buf_str(&line), "yes") == 0;
	buf_clear(&line);
	close(fd);
	return r;
}

int input_show(const struct buf *text, struct err *err)
{
	int fd = terminal_open(NULL);
	int r = file_write_fd(fd >= 0 ? fd : STDERR_FILENO, text->data, text->len, err);

	if (fd >= 0)
		close(fd);
	return r;
}

int input_passphrase(void *ctx, const char *what, struct buf *out, struct err *err)
{
	char *prompt = mem_printf("passphrase of %s", what);
	int r = input_prompt(prompt, false, out, err);

	(void)ctx;
	mem_free(prompt);
	return r;
}

/* --- files and standard input ----------------------------------------------------------------- */

bool input_stdin_is_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/* Unlike file_read_fd, it stops at a signal, so that Ctrl-C works. */
static int read_all(const struct silence *s, int fd, size_t max, struct buf *out, struct err *err)
{
	buf_reset(out);
	for (;;) {
		size_t had = out->len;
		unsigned char *to = buf_reserve(out, LINE_LIMIT + 1);
		ssize_t n = s != NULL && silence_wait(s) != 0 ? -1
			    : to != NULL		      ? read(fd, to, LINE_LIMIT + 1)
							      : 0;

		buf_truncate(out, had + (n > 0 ? (size_t)n : 0));
		if (n < 0)
			return err_sys(err, "standard input: cannot read");
		if (out->len > max || to == NULL)
			return err_set(err, ERR_INVALID, "standard input: larger than %zu bytes",
				       max);
		if (n == 0)
			return 0;
	}
}

static int read_stdin_silently(const char *what, size_t max, struct buf *out, struct err *err)
{
	struct silence s;
	int r;

	if (silence_begin(&s, STDIN_FILENO, err) != 0)
		return -1;
	out_note("reading %s from the terminal, unseen; end it with Ctrl-D on a line of its own",
		 what);
	r = read_all(&s, STDIN_FILENO, max, out, err);
	silence_end(&s);
	if (r != 0)
		buf_clear(out);
	return r;
}

int input_read(const char *path, const char *what, size_t max, struct buf *out, struct err *err)
{
	if (strcmp(path, "-") != 0)
		return file_read(path, max, 0, out, NULL, err);
	if (stdin_taken)
		return err_set(err, ERR_USAGE,
			       "standard input (\"-\") is given twice; it can be read once only");
	stdin_taken = true;
	if (isatty(STDIN_FILENO))
		return read_stdin_silently(what, max, out, err);
	return file_read_fd(STDIN_FILENO, "standard input", max, out, err);
}
