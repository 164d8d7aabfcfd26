/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks at the source, for tests to drive: what a registry and a Git server say of a login,
 *and which certificate a TLS server shows.
 *
 *	live_tool registry [--ca FILE] [--http] [--push] IMAGE USER <PASSWORD
 *	live_tool git [--ca FILE] URL [USER] <PASSWORD
 *	live_tool served [--ca FILE] [--name NAME] [--timeout MS] HOST:PORT </dev/null or
 *CERTIFICATE
 *
 * One JSON object on standard output; exit status: the error's class.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/git_https.h"
#include "github/registry.h"
#include "github/served.h"
#include "tests/tools/hold.h"

struct options {
	const char *ca, *name;
	int64_t timeout;
	bool http, push;
	const char *args[2];
	int n;
};

static int print(json_t *v, const struct notes *notes, const struct err *err)
{
	json_t *list = json_array();
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < notes->n; i++)
		json_array_append_new(list, json_string(notes->text[i]));
	json_object_set_new(v, "notes", list);
	json_object_set_new(v, "error", json_string(err->text));
	json_format(&line, v);
	puts(buf_str(&line));
	buf_clear(&line);
	json_decref(v);
	return (int)err->class;
}

static void set(json_t *v, const char *name, const char *text)
{
	json_object_set_new(v, name, text != NULL ? json_string(text) : json_null());
}

static int ask_registry(const struct options *o, const struct buf *password)
{
	static const char *const words[] = { "untold", "no", "yes" };
	struct registry_result r = REGISTRY_RESULT_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	struct imageref image;
	json_t *v = json_object();
	int status;

	if (imageref_parse(o->args[0], &image, &err) == 0) {
		const struct registry_login login = { o->args[1], password->data, password->len };
		const struct registry_question q = { &image, &login, o->ca, o->http, o->push };

		registry_check(&q, &r, &notes, &err);
		set(v, "verdict", registry_verdict_name(r.verdict));
		json_object_set_new(v, "step", json_integer(r.step));
		set(v, "login_host", r.login_host);
		set(v, "digest", r.digest);
		json_object_set_new(v, "open", json_boolean(r.open));
		json_object_set_new(v, "unasked", json_boolean(r.unasked));
		set(v, "push", words[r.push]);
		registry_result_clear(&r);
		imageref_clear(&image);
	}
	status = print(v, &notes, &err);
	notes_clear(&notes);
	return status;
}

static int ask_git(const struct options *o, const struct buf *password)
{
	static const char *const words[] = { "untold", "no", "yes" };
	const struct git_https_question q = { .url = o->args[0],
					      .user = o->args[1],
					      .password = password->data,
					      .len = password->len,
					      .ca_file = o->ca };
	struct git_https_result r = GIT_HTTPS_RESULT_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	json_t *v = json_object();
	int status;

	git_https_check(&q, &r, &notes, &err);
	set(v, "verdict", git_https_verdict_name(r.verdict));
	set(v, "push", words[r.push]);
	set(v, "head", r.head);
	json_object_set_new(v, "open", json_boolean(r.open));
	json_object_set_new(v, "refs", json_integer((json_int_t)r.refs));
	status = print(v, &notes, &err);
	notes_clear(&notes);
	return status;
}

static json_t *chain(const struct served *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		json_t *one = json_object();

		set(one, "fingerprint", s->chain[i].fingerprint);
		set(one, "subject", s->chain[i].subject);
		set(one, "issuer", s->chain[i].issuer);
		set(one, "names", s->chain[i].names);
		json_object_set_new(one, "not_before", json_integer(s->chain[i].not_before));
		json_object_set_new(one, "not_after", json_integer(s->chain[i].not_after));
		json_array_append_new(list, one);
	}
	return list;
}

static int ask_served(const struct options *o, const struct buf *leaf)
{
	static const char *const words[] = { "uncompared", "same", "older", "newer", "other" };
	const struct served_question q = { .address = o->args[0],
					   .name = o->name,
					   .ca_file = o->ca,
					   .timeout_ms = o->timeout,
					   .leaf = leaf->len > 0 ? leaf->data : NULL,
					   .len = leaf->len };
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	json_t *v = json_object();
	struct served s;

	served_ask(&q, &s, &err);
	json_object_set_new(v, "chain", chain(&s));
	json_object_set_new(v, "trusted", json_boolean(s.trusted));
	json_object_set_new(v, "named", json_boolean(s.named));
	json_object_set_new(v, "same_key", json_boolean(s.same_key));
	set(v, "why_not", s.why_not);
	set(v, "likeness", words[s.likeness]);
	served_clear(&s);
	return print(v, &notes, &err);
}

static bool read_options(int argc, char **argv, struct options *o)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--ca") == 0 && i + 1 < argc)
			o->ca = argv[++i];
		else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
			o->name = argv[++i];
		else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc)
			o->timeout = atoi(argv[++i]);
		else if (strcmp(argv[i], "--http") == 0)
			o->http = true;
		else if (strcmp(argv[i], "--push") == 0)
			o->push = true;
		else if (o->n < 2)
			o->args[o->n++] = argv[i];
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct buf password = BUF_INIT;
	struct err err = ERR_INIT;
	int status = ERR_USAGE;

	mem_init();
	if (argc < 3 || !read_options(argc, argv, &o)) {
		fputs("usage: live_tool registry|git|served ARGUMENT...\n", stderr);
		return ERR_USAGE;
	}
	if (file_read_fd(STDIN_FILENO, "stdin", 65536, &password, &err) != 0)
		return ERR_IO;
	if (strcmp(argv[1], "registry") == 0 && o.n == 2)
		status = ask_registry(&o, &password);
	else if (strcmp(argv[1], "git") == 0 && o.n >= 1)
		status = ask_git(&o, &password);
	else if (strcmp(argv[1], "served") == 0 && o.n == 1)
		status = ask_served(&o, &password);
	hold("before");
	buf_clear(&password);
	hold("end");
	return status;
}
