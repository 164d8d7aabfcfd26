/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* No ctype.h: names are ASCII whatever the locale says. */
static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One RFC 1123 label of n characters. */
static bool is_label(const char *s, size_t n)
{
	if (n == 0 || n > 63 || !lower_or_digit(s[0]) || !lower_or_digit(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!lower_or_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

/*
 * A subdomain's labels may be longer than 63 in Kubernetes (only the whole is bounded), so is_label
 * does not serve here.
 */
static bool is_subdomain(const char *s, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool edge = i == 0 || i == n - 1 || s[i - 1] == '.' || s[i + 1] == '.';

		if (!lower_or_digit(s[i]) && (edge || s[i] != '-') &&
		    (s[i] != '.' || i == 0 || i == n - 1 || s[i - 1] == '.' || s[i - 1] == '-'))
			return false;
	}
	return true;
}

bool name_is_label(const char *s)
{
	return is_label(s, strlen(s));
}

bool name_is_subdomain(const char *s)
{
	return is_subdomain(s, strlen(s));
}

bool name_is_data_key(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 253 || strcmp(s, ".") == 0 || strncmp(s, "..", 2) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!text_is_alnum(s[i]) && strchr("-._", s[i]) == NULL)
			return false;
	return true;
}

/* [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?, at most 63 */
static bool is_qualified_part(const char *s, size_t n)
{
	if (n == 0 || n > 63 || !text_is_alnum(s[0]) || !text_is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!text_is_alnum(s[i]) && strchr("-._", s[i]) == NULL)
			return false;
	return true;
}

bool name_is_qualified(const char *s)
{
	const char *slash = strchr(s, '/');

	if (slash == NULL)
		return is_qualified_part(s, strlen(s));
	return is_subdomain(s, (size_t)(slash - s)) &&
	       is_qualified_part(slash + 1, strlen(slash + 1));
}

bool name_is_label_value(const char *s)
{
	return *s == '\0' || is_qualified_part(s, strlen(s));
}

bool name_is_key_id(const char *s)
{
	size_t n = strlen(s);

	return n == 32 && strspn(s, "0123456789abcdef") == n;
}

bool name_is_fact(const char *s)
{
	size_t n = strlen(s);

	if (n > 1024)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

/* Is the prefix (before "/") this domain or below it? */
static bool prefix_within(const char *key, const char *domain)
{
	const char *slash = strchr(key, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - key);
	size_t d = strlen(domain);

	return n >= d && strncmp(key + n - d, domain, d) == 0 && (n == d || key[n - d - 1] == '.');
}

const char *name_metadata_refused(const char *key)
{
	static const struct {
		const char *domain;
		const char *reason;
	} refused[] = {
		{ "bulla.dev", "bulla.dev/ is Bulla's own" },
		{ "kubernetes.io", "kubernetes.io/ belongs to Kubernetes" },
		{ "k8s.io", "k8s.io/ belongs to Kubernetes" },
		{ "emberstack.com", "it makes reflector copy the Secret" },
		{ "mittwald.de", "it makes replicator copy the Secret" },
		{ "argoproj.io", "it makes Argo CD act on the Secret" },
		{ "helm.sh", "it makes Helm act on the Secret" },
		{ "external-secrets.io", "it belongs to External Secrets" },
		{ "bitnami.com", "it belongs to Sealed Secrets" },
		{ "cert-manager.io", "it belongs to cert-manager" },
		{ "kyverno.io", "it makes Kyverno act on the Secret" },
	};

	if (strncmp(key, "app.kubernetes.io/", 18) == 0) {
		/* the one of that family by which Helm and others claim an object */
		if (strcmp(key, "app.kubernetes.io/managed-by") == 0)
			return "app.kubernetes.io/managed-by claims the Secret for another tool";
		return NULL;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (prefix_within(key, refused[i].domain))
			return refused[i].reason;
	return NULL;
}

bool name_glob(const char *p, const char *s)
{
	const char *star = NULL, *retry = NULL;

	while (*s != '\0') {
		if (*p == '*') {
			star = p++;
			retry = s;
		} else if (*p == '?' || *p == *s) {
			p++;
			s++;
		} else if (star != NULL) {
			p = star + 1;
			s = ++retry;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

/* One segment of a pattern against one of a path. */
static bool glob_segment(const char *p, size_t pn, const char *s, size_t sn)
{
	char *pattern = mem_strn(p, pn), *text = mem_strn(s, sn);
	bool ok = name_glob(pattern, text);

	mem_free(pattern);
	mem_free(text);
	return ok;
}

/* As name_glob, with segments for characters and "**" for "*": linear retries, no recursion. */
bool name_glob_path(const char *p, const char *s)
{
	const char *star = NULL, *retry = NULL;

	for (;;) {
		size_t pn = strcspn(p, "/"), sn = strcspn(s, "/");

		if (pn == 2 && p[0] == '*' && p[1] == '*') {
			if (p[2] == '\0')
				return *s != '\0';
			star = p + 3;
			retry = s;
			p = star;
			continue;
		}
		if (*s != '\0' && glob_segment(p, pn, s, sn) &&
		    ((p[pn] == '\0') == (s[sn] == '\0'))) {
			if (s[sn] == '\0')
				return true;
			p += pn + 1;
			s += sn + 1;
			continue;
		}
		if (star == NULL)
			return false;
		retry += strcspn(retry, "/");
		if (*retry == '\0')
			return false;
		s = ++retry;
		p = star;
	}
}
