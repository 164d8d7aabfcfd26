/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as what GitHub writes in one string: a repository's name can stand in a path of the API
 * and is itself when read again; a time, in each of its spellings, is the one that the C library
 * makes of it.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <time.h>

#include "base/err.h"
#include "github/pat.h"
#include "github/rest.h"
#include "github/revoke.h"

#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

static void check_repository(const char *text)
{
	struct err err = ERR_INIT;
	char *name = rest_repository(text, &err), *again, *path;
	const char *slash;

	if (name == NULL) {
		must(err.class == ERR_INVALID && strstr(err.text, "OWNER/NAME") != NULL);
		return;
	}
	slash = strchr(name, '/');
	must(slash != NULL && slash != name && slash[1] != '\0' && name[0] != '-');
	must(strchr(slash + 1, '/') == NULL && strstr(text, name) != NULL);
	must(strspn(name, NAME "/") == strlen(name) && strlen(name) <= 161);
	must(strcmp(slash, "/.") != 0 && strcmp(slash, "/..") != 0);
	must(memchr(name, '.', (size_t)(slash - name)) == NULL);
	path = mem_printf("/%s.git/", name);
	again = rest_repository(path, &err);
	must(again != NULL && strcmp(again, name) == 0);
	mem_free(again);
	mem_free(path);
	mem_free(name);
}

/* "2026-11-26" and "10:45:21" out of a text, as the C library reads them. */
static bool library_time(const char *date, const char *clock, int64_t *t)
{
	char text[20];
	struct tm tm = { 0 };
	const char *end;

	memcpy(text, date, 10);
	text[10] = ' ';
	memcpy(text + 11, clock, 8);
	text[19] = '\0';
	end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (end == NULL || *end != '\0')
		return false;
	*t = (int64_t)timegm(&tm);
	return true;
}

/* "+0900" or "+09:00" in seconds, without its sign; anything else is none. */
static int64_t zone(const char *text)
{
	const char *minutes;

	if (text[0] != '+' && text[0] != '-')
		return 0;
	minutes = text + (text[3] == ':' ? 4 : 3);
	return ((text[1] - '0') * 10 + text[2] - '0') * 3600 +
	       ((minutes[0] - '0') * 10 + minutes[1] - '0') * 60;
}

static void check_time(const char *text, size_t size)
{
	json_t *v = json_stringn(text, size);
	int64_t t = rest_time(v), want;
	const char *sign;

	if (t != 0) {
		must(strlen(text) >= 20 && text[10] == 'T');
		must(library_time(text, text + 11, &want));
		sign = text + 19 + strcspn(text + 19, "+-");
		want += sign[0] == '-' ? zone(sign) : -zone(sign);
		must(t == want);
	}
	json_decref(v);
}

static void check_expiry(const char *text)
{
	int64_t t, want;

	if (!pat_expiry(text, &t))
		return;
	must(strlen(text) == 23 || strlen(text) == 25);
	must(library_time(text, text + 11, &want));
	want += text[20] == '-' ? zone(text + 20) : -zone(text + 20);
	must(t == want);
}

/* GitHub revokes what has a kind of its own, and a refresh token; not an App's. */
static void check_kind(const char *text, size_t size)
{
	enum pat_kind kind = pat_kind(text, size);

	must(kind != PAT_INSTALLATION || !revoke_takes(text));
	must(kind == PAT_UNKNOWN || kind == PAT_INSTALLATION || revoke_takes(text));
	must(kind == PAT_UNKNOWN || strncmp(text, "gh", 2) == 0 ||
	     strncmp(text, "github_pat_", 11) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);

	check_repository(text);
	check_time(text, strlen(text));
	check_expiry(text);
	check_kind(text, strlen(text));
	mem_free(text);
	return 0;
}
