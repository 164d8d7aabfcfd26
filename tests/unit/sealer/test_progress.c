/* SPDX-License-Identifier: Apache-2.0 */
/* what is said of long work: as a text, on a terminal, beside one, and not at all */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/progress.h"

static const struct {
	const char *what;
	size_t total, done;
	int64_t ms;
	size_t columns;
	const char *text;
} texts[] = {
	{ "resealing", 10000, 4200, 0, 0, "resealing 4200/10000  42 %" },
	{ "resealing", 10000, 4200, 4200, 0, "resealing 4200/10000  42 %, about 6 s left" },
	{ "resealing", 10000, 4200, 4200, 80,
	  "resealing [##############....................] 4200/10000  42 %, about 6 s left" },
	{ "resealing", 10, 0, 0, 50, "resealing [...........................] 0/10  0 %" },
	{ "resealing", 10, 10, 9000, 50, "resealing [########################] 10/10  100 %" },
	/* a bar of more than forty says no more; one of less than ten says nothing */
	{ "x", 4, 1, 0, 200, "x [##########..............................] 1/4  25 %" },
	{ "resealing", 10, 5, 0, 30, "resealing 5/10  50 %" },
	{ "resealing", 10, 5, 0, 12, "resealing 5" },
	{ "resealing", 10, 5, 0, 1, "" },
	/* no guess from next to nothing */
	{ "x", 10000, 499, 60000, 0, "x 499/10000  4 %" },
	{ "x", 10000, 500, 60000, 0, "x 500/10000  5 %, about 19 min left" },
	{ "x", 10000, 9999, 1999, 0, "x 9999/10000  99 %" },
	/* how many there are is not known */
	{ "reading history", 0, 321, 5000, 60, "reading history 321" },
	/* a cut is between characters, not bytes */
	{ "äöüß", 0, 1, 0, 4, "äöü" },
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct progress p = { .total = texts[i].total, .done = texts[i].done };
		struct buf out = BUF_INIT;

		p.what = mem_str(texts[i].what);
		progress_text(&p, texts[i].ms, texts[i].columns, &out);
		assert_string_equal(buf_str(&out), texts[i].text);
		mem_free(p.what);
		buf_clear(&out);
	}
}

/* --- where standard error goes ------------------------------------------------------------------
 */

/* Standard error becomes the writing end of a pipe or of a terminal; what was written is read. */
struct end {
	int saved, reader;
};

static void redirect(struct end *e, int reader, int writer)
{
	fflush(stderr);
	e->saved = dup(STDERR_FILENO);
	e->reader = reader;
	assert_true(dup2(writer, STDERR_FILENO) >= 0);
	close(writer);
	fcntl(reader, F_SETFL, O_NONBLOCK);
}

static void to_pipe(struct end *e)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	redirect(e, fds[0], fds[1]);
}

static void to_terminal(struct end *e, unsigned short columns)
{
	struct winsize size = { .ws_col = columns, .ws_row = 24 };
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
	redirect(e, master, slave);
}

