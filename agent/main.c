/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-agent: opens the sealed documents of a checkout and keeps the Secrets they hold. */
#include <stdio.h>
#include <sys/stat.h>

#include "agent/generate_key.h"
#include "agent/jail.h"
#include "agent/jail_self_test.h"
#include "agent/options.h"
#include "agent/run.h"
#include "agent/run_kube.h"
#include "agent/serve.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

static enum err_class dispatch(const struct options *o, struct err *err)
{
	switch (o->mode) {
	case OPTIONS_HELP:
		options_help(stdout);
		return ERR_NONE;
	case OPTIONS_VERSION:
		puts("bulla-agent " BULLA_VERSION);
		return ERR_NONE;
	case OPTIONS_OPENER:
		return serve_run(o, err);
	case OPTIONS_SELF_TEST:
		return jail_self_test(stdout, err) < 0 ? err->class : ERR_NONE;
	case OPTIONS_GENERATE_KEY:
		return generate_key(o, err);
	default:
		return o->kubernetes ? run_kube(o, err) : run(o, err);
	}
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct options o;
	enum err_class class;

	mem_init();
	umask(077);
	out_program("bulla-agent");
	if (options_parse(argc, argv, &o, &err) < 0 || jail_early(&err) < 0)
		class = err.class;
	else
		class = dispatch(&o, &err);
	if (err.class != ERR_NONE)
		out_error(err.text);
	if (err.class == ERR_USAGE)
		fputs("bulla-agent: see bulla-agent --help\n", stderr);
	return (int)class;
}
