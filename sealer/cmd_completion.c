/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completions, printed from the tables of commands and options.  Help texts stand in them, so they
 * are quoted for each shell.
 */
#include "sealer/command.h"

#include <string.h>

#include "base/err.h"

/* What is said of one command; path is the words after "bulla", each behind a blank. */
typedef void say(const char *path, const struct command *c);

static void visit(say *what)
{
	for (size_t i = 0; command_table[i] != NULL; i++) {
		const struct command *c = command_table[i];
		struct buf path = BUF_INIT;

		if (c->hidden)
			continue;
		buf_printf(&path, " %s", c->name);
		what(buf_str(&path), c);
		for (const struct command *s = c->sub != NULL ? c->sub() : NULL;
		     s != NULL && s->name != NULL; s++) {
			buf_reset(&path);
			buf_printf(&path, " %s %s", c->name, s->name);
			what(buf_str(&path), s);
		}
		buf_clear(&path);
	}
}

/* Call what for each option of a command and for those of all. */
static void each_option(const struct command *c, const char *path,
			void (*what)(const char *path, const struct option_spec *o))
{
	for (const struct option_spec *o = command_options(c); o != NULL && o->name != NULL; o++)
		what(path, o);
	for (const struct option_spec *o = option_common_specs; o->name != NULL; o++)
		what(path, o);
}

static bool is_path(const char *arg)
{
	return arg != NULL && (strstr(arg, "FILE") != NULL || strstr(arg, "DIR") != NULL ||
			       strstr(arg, "PATH") != NULL);
}

static void put_choices(const char *arg)
{
	for (; *arg != '\0'; arg++)
		putchar(*arg == '|' ? ' ' : *arg);
}

/* Inside single quotes, in which a shell takes "'" for the end; fish needs "\" doubled too. */
static void put_quoted(const char *text, const char *quote, const char *backslash)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs(quote, stdout);
		else if (*text == '\\')
			fputs(backslash, stdout);
		else
			putchar(*text);
	}
}

static void put_names(const struct command *c)
{
	for (const struct command *s = c->sub(); s->name != NULL; s++)
		if (!s->hidden)
			printf("%s ", s->name);
}

static void put_commands(void)
{
	for (size_t i = 0; command_table[i] != NULL; i++)
		if (!command_table[i]->hidden)
			printf("%s ", command_table[i]->name);
}

/* --- bash ------------------------------------------------------------------------------------- */

static void bash_path(const char *path, const struct command *c)
{
	(void)c;
	printf("|'%s'", path);
}

static void bash_value(const char *path, const struct option_spec *o)
{
	if (o->arg == NULL || (is_path(o->arg) && !options_is_choice(o->arg)))
		return;
	printf("\t'%s:--%s'", path, o->name);
	if (o->letter != 0)
		printf("|'%s:-%c'", path, o->letter);
	printf(") words='");
	if (options_is_choice(o->arg))
		put_choices(o->arg);
	printf("'; files= ;;\n");
}

static void bash_file(const char *path, const struct option_spec *o)
{
	if (!is_path(o->arg))
		return;
	printf("|'%s:--%s'", path, o->name);
	if (o->letter != 0)
		printf("|'%s:-%c'", path, o->letter);
}

static void bash_values(const char *path, const struct command *c)
{
	each_option(c, path, bash_value);
}

static void bash_files(const char *path, const struct command *c)
{
	each_option(c, path, bash_file);
}

static void bash_word(const char *path, const struct option_spec *o)
{
	(void)path;
	printf("--%s ", o->name);
	if (o->letter != 0)
		printf("-%c ", o->letter);
}

static void bash_words(const char *path, const struct command *c)
{
	printf("\t'%s')\n\t\toptions='", path);
	each_option(c, path, bash_word);
	printf("'\n\t\twords='");
	if (c->sub != NULL)
		put_names(c);
	if (strcmp(c->name, "help") == 0)
		put_commands();
	if (options_is_choice(c->arguments))
		put_choices(c->arguments);
	printf("'\n\t\tfiles=%s ;;\n", is_path(c->arguments) ? "yes" : "");
}

