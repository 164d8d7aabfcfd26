/* SPDX-License-Identifier: Apache-2.0 */
#include "document/merge.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/block.h"
#include "document/edit.h"
#include "document/splice.h"

enum side { BASE, OURS, THEIRS, SIDES };

static const char *const side_names[] = { [BASE] = "base", [OURS] = "ours", [THEIRS] = "theirs" };

struct merge {
	const char *name;
	struct edit_file files[SIDES];
	enum side carrier; /* whose text the parts are put into */
	struct edit_file result;
	struct err *err;
};

/* One document in the three texts; NULL where it is not. */
struct trio {
	const struct document *d[SIDES];
};

/* One part in the three. */
struct part_trio {
	const char *name;
	const struct document_part *p[SIDES];
	enum side taken; /* whose it is, or is absent like */
};

static int conflict(const struct merge *m, const struct document *d, const char *part,
		    const char *why)
{
	return err_set(m->err, ERR_CONFLICT, "%s: %s/%s%s%s: %s", m->name, d->namespace, d->name,
		       part == NULL ? "" : ": part ", part == NULL ? "" : part, why);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int load(struct merge *m, enum side side, const struct buf *text)
{
	struct buf copy = BUF_INIT;
	const struct edit_file *f = &m->files[side];

	buf_put(&copy, text->data, text->len);
	if (edit_load(m->name, &copy, &m->files[side], m->err) != 0)
		return err_wrap(m->err, "%s", side_names[side]);
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(f->documents[i].name, f->documents[k].name) == 0 &&
			    strcmp(f->documents[i].namespace, f->documents[k].namespace) == 0)
				return conflict(m, &f->documents[i], NULL,
						"two documents of that name in one file; which of "
						"them changed cannot be told");
	return 0;
}

static const struct document *find(const struct edit_file *f, const struct document *like)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->documents[i].name, like->name) == 0 &&
		    strcmp(f->documents[i].namespace, like->namespace) == 0)
			return &f->documents[i];
	return NULL;
}

/* --- what stands outside the parts ------------------------------------------------------------ */

static void put_gap(const struct splice_plan *plan, size_t begin, size_t end, struct buf *out)
{
	while (begin < end) {
		size_t next = splice_line_end(plan, begin);

		if (!splice_is_blank(plan, begin))
			buf_put(out, plan->text + begin, next - begin);
		begin = next;
	}
}

static void cut_parts(const struct splice_plan *plan, const struct yaml_node *parts, size_t *at,
		      struct buf *out)
{
	size_t begin, end;

	if (parts->style == YAML_FLOW) {
		buf_put(out, plan->text + *at, parts->begin + 1 - *at);
		*at = parts->end - 1;
		return;
	}
	for (size_t i = 0; i < parts->n; i++) {
		block_range(plan, parts, i, &begin, &end);
		if (i == 0)
			buf_put(out, plan->text + *at, begin - *at);
		else
			put_gap(plan, *at, begin, out);
		*at = end;
	}
}

