/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/edit_editor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define PATH_SIZE 48
#define NOT_RUN 127 /* the status of a child that could not become the editor */

const char edit_editor_quiet_names[] = "vim, nvim, nano and emacs";

/* --- what each must be told --------------------------------------------------------------------
 */

/*
 * vim and nvim (their help: starting, recover, undo, options).  -n: no swap file; -i NONE: no
 * viminfo or shada.  A backup is made while writing even where none is kept (writebackup), in the
 * home when not beside the file.  The user's own settings come between --cmd and -c, so the second
 * has the last word.  Modelines are another's text, and are read before -c but after BufReadPre.
 */
static const char *const vim_args[] = {
	"-n",
	"-i",
	"NONE",
	"--cmd",
	"set nomodeline noswapfile noundofile nobackup nowritebackup",
	"--cmd",
	"autocmd BufReadPre * set nomodeline",
	"-c",
	"set noswapfile noundofile nobackup nowritebackup patchmode=",
	"-c",
	"silent! setfiletype yaml",
	NULL,
};

/* nano(1): reads and writes no file but the one named, no history, no backup, no emergency file. */
static const char *const nano_args[] = { "--restricted", NULL };

/* The Emacs manual, "Backup", "Auto Save", "Interlocking", "Safe File Variables". */
static const char *const emacs_args[] = {
	"--eval",
	"(setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil "
	"create-lockfiles nil enable-local-variables nil enable-dir-local-variables nil)",
	NULL,
};

/* They return at once unless they are told to wait. */
static const char *const wait_args[] = { "--wait", NULL };

static const struct known {
	const char *name; /* of the program, or before a "." or "-" in it: vim.basic, emacs-nox */
	const char *const *args;
	bool quiet;
} known[] = {
	{ "vim", vim_args, true },	{ "nvim", vim_args, true },
	{ "nano", nano_args, true },	{ "emacs", emacs_args, true },
	{ "code", wait_args, false },	{ "codium", wait_args, false },
	{ "cursor", wait_args, false }, { "subl", wait_args, false },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static const struct known *find_known(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].name);

		if (strncmp(name, known[i].name, n) == 0 &&
		    (name[n] == '\0' || name[n] == '.' || name[n] == '-'))
			return &known[i];
	}
	return NULL;
}

/* "vi" and "editor" are links to what they really are. */
static const struct known *recognise(const char *program)
{
	char *real = realpath(program, NULL);
	const struct known *k = real != NULL ? find_known(base_name(real)) : NULL;

	free(real); /* realpath's own */
	return k != NULL ? k : find_known(base_name(program));
}

/* --- words ---------------------------------------------------------------------------------------
 */

static void push(char ***words, size_t *n, char *word)
{
	*words = mem_grow(*words, *n + 2, sizeof(**words));
	(*words)[(*n)++] = word;
	(*words)[*n] = NULL;
}

void edit_editor_free_words(char **words)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		mem_free(words[i]);
	mem_free(words);
}

static int only_shell(const char *variable, char c, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "$%s: '%c' means something to a shell alone, and none is run; quote it, or "
		       "name a script",
		       variable, c);
}

/* One quoted or unquoted piece at *s; its end becomes *s. */
static int take_piece(const char *variable, const char **s, struct buf *word, struct err *err)
{
	char quote = **s;

	if (quote == '\\') {
		if ((*s)[1] == '\0')
			return err_set(err, ERR_USAGE, "$%s: ends with a backslash", variable);
		buf_putc(word, (unsigned char)(*s)[1]);
		*s += 2;
		return 0;
	}
	if (quote != '\'' && quote != '"') {
		if (strchr("$`|&;<>()*?[]{}!#~\n", quote) != NULL)
			return only_shell(variable, quote, err);
		buf_putc(word, (unsigned char)*(*s)++);
		return 0;
	}
	for ((*s)++; **s != quote; (*s)++) {
		if (**s == '\0')
			return err_set(err, ERR_USAGE, "$%s: a quote is not closed", variable);
		if (quote == '"' && (**s == '$' || **s == '`'))
			return only_shell(variable, **s, err);
		if (quote == '"' && **s == '\\' && ((*s)[1] == '"' || (*s)[1] == '\\'))
			(*s)++;
		buf_putc(word, (unsigned char)**s);
	}
	(*s)++;
	return 0;
}

int edit_editor_split(const char *variable, const char *value, char ***words, struct err *err)
{
	struct buf word = BUF_INIT;
	size_t n = 0;
	int r = 0;

	*words = NULL;
	for (const char *s = value + strspn(value, " \t"); r == 0 && *s != '\0';
	     s += strspn(s, " \t")) {
		buf_reset(&word);
		while (r == 0 && *s != '\0' && *s != ' ' && *s != '\t')
			r = take_piece(variable, &s, &word, err);
		if (r == 0)
			push(words, &n, mem_str(buf_str(&word)));
	}
	buf_clear(&word);
	if (r == 0 && (n == 0 || (*words)[0][0] == '\0')) {
		err_set(err, ERR_USAGE, "$%s: names no program", variable);
		r = -1;
	}
	if (r != 0) {
		edit_editor_free_words(*words);
		*words = NULL;
	}
	return r;
}

/* --- finding it ----------------------------------------------------------------------------------
 */

/* The value, and whose it is.  A variable that is empty counts as none, as for git and crontab. */
static const char *wanted(const char **variable)
{
	static const char *const names[] = { "BULLA_EDITOR", "VISUAL", "EDITOR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		*variable = names[i];
		if (value != NULL && *value != '\0')
			return value;
	}
	return "vi";
}