static void bash(void)
{
	printf("# bash completion for bulla, made by 'bulla completion bash'\n"
	       "_bulla()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal at= words= options= files= i\n"
	       "\tCOMPREPLY=()\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase \"$at ${COMP_WORDS[i]}\" in\n\t\t''");
	visit(bash_path);
	printf(") at=\"$at ${COMP_WORDS[i]}\" ;;\n\t\t*) break ;;\n\t\tesac\n\tdone\n"
	       "\tcase \"$at\" in\n\t'') words='");
	put_commands();
	printf("' options='--help --version' ;;\n");
	visit(bash_words);
	printf("\tesac\n\tcase \"$at:$prev\" in\n");
	visit(bash_values);
	printf("\t''");
	visit(bash_files);
	printf(") words=; files=yes ;;\n\t*) [[ $cur != -* ]] || words=$options ;;\n\tesac\n"
	       "\t[[ $files ]] || compopt +o default 2>/dev/null\n"
	       "\t[[ ! $words ]] || COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "}\ncomplete -o default -F _bulla bulla\n");
}

/* --- zsh -------------------------------------------------------------------------------------- */

static void put_zsh(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("[]:\\", *text) != NULL)
			putchar('\\');
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
}

static void zsh_one(const char *dashes, const char *name, const struct option_spec *o)
{
	printf("\t\t\t'%s%s%s[", (o->flags & OPTION_MANY) != 0 ? "*" : "", dashes, name);
	put_zsh(o->help);
	putchar(']');
	if (o->arg != NULL) {
		putchar(':');
		put_zsh(o->arg);
		putchar(':');
		if (options_is_choice(o->arg)) {
			putchar('(');
			put_choices(o->arg);
			putchar(')');
		} else if (is_path(o->arg)) {
			fputs("_files", stdout);
		}
	}
	fputs("' \\\n", stdout);
}

static void zsh_option(const char *path, const struct option_spec *o)
{
	char letter[2] = { o->letter, '\0' };

	(void)path;
	zsh_one("--", o->name, o);
	if (o->letter != 0)
		zsh_one("-", letter, o);
}

static void zsh_describe(const struct command *c)
{
	printf("\t\t\t'%s:", c->name);
	put_zsh(c->summary);
	fputs("'\n", stdout);
}

static void zsh_command(const char *path, const struct command *c)
{
	printf("\t('%s')\n", path);
	if (c->sub != NULL) {
		fputs("\t\tsubs=(\n", stdout);
		for (const struct command *s = c->sub(); s->name != NULL; s++)
			if (!s->hidden)
				zsh_describe(s);
		fputs("\t\t)\n\t\t_describe command subs\n", stdout);
	}
	fputs("\t\t_arguments -s -S \\\n", stdout);
	each_option(c, path, zsh_option);
	fputs("\t\t\t'*:argument:", stdout);
	if (strcmp(c->name, "help") == 0) {
		putchar('(');
		put_commands();
		putchar(')');
	} else if (options_is_choice(c->arguments)) {
		putchar('(');
		put_choices(c->arguments);
		putchar(')');
	} else if (is_path(c->arguments)) {
		fputs("_files", stdout);
	}
	fputs("' ;;\n", stdout);
}

static void zsh_path(const char *path, const struct command *c)
{
	(void)c;
	printf("|'%s'", path);
}

