/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/options.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define HELP_COLUMN 30
#define HELP_WIDTH 80

/* getopt_long's answer for the long option with index i; above every letter */
#define LONG_BASE 256

/* so many letters at the beginning make a mistyped option another one's */
#define ALIKE 5

const struct option_spec option_common_specs[] = {
	{ 'h', "help", NULL, "show this help", offsetof(struct option_common, help), 0 },
	{ 'q', "quiet", NULL, "no notes, errors only", offsetof(struct option_common, quiet), 0 },
	{ 'v', "verbose", NULL, "say what is decided and why",
	  offsetof(struct option_common, verbose), 0 },
	{ 0 },
};

struct row {
	const struct option_spec *spec;
	void *into; /* the struct that it fills */
	bool seen;
};

/* A parse under way: the two tables as one, in getopt's form too. */
struct parse {
	struct row *rows;
	size_t n;
	struct option *longs;
	char *letters;
};

static size_t count(const struct option_spec *specs)
{
	size_t n = 0;

	while (specs != NULL && specs[n].name != NULL)
		n++;
	return n;
}

static void add_table(struct parse *p, const struct option_spec *specs, void *into)
{
	for (size_t i = 0; i < count(specs); i++, p->n++) {
		p->rows[p->n] = (struct row){ &specs[i], into, false };
		p->longs[p->n] = (struct option){
			.name = specs[i].name,
			.has_arg = specs[i].arg != NULL ? required_argument : no_argument,
			.val = LONG_BASE + (int)p->n,
		};
	}
}

static void begin(struct parse *p, const struct option_spec *specs, void *into,
		  struct option_common *common)
{
	size_t max = count(specs) + count(option_common_specs);
	char *letter;

	*p = (struct parse){ 0 };
	p->rows = mem_array(max, sizeof(*p->rows));
	p->longs = mem_array(max + 1, sizeof(*p->longs));
	add_table(p, specs, into);
	add_table(p, option_common_specs, common);

	/* '-': arguments come in order, as option 1; ':': a missing value is told apart */
	p->letters = letter = mem_alloc(2 * max + 3);
	*letter++ = '-';
	*letter++ = ':';
	for (size_t i = 0; i < p->n; i++) {
		if (p->rows[i].spec->letter == 0)
			continue;
		*letter++ = p->rows[i].spec->letter;
		if (p->rows[i].spec->arg != NULL)
			*letter++ = ':';
	}
}

static void end(struct parse *p)
{
	mem_free(p->rows);
	mem_free(p->longs);
	mem_free(p->letters);
}

static void *member(const struct option_spec *spec, void *into)
{
	return (char *)into + spec->at;
}