static bool has_word(char *const *words, const char *word)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static void add_args(struct edit_editor *e, const char *const *args)
{
	size_t n = 0;

	while (e->words[n] != NULL)
		n++;
	/* a single one may be there already; of the others each has to stand where it does */
	if (args[1] == NULL && has_word(e->words, args[0]))
		return;
	for (; *args != NULL; args++)
		push(&e->words, &n, mem_str(*args));
}

int edit_editor_find(struct edit_editor *out, struct err *err)
{
	const char *variable, *value = wanted(&variable);
	const struct known *k;
	char *program;

	*out = (struct edit_editor){ NULL, NULL, false };
	if (edit_editor_split(variable, value, &out->words, err) != 0)
		return -1;
	program = file_program(out->words[0]);
	if (program == NULL || access(program, X_OK) != 0) {
		err_set(err, ERR_IO, "there is no editor \"%s\"; say which with $BULLA_EDITOR",
			out->words[0]);
		mem_free(program);
		edit_editor_clear(out);
		return -1;
	}
	k = recognise(program);
	out->name = mem_str(base_name(out->words[0]));
	out->quiet = k != NULL && k->quiet;
	mem_free(out->words[0]);
	out->words[0] = program;
	if (k != NULL)
		add_args(out, k->args);
	return 0;
}

void edit_editor_clear(struct edit_editor *e)
{
	edit_editor_free_words(e->words);
	mem_free(e->name);
	*e = (struct edit_editor){ NULL, NULL, false };
}

/* --- running it ----------------------------------------------------------------------------------
 */

static volatile sig_atomic_t child, caught, loud;

/* One that is not known to be quiet may write its text somewhere when it is asked to end. */
static void pass_on(int number)
{
	caught = number;
	if (child > 0)
		kill(child, loud ? SIGKILL : number);
}

static const struct {
	int number;
	void (*handler)(int);
} held[] = {
	/* of the terminal: they go to the editor as well, which knows what they mean */
	{ SIGINT, SIG_IGN },
	{ SIGQUIT, SIG_IGN },
	{ SIGTERM, pass_on },
	{ SIGHUP, pass_on },
};
#define HELD (sizeof(held) / sizeof(*held))

/*
 * The file has no name but that of an open descriptor.  It is given as the editor's own: ours are
 * nobody's to look at, and a program that the editor starts may have been left without.
 */
static void become(const struct edit_editor *e, char **words, char *path, int fd, pid_t parent)
{
	sigset_t ending;

	snprintf(path, PATH_SIZE, "/proc/%ld/fd/%d", (long)getpid(), fd);
	if (!e->quiet) {
		/* a terminal that closes tells it too, and before us (POSIX: ed writes ed.hup), as
		 * does who ends the whole group; we end it by SIGKILL */
		sigemptyset(&ending);
		sigaddset(&ending, SIGHUP);
		sigaddset(&ending, SIGTERM);
		sigprocmask(SIG_BLOCK, &ending, NULL);
	}
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, e->quiet ? SIGHUP : SIGKILL);
#endif
	if (getppid() != parent)
		_exit(NOT_RUN);
	execv(words[0], words);
	_exit(NOT_RUN);
}

static int wait_for(pid_t pid, const char *name, struct err *err)
{
	siginfo_t ended;
	int status = 0;

	while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			return err_sys(err, "%s: cannot wait for it", name);
	child = 0; /* before its number can become another's, to whom pass_on would send */
	waitpid(pid, &status, 0);
	if (caught != 0)
		return err_set(err, ERR_IO, "ended by signal %d; nothing was changed", (int)caught);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_IO, "%s was ended by signal %d; nothing was changed", name,
			       WTERMSIG(status));
	if (WEXITSTATUS(status) == NOT_RUN)
		return err_set(err, ERR_IO, "%s could not be run; nothing was changed", name);
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_IO, "%s ended with status %d; nothing was changed", name,
			       WEXITSTATUS(status));
	return 0;
}

static int run(const struct edit_editor *e, char **words, char *path, int fd, struct err *err)
{
	struct sigaction before[HELD], sa = { 0 };
	pid_t parent = getpid(), pid;
	sigset_t none, all;
	int r;

	caught = child = 0;
	loud = !e->quiet;
	sigemptyset(&none);
	sigfillset(&all);
	sigemptyset(&sa.sa_mask);
	/* blocked until both know of each other */
	sigprocmask(SIG_BLOCK, &all, &none);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		become(e, words, path, fd, parent);
	}
	for (size_t i = 0; i < HELD; i++) {
		sa.sa_handler = held[i].handler;
		sigaction(held[i].number, &sa, &before[i]);
	}
	child = pid > 0 ? (sig_atomic_t)pid : 0;
	sigprocmask(SIG_SETMASK, &none, NULL);
	r = pid < 0 ? err_sys(err, "%s: cannot be run", e->name) : wait_for(pid, e->name, err);
	for (size_t i = 0; i < HELD; i++)
		sigaction(held[i].number, &before[i], NULL);
	return r;
}

int edit_editor_run(const struct edit_editor *e, int fd, struct err *err)
{
	char path[PATH_SIZE] = "";
	char **words = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; e->words[i] != NULL; i++)
		push(&words, &n, e->words[i]);
	push(&words, &n, path);
	r = run(e, words, path, fd, err);
	mem_free(words); /* the words are the editor's and ours */
	return r;
}