static void zsh(void)
{
	printf("#compdef bulla\n# zsh completion for bulla, made by 'bulla completion zsh'\n"
	       "_bulla()\n{\n\tlocal at= n=2\n\tlocal -a subs\n"
	       "\twhile (( n < CURRENT )); do\n\t\tcase \"$at ${words[n]}\" in\n\t\t(''");
	visit(zsh_path);
	printf(") at=\"$at ${words[n]}\"; (( n++ )) ;;\n\t\t(*) break ;;\n\t\tesac\n\tdone\n"
	       "\tif (( n > 2 )); then\n\t\tshift $((n - 2)) words\n"
	       "\t\t(( CURRENT -= n - 2 ))\n\tfi\n"
	       "\tcase \"$at\" in\n\t('')\n\t\tsubs=(\n");
	for (size_t i = 0; command_table[i] != NULL; i++)
		if (!command_table[i]->hidden)
			zsh_describe(command_table[i]);
	printf("\t\t)\n\t\t_describe command subs ;;\n");
	visit(zsh_command);
	printf(
	    "\tesac\n}\nif [[ $funcstack[1] == _bulla ]]; then _bulla \"$@\"; else compdef _bulla "
	    "bulla; fi\n");
}

/* --- fish ------------------------------------------------------------------------------------- */

static void fish_path(const char *path, const struct command *c)
{
	(void)c;
	printf(" '%s'", path);
}

static void fish_option(const char *path, const struct option_spec *o)
{
	printf("complete -c bulla -n '__bulla_at \"%s\"' -l %s", path, o->name);
	if (o->letter != 0)
		printf(" -s %c", o->letter);
	if (options_is_choice(o->arg)) {
		fputs(" -x -a '", stdout);
		put_choices(o->arg);
		putchar('\'');
	} else if (o->arg != NULL) {
		fputs(is_path(o->arg) ? " -r -F" : " -x", stdout);
	}
	fputs(" -d '", stdout);
	put_quoted(o->help, "\\'", "\\\\");
	fputs("'\n", stdout);
}

static void fish_name(const char *path, const struct command *c)
{
	printf("complete -c bulla -n '__bulla_at \"%s\"' -a %s -d '", path, c->name);
	put_quoted(c->summary, "\\'", "\\\\");
	fputs("'\n", stdout);
}

static void fish_command(const char *path, const struct command *c)
{
	for (const struct command *s = c->sub != NULL ? c->sub() : NULL;
	     s != NULL && s->name != NULL; s++)
		if (!s->hidden)
			fish_name(path, s);
	if (strcmp(c->name, "help") == 0) {
		printf("complete -c bulla -n '__bulla_at \"%s\"' -a '", path);
		put_commands();
		fputs("'\n", stdout);
	} else if (options_is_choice(c->arguments)) {
		printf("complete -c bulla -n '__bulla_at \"%s\"' -a '", path);
		put_choices(c->arguments);
		fputs("'\n", stdout);
	} else if (is_path(c->arguments)) {
		printf("complete -c bulla -n '__bulla_at \"%s\"' -F\n", path);
	}
	each_option(c, path, fish_option);
}

static void fish(void)
{
	printf("# fish completion for bulla, made by 'bulla completion fish'\n"
	       "function __bulla_at\n\tset -l words (commandline -opc)\n\tset -e words[1]\n"
	       "\tset -l at ''\n\tfor w in $words\n\t\tif contains -- \"$at $w\"");
	visit(fish_path);
	printf("\n\t\t\tset at \"$at $w\"\n\t\telse\n\t\t\tbreak\n\t\tend\n\tend\n"
	       "\ttest \"$at\" = \"$argv[1]\"\nend\ncomplete -c bulla -f\n");
	for (size_t i = 0; command_table[i] != NULL; i++)
		if (!command_table[i]->hidden)
			fish_name("", command_table[i]);
	visit(fish_command);
}

/* --- the command ------------------------------------------------------------------------------ */

static int run(const struct invocation *in, struct err *err)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(shells[i].name, in->args[0]) == 0) {
			shells[i].print();
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "it must be one of bash|zsh|fish");
}

const struct command cmd_completion = {
	.name = "completion",
	.summary = "print completions for a shell",
	.arguments = "bash|zsh|fish",
	.run = run,
};