static void append(struct option_list *list, const char *value)
{
	list->items = mem_grow(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = value;
}

static int needs_value(const struct option_spec *spec, struct err *err)
{
	return err_set(err, ERR_USAGE, "--%s needs a value: %s", spec->name, spec->arg);
}

static int store(struct parse *p, size_t i, const char *value, struct err *err)
{
	const struct option_spec *spec = p->rows[i].spec;
	void *to = member(spec, p->rows[i].into);

	if (p->rows[i].seen && (spec->flags & OPTION_MANY) == 0)
		return err_set(err, ERR_USAGE, "--%s is given twice; it takes one value",
			       spec->name);
	p->rows[i].seen = true;
	if (spec->arg == NULL) {
		*(bool *)to = true;
		return 0;
	}
	if (!options_choice(spec->arg, value))
		return err_set(err, ERR_USAGE, "--%s: it must be one of %s", spec->name, spec->arg);
	if ((spec->flags & OPTION_MANY) != 0)
		append(to, value);
	else
		*(const char **)to = value;
	return 0;
}

/* The table's option that a mistyped one may have meant, or NULL. */
static const struct option_spec *nearest(const struct parse *p, const char *typed, size_t len)
{
	for (size_t i = 0; len >= 1 && i < p->n; i++)
		if (strlen(p->rows[i].spec->name) == len &&
		    strncmp(p->rows[i].spec->name, typed, len) == 0)
			return p->rows[i].spec;
	for (size_t i = 0; len >= 2 && i < p->n; i++)
		if (strncmp(p->rows[i].spec->name, typed, len) == 0)
			return p->rows[i].spec;
	for (size_t i = 0; len >= 2 && i < p->n; i++) {
		size_t n = strlen(p->rows[i].spec->name);

		if (n < len && strncmp(p->rows[i].spec->name, typed, n) == 0)
			return p->rows[i].spec;
	}
	for (size_t i = 0; len >= ALIKE && i < p->n; i++)
		if (strncmp(p->rows[i].spec->name, typed, ALIKE) == 0)
			return p->rows[i].spec;
	return NULL;
}

static bool takes_file(const struct option_spec *spec)
{
	return spec->arg != NULL && strncmp(spec->arg, "FILE", 4) == 0;
}

/* word is what was typed, from its first dash on; no more than its name is shown. */
static int unknown(const struct parse *p, const char *word, struct err *err)
{
	int len = strlen(word) > 2 ? (int)strcspn(word + 2, "=") : 0;
	const struct option_spec *near;
	size_t n;

	if (strncmp(word, "--", 2) != 0)
		return err_set(err, ERR_USAGE, "there is no option -%c",
			       isgraph((unsigned char)optopt) ? optopt : '?');
	if (len == 0 || len > 40)
		return err_set(err, ERR_USAGE, "there is no such option");
	word += 2;
	near = nearest(p, word, (size_t)len);
	n = near != NULL ? strlen(near->name) : 0;
	if (near == NULL)
		return err_set(err, ERR_USAGE, "there is no option --%.*s", len, word);
	if (n == (size_t)len && strncmp(word, near->name, n) == 0)
		return err_set(err, ERR_USAGE, "--%s takes no value", near->name);
	return err_set(err, ERR_USAGE, "there is no option --%.*s; did you mean --%s?%s", len, word,
		       near->name,
		       takes_file(near) && strncmp(word, near->name, n) != 0
			   ? " (secrets come from files and standard input, never from arguments)"
			   : "");
}

/* getopt_long takes any beginning of a name; what scripts use must go on meaning the same. */
static bool abbreviated(const struct parse *p, size_t i, const char *word)
{
	return strcspn(word + 2, "=") != strlen(p->rows[i].spec->name);
}

static int missing_value(const struct parse *p, const char *word, struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (optopt == LONG_BASE + (int)i ||
		    (p->rows[i].spec->letter != 0 && optopt == p->rows[i].spec->letter))
			return needs_value(p->rows[i].spec, err);
	return unknown(p, word, err);
}

/* apart: the option's value is a word of its own. */
static int take(struct parse *p, int c, const char *word, bool apart, struct err *err)
{
	size_t i = 0;

	if (c == ':')
		return missing_value(p, word, err);
	if (c >= LONG_BASE)
		i = (size_t)(c - LONG_BASE);
	else
		while (i < p->n && (p->rows[i].spec->letter == 0 || c != p->rows[i].spec->letter))
			i++;
	if (i == p->n || (c >= LONG_BASE && abbreviated(p, i, word)))
		return unknown(p, word, err);
	/* "--namespace --url URL": the value was forgotten, and the next option taken for it */
	if (apart && strncmp(optarg, "--", 2) == 0)
		return needs_value(p->rows[i].spec, err);
	return store(p, i, optarg, err);
}

static void getopt_restart(void)
{
	opterr = 0;
#if defined(__GLIBC__)
	optind = 0; /* also forgets the place inside a group of letters */
#else
	optind = 1;
#endif
#if defined(__APPLE__) || defined(__FreeBSD__)
	optreset = 1;
#endif
}

static void add_arg(struct option_common *common, char *arg)
{
	common->args = mem_grow(common->args, common->n + 1, sizeof(*common->args));
	common->args[common->n++] = arg;
}

static int check_needed(const struct parse *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		if ((p->rows[i].spec->flags & OPTION_NEEDED) != 0 && !p->rows[i].seen)
			return err_set(err, ERR_USAGE, "--%s %s is missing", p->rows[i].spec->name,
				       p->rows[i].spec->arg);
	return 0;
}

/* The words of a synopsis: those in brackets may be absent, "..." stands for any number. */
static int check_args(const char *arguments, size_t n, struct err *err)
{
	size_t seen = 0;
	const char *s = arguments;

	while (*s != '\0') {
		size_t len = strcspn(s, " ");

		seen++;
		if (*s != '[' && seen > n)
			return err_set(err, ERR_USAGE, "%.*s is missing", (int)len, s);
		if (memchr(s, '.', len) != NULL)
			return 0;
		s += len;
		s += strspn(s, " ");
	}
	if (n > seen && seen == 0)
		return err_set(err, ERR_USAGE, "it takes no arguments");
	if (n > seen)
		return err_set(err, ERR_USAGE, "argument %zu is one too many: it takes %s",
			       seen + 1, arguments);
	return 0;
}

static int scan(struct parse *p, int argc, char **argv, struct option_common *common,
		struct err *err)
{
	getopt_restart();
	for (;;) {
		int at = optind > 0 ? optind : 1;
		int c = getopt_long(argc, argv, p->letters, p->longs, NULL);

		if (c == -1)
			break;
		if (c == 1)
			add_arg(common, optarg);
		else if (take(p, c, argv[at], optarg != NULL && optarg == argv[optind - 1], err) !=
			 0)
			return -1;
		if (common->help)
			return 0;
	}
	for (int i = optind; i < argc; i++)
		add_arg(common, argv[i]);
	return 0;
}

int options_parse(const struct option_spec *specs, const char *arguments, int argc, char **argv,
		  void *into, struct option_common *common, struct err *err)
{
	struct parse p;
	int r = -1;

	begin(&p, specs, into, common);
	if (scan(&p, argc, argv, common, err) != 0)
		goto out;
	if (!common->help &&
	    (check_args(arguments, common->n, err) != 0 || check_needed(&p, err) != 0))
		goto out;
	r = 0;
out:
	end(&p);
	return r;
}

void options_clear(const struct option_spec *specs, void *into, struct option_common *common)
{
	for (size_t i = 0; i < count(specs); i++) {
		struct option_list *list = member(&specs[i], into);

		if ((specs[i].flags & OPTION_MANY) != 0) {
			mem_free(list->items);
			*list = (struct option_list){ NULL, 0 };
		}
	}
	mem_free(common->args);
	common->args = NULL;
	common->n = 0;
}

bool options_is_choice(const char *arg)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	if (arg == NULL || strchr(arg, '|') == NULL)
		return false;
	for (const char *s = arg;; s++) {
		size_t len = strcspn(s, "|");

		/* "FILE|-" names what is meant, "Delete|Retain" what is written */
		if (len == 0 || strcspn(s, letters) >= len)
			return false;
		for (size_t i = 0; i < len; i++)
			if (!isalnum((unsigned char)s[i]) && s[i] != '-')
				return false;
		s += len;
		if (*s == '\0')
			return true;
	}
}