static void take(struct end *e, char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size - 1 && (got = read(e->reader, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	dup2(e->saved, STDERR_FILENO);
	close(e->saved);
	close(e->reader);
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

/* So much later, without the wait. */
static void pass(struct progress *p, int64_t ms)
{
	p->begun -= ms;
	p->told -= ms;
}

static void test_terminal(void **state)
{
	char text[4096];
	struct progress p;
	struct end e;

	(void)state;
	setenv("TERM", "xterm", 1);
	to_terminal(&e, 60);
	progress_start(&p, "resealing", 100);
	progress_step(&p, 1); /* too early to wonder */
	assert_false(p.shown);
	pass(&p, PROGRESS_FIRST_MS);
	progress_step(&p, 49);
	assert_true(p.shown);
	progress_step(&p, 1); /* drawn a moment ago */
	pass(&p, PROGRESS_DRAW_MS);
	progress_step(&p, 9);
	progress_hide(&p);
	assert_false(p.shown);
	progress_step(&p, 1);
	progress_end(&p);
	take(&e, text, sizeof(text));

	assert_string_equal(text,
			    "\r\033[Kresealing [#################.................] 50/100  50 %"
			    "\r\033[Kresealing [####################..............] 60/100  60 %"
			    "\r\033[K"
			    "\r\033[Kresealing [####################..............] 61/100  61 %"
			    "\r\033[K");
}

/* By what asks a question in the middle of somebody else's work. */
static void test_aside(void **state)
{
	char text[4096];
	struct progress p;
	struct end e;

	(void)state;
	setenv("TERM", "xterm", 1);
	to_terminal(&e, 60);
	progress_aside(); /* there is none */
	progress_start(&p, "reading", 0);
	progress_aside();
	pass(&p, PROGRESS_FIRST_MS);
	progress_step(&p, 7);
	progress_aside();
	assert_false(p.shown);
	progress_aside(); /* once is enough */
	progress_step(&p, 1);
	assert_true(p.shown);
	progress_end(&p);
	progress_aside(); /* of work that is over nothing is left to point at */
	take(&e, text, sizeof(text));
	assert_string_equal(text, "\r\033[Kreading 7\r\033[K\r\033[Kreading 8\r\033[K");
}

/* What is drawn and not known to be a terminal's would be rubbish in somebody's log. */
static void test_dumb_terminal(void **state)
{
	static const char *const terms[] = { NULL, "", "dumb" };
	char text[4096];
	struct progress p;
	struct end e;

	(void)state;
	for (size_t i = 0; i < COUNT(terms); i++) {
		unsetenv("TERM");
		if (terms[i] != NULL)
			setenv("TERM", terms[i], 1);
		to_terminal(&e, 60);
		progress_start(&p, "resealing", 100);
		pass(&p, PROGRESS_LINE_MS);
		progress_step(&p, 50);
		progress_end(&p);
		take(&e, text, sizeof(text));
		assert_string_equal(text, "bulla: resealing 50/100  50 %, about 11 s left\r\n");
	}
}

static void test_lines(void **state)
{
	char text[4096];
	struct progress p;
	struct end e;

	(void)state;
	setenv("TERM", "xterm", 1);
	to_pipe(&e);
	progress_start(&p, "bad\033[31m\nname", 4);
	progress_step(&p, 1);
	pass(&p, PROGRESS_LINE_MS);
	progress_step(&p, 1);
	progress_step(&p, 1);
	progress_total(&p, 2); /* there were fewer */
	pass(&p, PROGRESS_LINE_MS);
	progress_step(&p, 5); /* and never more than all */
	progress_end(&p);
	take(&e, text, sizeof(text));

	assert_int_equal(occurrences(text, "\n"), 2);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, " 2/4  50 %, about 11 s left\n"));
	assert_non_null(strstr(text, " 2/2  100 %\n"));
}

static void test_quiet(void **state)
{
	char text[4096];
	struct progress p;
	struct end e;

	(void)state;
	setenv("TERM", "xterm", 1);
	out_quiet = true;
	for (int terminal = 0; terminal < 2; terminal++) {
		if (terminal)
			to_terminal(&e, 60);
		else
			to_pipe(&e);
		progress_start(&p, "resealing", 100);
		pass(&p, PROGRESS_LINE_MS);
		progress_step(&p, 50);
		progress_end(&p);
		take(&e, text, sizeof(text));
		assert_string_equal(text, "");
	}
	out_quiet = false;
}

/* A bar that is drawn with each of many steps would be what takes the time. */
static void test_cheap(void **state)
{
	const unsigned steps = test_repeats(1000000);
	char text[65536];
	struct progress p;
	struct end e;

	(void)state;
	setenv("TERM", "xterm", 1);
	to_terminal(&e, 80);
	progress_start(&p, "resealing", steps);
	pass(&p, PROGRESS_FIRST_MS);
	for (unsigned i = 0; i < steps; i++)
		progress_step(&p, 1);
	progress_end(&p);
	take(&e, text, sizeof(text));
	/* ten a second at most: this took no ten seconds */
	assert_in_range(occurrences(text, "resealing ["), 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	      cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_dumb_terminal), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_aside),	      cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_cheap),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