/* A file's text without its parts; a NUL, which no text has, stands for those of a document. */
static void frame(const struct edit_file *f, struct buf *out)
{
	struct splice_plan plan;
	size_t at = 0;

	splice_init(&plan, f->text.data, f->text.len, 0);
	for (size_t i = 0; i < f->n; i++) {
		const struct yaml_node *spec = yaml_get(f->yaml.docs[f->index[i]].root, "spec");

		cut_parts(&plan, yaml_get(spec, "parts"), &at, out);
		buf_putc(out, '\0');
	}
	buf_put(out, plan.text + at, plan.len - at);
	splice_clear(&plan);
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static int choose_carrier(struct merge *m)
{
	struct buf frames[SIDES] = { BUF_INIT, BUF_INIT, BUF_INIT };
	int rc = 0;

	for (enum side s = BASE; s < SIDES; s++)
		frame(&m->files[s], &frames[s]);
	m->carrier = OURS;
	if (same_bytes(&frames[BASE], &frames[OURS]))
		m->carrier = same_bytes(&frames[BASE], &frames[THEIRS]) ? OURS : THEIRS;
	else if (!same_bytes(&frames[BASE], &frames[THEIRS]) &&
		 !same_bytes(&frames[OURS], &frames[THEIRS]))
		rc =
		    err_set(m->err, ERR_CONFLICT,
			    "%s: both branches changed text outside the parts of sealed documents; "
			    "take one side's file and repeat the other's change",
			    m->name);
	for (enum side s = BASE; s < SIDES; s++)
		buf_clear(&frames[s]);
	return rc;
}

/* --- documents -------------------------------------------------------------------------------- */

static const char *changed_head(const struct document *a, const struct document *b)
{
	if (a->kind != b->kind)
		return "its kind is not the same everywhere; decide, and seal it again";
	if (strcmp(a->type, b->type) != 0)
		return "the type of its Secret is not the same everywhere; decide, and seal it "
		       "again";
	if (!kv_equal(&a->labels, &b->labels) || !kv_equal(&a->annotations, &b->annotations))
		return "the labels or annotations of its Secret are not the same everywhere; every "
		       "part is bound to them: decide, and seal it again";
	if (a->policy != b->policy)
		return "its deletionPolicy is not the same everywhere; take one side's file and "
		       "repeat the other's change";
	return NULL;
}

static bool same_parts(const struct document *a, const struct document *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!document_part_equal(&a->parts[i], &b->parts[i]))
			return false;
	return changed_head(a, b) == NULL;
}

/* May the document's parts be joined?  1: yes, 0: there is nothing to join, -1: conflict. */
static int joinable(const struct merge *m, const struct trio *t)
{
	const struct document *o = t->d[OURS], *h = t->d[THEIRS], *b = t->d[BASE];
	const char *why;

	if (o == NULL || h == NULL) {
		const struct document *left = o != NULL ? o : h;

		if (left == NULL || b == NULL || same_parts(left, b))
			return 0;
		return conflict(m, left, NULL,
				"one branch removed it and the other changed it; decide which");
	}
	for (enum side s = BASE; s < SIDES; s++)
		if (t->d[s] != NULL && t->d[s]->n_signatures != 0)
			return conflict(m, o, NULL,
					"it is signed, and nobody has signed what a merge makes; "
					"take one side's file, repeat the other's change and sign");
	why = changed_head(o, h);
	if (why == NULL && b != NULL)
		why = changed_head(o, b);
	return why == NULL ? 1 : conflict(m, o, NULL, why);
}

/* --- parts ------------------------------------------------------------------------------------ */

static bool same_part(const struct document_part *a, const struct document_part *b)
{
	return a == NULL || b == NULL ? a == b : document_part_equal(a, b);
}