bool options_choice(const char *arg, const char *word)
{
	size_t n;

	if (word == NULL || !options_is_choice(arg))
		return true;
	n = strlen(word);
	for (const char *s = arg;;) {
		size_t len = strcspn(s, "|");

		if (len == n && memcmp(s, word, n) == 0)
			return true;
		if (s[len] == '\0')
			return false;
		s += len + 1;
	}
}

void options_usage(const struct option_spec *specs, struct buf *out)
{
	for (size_t i = 0; i < count(specs); i++) {
		if ((specs[i].flags & OPTION_NEEDED) == 0)
			continue;
		if (specs[i].letter != 0)
			buf_printf(out, " -%c %s", specs[i].letter, specs[i].arg);
		else
			buf_printf(out, " --%s %s", specs[i].name, specs[i].arg);
	}
}

void options_help_line(const char *name, const char *text, int width, FILE *f)
{
	int column = fprintf(f, "  %s", name);

	if (column > width - 2) {
		fputc('\n', f);
		column = 0;
	}
	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (column > width && column + 1 + len > HELP_WIDTH) {
			fputc('\n', f);
			column = 0;
		}
		if (column < width)
			column += fprintf(f, "%*s", width - column, "");
		else
			column += fprintf(f, " ");
		column += fprintf(f, "%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

void options_help(const struct option_spec *specs, FILE *f)
{
	for (size_t i = 0; i < count(specs); i++) {
		const struct option_spec *s = &specs[i];
		struct buf left = BUF_INIT;

		if (s->letter != 0)
			buf_printf(&left, "-%c, --%s", s->letter, s->name);
		else
			buf_printf(&left, "    --%s", s->name);
		if (s->arg != NULL)
			buf_printf(&left, " %s", s->arg);
		if ((s->flags & OPTION_MANY) != 0)
			buf_puts(&left, " ...");
		options_help_line(buf_str(&left), s->help, HELP_COLUMN, f);
		buf_clear(&left);
	}
}
