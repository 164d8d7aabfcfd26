/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "kube/client.h"

/* What a status means to whoever asked.  `quotes`: the server's text may show what was sent. */
static const struct meaning {
	long status;
	const char *what;
	const char *advice;
	enum err_class class;
	bool quotes;
} meanings[] = {
	{ 400, "the API server cannot read it (400)", NULL, ERR_INVALID, true },
	{ 401, "", "log in again, or renew what stands in the kubeconfig", ERR_REFUSED, false },
	{ 403, "the API server forbids it (403)",
	  "a Role and a RoleBinding for that verb and resource would allow it", ERR_REFUSED,
	  false },
	{ 404, "not found (404)", NULL, ERR_IO, false },
	{ 405, "the API server does not do that with such an object (405)", NULL, ERR_IO, false },
	{ 406, "the API server cannot answer in that form (406)", NULL, ERR_IO, false },
	{ 409, "it exists already or was changed meanwhile (409)", NULL, ERR_CONFLICT, false },
	{ 410, "what was asked for is too old (410)", "ask again from the start", ERR_CONFLICT,
	  false },
	{ 413, "it is too large for the API server (413)", NULL, ERR_INVALID, false },
	{ 415, "the API server does not take that form of change (415)",
	  "it is older than what Bulla needs", ERR_IO, false },
	{ 422, "the API server refuses it as invalid (422)", NULL, ERR_INVALID, true },
	{ 429, "the API server has too much to do (429)", "try again later", ERR_IO, false },
	{ 500, "the API server failed (500)", NULL, ERR_IO, true },
	{ 503, "the API server is not ready (503)", "try again later", ERR_IO, false },
	{ 504, "the API server was too slow (504)", "try again later", ERR_IO, false },
};

static const struct meaning *find(long status)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].status == status)
			return &meanings[i];
	}
	return NULL;
}

static int no_answer(const struct kube_answer *a, const char *what, struct err *err)
{
	return err_set(
	    err, ERR_IO, "%s: %s%s", what, a->message,
	    a->unsent ? "" : "; it may have been done all the same: look before trying again");
}

/* A redirect is refused because the credentials would go where the kubeconfig did not say. */
static int other(const struct kube_answer *a, const char *what, struct err *err)
{
	if (a->status >= 300 && a->status < 400)
		return err_set(err, ERR_IO,
			       "%s: the server points elsewhere (%ld), which is not followed; name "
			       "the API server's own address",
			       what, a->status);
	return err_set(err, ERR_IO, "%s: unexpected status %ld%s%s", what, a->status,
		       a->reason[0] == '\0' ? "" : " ", a->reason);
}

/* A 404 that names no object is about the kind, or about what answers there. */
static const char *advice_for(const struct kube_answer *a, const struct meaning *m)
{
	if (a->status == 404 && a->name[0] == '\0')
		return "the server does not know that kind of object: is its "
		       "CustomResourceDefinition installed, and is this an API server?";
	return m->advice;
}

int kube_error(const struct kube_answer *a, const char *what, struct err *err)
{
	const struct meaning *m = find(a->status);
	const char *text, *advice;

	if (a->status == 0)
		return no_answer(a, what, err);
	if (m == NULL)
		return other(a, what, err);
	text = m->quotes ? a->cause[0] != '\0' ? a->cause : a->reason : a->message;
	advice = advice_for(a, m);
	return err_set(err, m->class, "%s: %s%s%.600s%s%s", what, m->what,
		       m->what[0] == '\0' || text[0] == '\0' ? "" : ": ", text,
		       advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
}

bool kube_test_failed(const struct kube_answer *a)
{
	return a->status == 422 && a->name[0] == '\0' && a->cause[0] == '\0';
}