static bool same_fact(const struct document_part *a, const struct document_part *b,
		      const char *fact)
{
	const char *x = a == NULL ? NULL : kv_get_str(&a->facts, fact);
	const char *y = b == NULL ? NULL : kv_get_str(&b->facts, fact);

	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* Rule 6: `now` is what only one side made of `was`. */
static const char *grants_access(const struct document_part *was, const struct document_part *now)
{
	if (now == NULL)
		return NULL;
	if (!same_fact(was, now, "namespaces") || !same_fact(was, now, "service-accounts"))
		return "one branch changed to which namespaces or service accounts it goes; who "
		       "gets "
		       "a credential is not decided by a merge: take that side's file and "
		       "repeat the other's change with \"bulla set\"";
	if (was != NULL && !kv_equal(&was->recipients, &now->recipients))
		return "one branch changed its recipients; who can open a credential is not "
		       "decided by a merge: look at them, take that side's file and repeat "
		       "the other's change with \"bulla set\"";
	return NULL;
}

static int decide(const struct merge *m, const struct document *d, struct part_trio *t)
{
	const struct document_part *b = t->p[BASE], *o = t->p[OURS], *h = t->p[THEIRS];
	const char *why = NULL;

	t->taken = OURS;
	if (same_part(o, h))
		return 0;
	if (same_part(b, o))
		t->taken = THEIRS;
	else if (!same_part(b, h))
		why = o == NULL || h == NULL
			  ? "one branch removed it and the other changed it; decide which"
		      : b == NULL
			  ? "both branches added it, each with its own value; take one side's file "
			    "or seal the value again with \"bulla set\""
			  : "both branches changed it; take one side's file or seal the value "
			    "again with \"bulla set\"";
	if (why == NULL)
		why = grants_access(b, t->p[t->taken]);
	return why == NULL ? 0 : conflict(m, d, t->name, why);
}

static const char *name_at(const struct trio *t, enum side s, const size_t at[SIDES])
{
	const struct document *d = t->d[s];

	return d != NULL && at[s] < d->n ? d->parts[at[s]].name : NULL;
}

/* The next name in order among the three documents from at[] on, with the parts of that name. */
static bool next_part(const struct trio *t, size_t at[SIDES], struct part_trio *out)
{
	*out = (struct part_trio){ .name = NULL };
	for (enum side s = BASE; s < SIDES; s++) {
		const char *name = name_at(t, s, at);

		if (name != NULL && (out->name == NULL || strcmp(name, out->name) < 0))
			out->name = name;
	}
	if (out->name == NULL)
		return false;
	for (enum side s = BASE; s < SIDES; s++) {
		const char *name = name_at(t, s, at);

		if (name != NULL && strcmp(name, out->name) == 0)
			out->p[s] = &t->d[s]->parts[at[s]++];
	}
	return true;
}

/* What the carrier's document must get and lose to become what was decided. */
struct changes {
	const struct document_part **put;
	const char **remove;
	size_t n_put, n_remove, n_kept;
};

static int compare_parts(const struct merge *m, const struct trio *t, struct changes *c)
{
	size_t at[SIDES] = { 0 };
	struct part_trio part;

	while (next_part(t, at, &part)) {
		const struct document_part *want;

		if (decide(m, t->d[OURS], &part) != 0)
			return -1;
		want = part.p[part.taken];
		c->n_kept += want != NULL;
		if (same_part(want, part.p[m->carrier]))
			continue;
		if (want != NULL)
			c->put[c->n_put++] = want;
		else
			c->remove[c->n_remove++] = part.name;
	}
	if (c->n_kept == 0)
		return conflict(m, t->d[OURS], NULL,
				"the branches together removed all its parts; remove the document "
				"or keep a part");
	return 0;
}

/* The joined parts may break a rule of documents that each side kept. */
static int edited(const struct merge *m, const struct document *d, int rc)
{
	char why[ERR_TEXT_MAX];

	if (rc == 0 || m->err == NULL || m->err->class != ERR_INVALID)
		return rc;
	memcpy(why, m->err->text, sizeof(why));
	err_set(m->err, ERR_CONFLICT, "%s: %s/%s: joined, it would break a rule: %s", m->name,
		d->namespace, d->name, why);
	return -1;
}

/* d: the document as ours has it. */
static int join(struct merge *m, const struct trio *t, const struct document *d)
{
	struct changes c = { NULL, NULL, 0, 0, 0 };
	const struct document *in = find(&m->result, d);
	size_t i = (size_t)(in - m->result.documents), most = 0;
	int rc;

	for (enum side s = BASE; s < SIDES; s++)
		most += t->d[s] == NULL ? 0 : t->d[s]->n;
	c.put = mem_array(most, sizeof(struct document_part *));
	c.remove = mem_array(most, sizeof(char *));
	rc = compare_parts(m, t, &c);
	if (rc == 0 && c.n_put > 0)
		rc = edited(m, d, edit_put_parts(&m->result, i, c.put, c.n_put, m->err));
	for (size_t k = 0; k < c.n_remove && rc == 0; k++)
		rc = edited(m, d, edit_remove_part(&m->result, i, c.remove[k], m->err));
	mem_free(c.put);
	mem_free(c.remove);
	return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Rule 7, from the inputs alone: the result's part is the one that one side changed, or that all
 * have. */
static bool is_merged(const struct trio *t, const struct document *result)
{
	size_t at[SIDES] = { 0 }, n = 0;
	struct part_trio part;

	while (next_part(t, at, &part)) {
		const struct document_part *is = document_part(result, part.name);
		enum side s = same_part(part.p[BASE], part.p[OURS]) ? THEIRS : OURS;

		if (!same_part(is, part.p[s]))
			return false;
		n += is != NULL;
	}
	return n == result->n && changed_head(t->d[OURS], result) == NULL;
}

static int each_document(struct merge *m, int (*what)(struct merge *, const struct trio *))
{
	for (enum side s = BASE; s < SIDES; s++)
		for (size_t i = 0; i < m->files[s].n; i++) {
			const struct document *d = &m->files[s].documents[i];
			struct trio t = { { find(&m->files[BASE], d), find(&m->files[OURS], d),
					    find(&m->files[THEIRS], d) } };
			enum side first = t.d[BASE] != NULL   ? BASE
					  : t.d[OURS] != NULL ? OURS
							      : THEIRS;

			if (first == s && what(m, &t) != 0)
				return -1;
		}
	return 0;
}

static int join_document(struct merge *m, const struct trio *t)
{
	int rc = joinable(m, t);

	return rc == 1 ? join(m, t, t->d[OURS]) : rc;
}

static int check_document(struct merge *m, const struct trio *t)
{
	const struct document *any = t->d[OURS] != NULL ? t->d[OURS] : t->d[THEIRS];
	const struct document *is = any == NULL ? NULL : find(&m->result, any);
	bool right = true;

	if (t->d[OURS] != NULL && t->d[THEIRS] != NULL)
		right = is != NULL && is_merged(t, is);
	else if (any != NULL)
		right = t->d[BASE] != NULL ? is == NULL : is != NULL && same_parts(any, is);
	if (right)
		return 0;
	return err_set(m->err, ERR_INTERNAL,
		       "%s: the merge did not give what was meant; please report it", m->name);
}

static int copy_text(const struct buf *text, struct buf *out, struct err *err)
{
	if (buf_put(out, text->data, text->len) != 0)
		return err_set(err, ERR_INVALID, "the merged file would be too large");
	return 0;
}

static int merge(struct merge *m, const struct merge_input *in, struct buf *out)
{
	struct buf copy = BUF_INIT;

	if (load(m, BASE, in->base) != 0 || load(m, OURS, in->ours) != 0 ||
	    load(m, THEIRS, in->theirs) != 0 || choose_carrier(m) != 0)
		return -1;
	buf_put(&copy, m->files[m->carrier].text.data, m->files[m->carrier].text.len);
	if (edit_load(m->name, &copy, &m->result, m->err) != 0 ||
	    each_document(m, join_document) != 0 || each_document(m, check_document) != 0)
		return -1;
	return copy_text(&m->result.text, out, m->err);
}

int merge_texts(const struct merge_input *in, struct buf *out, struct err *err)
{
	struct merge m = { .name = in->name, .err = err };
	int rc;

	buf_reset(out);
	if (same_bytes(in->base, in->theirs) || same_bytes(in->ours, in->theirs))
		return copy_text(in->ours, out, err);
	if (same_bytes(in->base, in->ours))
		return copy_text(in->theirs, out, err);
	rc = merge(&m, in, out);
	for (enum side s = BASE; s < SIDES; s++)
		edit_clear(&m.files[s]);
	edit_clear(&m.result);
	return rc;
}
