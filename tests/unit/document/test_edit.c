/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "document/conflict.h"
#include "document/edit.h"
#include "tests/unit/document/scene.h"

struct edit_case {
	const char *what, *before, *after;
	const char *name;	/* of the part */
	char file;		/* put with this age file, or 0: removed */
	const char *recipients; /* NULL: eu=ID1 */
	const char *facts;	/* NULL: sealed-at=AT */
};

static const struct edit_case cases[] = {
	{ "add at the end", HEAD PART("A", "A"), HEAD PART("A", "A") PART("B", "B"), "B", 'B', NULL,
	  NULL },
	{ "add at the begin", HEAD PART("B", "B"), HEAD PART("A", "A") PART("B", "B"), "A", 'A',
	  NULL, NULL },
	{ "add in the middle", HEAD PART("A", "A") PART("C", "C"),
	  HEAD PART("A", "A") PART("B", "B") PART("C", "C"), "B", 'B', NULL, NULL },
	{ "names in byte order", HEAD PART("B", "B") PART("a", "A"),
	  HEAD PART("B", "B") PART("C-1", "C") PART("a", "A"), "C-1", 'C', NULL, NULL },
	{ "what is not a string is quoted", HEAD PART("A", "A"),
	  HEAD PART("A", "A") PART("\"NO\"", "B"), "NO", 'B', NULL, NULL },
	{ "digits are quoted", HEAD PART("A", "A"), HEAD PART("\"1_000\"", "B") PART("A", "A"),
	  "1_000", 'B', NULL, NULL },
	{ "replace all", HEAD PART("A", "A"), HEAD PART_AT("A", "B", AT2), "A", 'B', NULL,
	  "sealed-at=" AT2 },
	{ "replace the first", HEAD PART("A", "A") PART("B", "B"),
	  HEAD PART("A", "C") PART("B", "B"), "A", 'C', NULL, NULL },
	{ "put what is there", HEAD PART("A", "A"), HEAD PART("A", "A"), "A", 'A', NULL, NULL },
	{ "remove the last", HEAD PART("A", "A") PART("B", "B"), HEAD PART("A", "A"), "B", 0, NULL,
	  NULL },
	{ "remove the first", HEAD PART("A", "A") PART("B", "B"), HEAD PART("B", "B"), "A", 0, NULL,
	  NULL },
	{ "remove between", HEAD PART("A", "A") PART("B", "B") PART("C", "C"),
	  HEAD PART("A", "A") PART("C", "C"), "B", 0, NULL, NULL },
	/* comments */
	{ "a new part goes above the next one's comments",
	  HEAD PART("A", "A") "    # about C\n    #\n" PART("C", "C"),
	  HEAD PART("A", "A") PART("B", "B") "    # about C\n    #\n" PART("C", "C"), "B", 'B',
	  NULL, NULL },
	{ "and behind the comments that are the one before's",
	  HEAD PART("A", "A") "      # still A\n    # about C\n" PART("C", "C"),
	  HEAD PART("A", "A") "      # still A\n" PART("B", "B") "    # about C\n" PART("C", "C"),
	  "B", 'B', NULL, NULL },
	{ "at the end: behind its own, above those of others",
	  HEAD PART("A", "A") "      # still A\n    # end\n# far end\n",
	  HEAD PART("A", "A") "      # still A\n" PART("B", "B") "    # end\n# far end\n", "B", 'B',
	  NULL, NULL },
	{ "the comment above a removed part stays, those inside go",
	  HEAD PART("A", "A") "    # about B\n    B:  # inside\n"
			      "      recipients:\n        eu: \"" ID1
			      "\"\n      facts:\n        # inside\n"
			      "        sealed-at: \"" AT
			      "\"\n      sealed: |\n        $B\n      # inside\n"
			      "    # about C\n" PART("C", "C"),
	  HEAD PART("A", "A") "    # about B\n    # about C\n" PART("C", "C"), "B", 0, NULL, NULL },
	{ "comments inside a replaced part stay",
	  HEAD "    # above\n    A:  # key\n      # to whom\n      recipients:  # r\n"
	       "        eu: \"" ID1 "\"  # Paris\n      facts:\n        sealed-at: '" AT
	       "' # when\n"
	       "      # bytes\n      sealed: |  # armor\n        $A\n    # below\n",
	  HEAD "    # above\n    A:  # key\n      # to whom\n      recipients:  # r\n"
	       "        eu: \"" ID1 "\"  # Paris\n      facts:\n        sealed-at: \"" AT2
	       "\" # when\n"
	       "      # bytes\n      sealed: |  # armor\n        $B\n    # below\n",
	  "A", 'B', NULL, "sealed-at=" AT2 },
	{ "comments that look like values", HEAD PART("A", "A") "    # B:\n    #   sealed: |\n",
	  HEAD PART("A", "A") PART("B", "B") "    # B:\n    #   sealed: |\n", "B", 'B', NULL,
	  NULL },
	{ "a comment above the first part is its own",
	  TOP SPEC "  parts:  # here\n    # first\n" PART("B", "B"),
	  TOP SPEC "  parts:  # here\n" PART("A", "A") "    # first\n" PART("B", "B"), "A", 'A',
	  NULL, NULL },
	/* empty lines between parts */
	{ "an empty line as between the others", HEAD PART("A", "A") "\n" PART("C", "C"),
	  HEAD PART("A", "A") "\n" PART("B", "B") "\n" PART("C", "C"), "B", 'B', NULL, NULL },
	{ "also at the end", HEAD PART("A", "A") "\n" PART("B", "B") "\n# end\n",
	  HEAD PART("A", "A") "\n" PART("B", "B") "\n" PART("C", "C") "\n# end\n", "C", 'C', NULL,
	  NULL },
	{ "also at the begin", HEAD PART("B", "B") "\n  \n" PART("C", "C"),
	  HEAD PART("A", "A") "\n" PART("B", "B") "\n  \n" PART("C", "C"), "A", 'A', NULL, NULL },
	{ "and one goes with a part, between",
	  HEAD PART("A", "A") "\n" PART("B", "B") "\n" PART("C", "C"),
	  HEAD PART("A", "A") "\n" PART("C", "C"), "B", 0, NULL, NULL },
	{ "at the begin", HEAD PART("A", "A") "\n" PART("B", "B"), HEAD PART("B", "B"), "A", 0,
	  NULL, NULL },
	{ "at the end", HEAD PART("A", "A") "\n\n" PART("B", "B") "\n#\n",
	  HEAD PART("A", "A") "\n\n#\n", "B", 0, NULL, NULL },
	{ "not when it is the armor's",
	  HEAD "    A:\n      facts: {sealed-at: \"" AT "\"}\n      recipients: {eu: \"" ID1
	       "\"}\n      sealed: |+\n        $A\n\n" PART("B", "B"),
	  HEAD "    A:\n      facts: {sealed-at: \"" AT "\"}\n      recipients: {eu: \"" ID1
	       "\"}\n      sealed: |+\n        $A\n\n",
	  "B", 0, NULL, NULL },
	{ "an empty line alone is no custom", HEAD PART("A", "A") "\n",
	  HEAD PART("A", "A") PART("B", "B") "\n", "B", 'B', NULL, NULL },
	/* parts in the middle of the document */
	{ "keys behind the parts",
	  TOP "spec:\n  kind: opaque\n  parts:\n" PART("A", "A") "  secret:\n    type: Opaque\n",
	  TOP "spec:\n  kind: opaque\n  parts:\n" PART("A", "A")
	      PART("B", "B") "  secret:\n    type: Opaque\n",
	  "B", 'B', NULL, NULL },
	{ "the spec first", SPEC "  parts:\n" PART("A", "A") TOP,
	  SPEC "  parts:\n" PART("A", "B") TOP, "A", 'B', NULL, NULL },
	/* no line break at the end */
	{ "add behind a last line without its end", HEAD PART("A", "A") "    # x",
	  HEAD PART("A", "A") PART("B", "B") "    # x", "B", 'B', NULL, NULL },
	{ "add, the armor ends the file",
	  HEAD "    A:\n      recipients: {eu: \"" ID1 "\"}\n      facts: {sealed-at: \"" AT "\"}\n"
	       "      sealed: |\n        $A",
	  HEAD "    A:\n      recipients: {eu: \"" ID1 "\"}\n      facts: {sealed-at: \"" AT "\"}\n"
	       "      sealed: |\n        $A\n"
	       "    B:\n      recipients:\n        eu: \"" ID1
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n"
	       "      sealed: |\n        $B",
	  "B", 'B', NULL, NULL },
	{ "replace, the armor ends the file",
	  HEAD PART("A", "A") "    B:\n      recipients:\n"
			      "        eu: \"" ID1 "\"\n      facts:\n        sealed-at: \"" AT
			      "\"\n      sealed: |\n        $B",
	  HEAD PART("A", "A") "    B:\n      recipients:\n"
			      "        eu: \"" ID1 "\"\n      facts:\n        sealed-at: \"" AT
			      "\"\n      sealed: |\n        $C",
	  "B", 'C', NULL, NULL },
	{ "remove, the armor ends the file",
	  HEAD PART("A", "A") "    B:\n      recipients:\n"
			      "        eu: \"" ID1 "\"\n      facts:\n        sealed-at: \"" AT
			      "\"\n      sealed: |-\n        $B",
	  HEAD "    A:\n      recipients:\n        eu: \"" ID1
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $A",
	  "B", 0, NULL, NULL },
	/* indentation */
	{ "four columns",
	  TOP "spec:\n    kind: opaque\n    secret:\n        type: Opaque\n    parts:\n        A:\n"
	      "            recipients:\n                eu: \"" ID1 "\"\n            facts:\n"
	      "                sealed-at: \"" AT "\"\n            sealed: |\n                $A\n",
	  TOP "spec:\n    kind: opaque\n    secret:\n        type: Opaque\n    parts:\n        A:\n"
	      "            recipients:\n                eu: \"" ID1 "\"\n            facts:\n"
	      "                sealed-at: \"" AT
	      "\"\n            sealed: |\n                $A\n        B:\n"
	      "            recipients:\n                eu: \"" ID1 "\"\n            facts:\n"
	      "                sealed-at: \"" AT "\"\n            sealed: |\n                $B\n",
	  "B", 'B', NULL, NULL },
	{ "columns of their own",
	  HEAD "       A:\n        recipients:\n           eu: \"" ID1
	       "\"\n        facts:\n         sealed-at: \"" AT
	       "\"\n        sealed: |\n             $A\n",
	  HEAD "       A:\n        recipients:\n           eu: \"" ID1
	       "\"\n        facts:\n         sealed-at: \"" AT
	       "\"\n        sealed: |\n             $A\n       B:\n        recipients:\n           "
	       "eu: \"" ID1 "\"\n        facts:\n         sealed-at: \"" AT
	       "\"\n        sealed: |\n             $B\n",
	  "B", 'B', NULL, NULL },
	{ "one column",
	  TOP "spec:\n kind: opaque\n secret: {type: Opaque}\n parts:\n  A:\n   recipients:\n    "
	      "eu: \"" ID1 "\"\n   facts:\n    sealed-at: \"" AT "\"\n   sealed: |\n    $A\n",
	  TOP "spec:\n kind: opaque\n secret: {type: Opaque}\n parts:\n  A:\n   recipients:\n    "
	      "eu: \"" ID1 "\"\n   facts:\n    sealed-at: \"" AT
	      "\"\n   sealed: |\n    $A\n  B:\n   recipients:\n    eu: \"" ID1
	      "\"\n   facts:\n    sealed-at: \"" AT "\"\n   sealed: |\n    $B\n",
	  "B", 'B', NULL, NULL },
	/* how the armor may be written */
	{ "strip",
	  HEAD "    A:\n      sealed: |-\n          $A\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  HEAD "    A:\n      sealed: |-\n          $B\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  "A", 'B', NULL, NULL },
	{ "an indentation that is said",
	  HEAD "    A:\n      sealed: |2\n        $A\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  HEAD "    A:\n      sealed: |2\n        $B\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  "A", 'B', NULL, NULL },
	{ "keep, with its empty line",
	  HEAD "    A:\n      sealed: |+\n        $A\n\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  HEAD "    A:\n      sealed: |+\n        $B\n\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  "A", 'B', NULL, NULL },
	{ "in quotes",
	  HEAD "    A:\n      sealed: \"$A\" # x\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  HEAD "    A:\n      sealed: \"$B\" # x\n      facts:\n        sealed-at: \"" AT
	       "\"\n      recipients:\n        eu: \"" ID1 "\"\n",
	  "A", 'B', NULL, NULL },
	/* recipients and facts */
	{ "one more recipient, at the end", HEAD PART("A", "A"),
	  HEAD "    A:\n      recipients:\n        eu: \"" ID1 "\"\n        us: \"" ID2
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $a\n",
	  "A", 'a', "eu=" ID1 ";us=" ID2, NULL },
	{ "one more recipient, at the begin; one more fact", HEAD PART("A", "A"),
	  HEAD "    A:\n      recipients:\n        asia: \"" ID2 "\"\n        eu: \"" ID1
	       "\"\n      facts:\n        not-after: \"" AT2 "\"\n        sealed-at: \"" AT
	       "\"\n      sealed: |\n        $a\n",
	  "A", 'a', "eu=" ID1 ";asia=" ID2, "sealed-at=" AT ";not-after=" AT2 },
	{ "one recipient less",
	  HEAD "    A:\n      recipients:\n        # one\n        eu: \"" ID1
	       "\" # e\n        # two\n        us: \"" ID2
	       "\" # u\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $a\n",
	  HEAD "    A:\n      recipients:\n        # one\n        # two\n        us: \"" ID2
	       "\" # u\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $B\n",
	  "A", 'B', "us=" ID2, NULL },
	{ "one for another",
	  HEAD "    A:\n      recipients:\n        eu: \"" ID1 "\"\n        us: \"" ID2
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $a\n",
	  HEAD "    A:\n      recipients:\n        us: \"" ID2 "\"\n        zz: \"" ID3
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $b\n",
	  "A", 'b', "us=" ID2 ";zz=" ID3, NULL },
	{ "all others", HEAD PART("A", "A"),
	  HEAD "    A:\n      recipients:\n        us: \"" ID2 "\"\n        zz: \"" ID3
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $b\n",
	  "A", 'b', "us=" ID2 ";zz=" ID3, NULL },
	{ "a key that changed under its name", HEAD PART("A", "A"),
	  HEAD "    A:\n      recipients:\n        eu: \"" ID2
	       "\"\n      facts:\n        sealed-at: \"" AT "\"\n      sealed: |\n        $B\n",
	  "A", 'B', "eu=" ID2, NULL },
	{ "a fact on two lines",
	  HEAD "    A:\n      recipients:\n        eu: \"" ID1
	       "\"\n      facts:\n        sealed-at: >-\n          " AT
	       "\n      sealed: |\n        $A\n",
	  HEAD PART_AT("A", "A", AT2), "A", 'A', NULL, "sealed-at=" AT2 },
	/* flow style */
	{ "flow recipients and facts",
	  HEAD "    A:\n      recipients: {eu: \"" ID1 "\"} # r\n      facts: {sealed-at: \"" AT
	       "\",} # f\n      sealed: |\n        $A\n",
	  HEAD "    A:\n      recipients: {eu: \"" ID1 "\", \"us\": \"" ID2
	       "\"} # r\n      facts: {\"not-after\": \"" AT2 "\", sealed-at: \"" AT
	       "\",} # f\n      sealed: |\n        $a\n",
	  "A", 'a', "eu=" ID1 ";us=" ID2, "sealed-at=" AT ";not-after=" AT2 },
	{ "flow, one less",
	  HEAD "    A:\n      recipients: { eu: \"" ID1 "\", us: \"" ID2
	       "\" }\n      facts: {sealed-at: \"" AT "\"}\n      sealed: |\n        $a\n",
	  HEAD "    A:\n      recipients: {\"us\": \"" ID2 "\"}\n      facts: {sealed-at: \"" AT
	       "\"}\n      sealed: |\n        $B\n",
	  "A", 'B', "us=" ID2, NULL },
	{ "flow parts, add at the end",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {A: {recipients: {eu: \"" ID1
	      "\"}, facts: {sealed-at: \"" AT "\"}, sealed: \"$A\"}}} # x\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {A: {recipients: {eu: \"" ID1
	      "\"}, facts: {sealed-at: \"" AT
	      "\"}, sealed: \"$A\"}, \"B\": {\"recipients\": {\"eu\": \"" ID1
	      "\"}, \"facts\": {\"sealed-at\": \"" AT "\"}, \"sealed\": \"$B\"}}} # x\n",
	  "B", 'B', NULL, NULL },
	{ "flow parts, remove the last",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {A: {recipients: {eu: \"" ID1
	      "\"}, facts: {sealed-at: \"" AT
	      "\"}, sealed: \"$A\"} , \"B\": {\"recipients\": {\"eu\": \"" ID1
	      "\"}, \"facts\": {\"sealed-at\": \"" AT "\"}, \"sealed\": \"$B\"} }} # x\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {A: {recipients: {eu: \"" ID1
	      "\"}, facts: {sealed-at: \"" AT "\"}, sealed: \"$A\"}  }} # x\n",
	  "B", 0, NULL, NULL },
	{ "flow parts, remove the first",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {A: {recipients: {eu: \"" ID1
	      "\"}, facts: {sealed-at: \"" AT
	      "\"}, sealed: \"$A\"}, \"B\": {\"recipients\": {\"eu\": \"" ID1
	      "\"}, \"facts\": {\"sealed-at\": \"" AT "\"}, \"sealed\": \"$B\"}}} # x\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {\"B\": {\"recipients\": "
	      "{\"eu\": \"" ID1 "\"}, \"facts\": {\"sealed-at\": \"" AT
	      "\"}, \"sealed\": \"$B\"}}} # x\n",
	  "A", 0, NULL, NULL },
#define JSON_HEAD                                                                                  \
	"{\n    \"apiVersion\": \"bulla.dev/v1\",\n    \"kind\": \"SealedCredential\",\n"          \
	"    \"metadata\": {\"name\": \"api-env\", \"namespace\": \"team-a\"},\n    \"spec\": {\n" \
	"        \"kind\": \"opaque\",\n        \"secret\": {\"type\": \"Opaque\"},\n"             \
	"        \"parts\": {\n"
#define JSON_PART(name, file)                                                                      \
	"            \"" name "\": {\n                \"recipients\": {\n"                         \
	"                    \"eu\": \"" ID1                                                       \
	"\"\n                },\n                \"facts\": {\n"                                   \
	"                    \"sealed-at\": \"" AT "\"\n                },\n"                      \
	"                \"sealed\": \"$" file "\"\n            }"
#define JSON_TAIL "\n        }\n    }\n}\n"
	{ "JSON, add at the end", JSON_HEAD JSON_PART("A", "A") JSON_TAIL,
	  JSON_HEAD JSON_PART("A", "A") ",\n" JSON_PART("B", "B") JSON_TAIL, "B", 'B', NULL, NULL },
	{ "JSON, add at the begin", JSON_HEAD JSON_PART("B", "B") JSON_TAIL,
	  JSON_HEAD JSON_PART("A", "A") ",\n" JSON_PART("B", "B") JSON_TAIL, "A", 'A', NULL, NULL },
	{ "JSON, remove the last",
	  JSON_HEAD JSON_PART("A", "A") ",\n" JSON_PART("B", "B") JSON_TAIL,
	  JSON_HEAD JSON_PART("A", "A") JSON_TAIL, "B", 0, NULL, NULL },
	{ "JSON, remove the first",
	  JSON_HEAD JSON_PART("A", "A") ",\n" JSON_PART("B", "B") JSON_TAIL,
	  JSON_HEAD JSON_PART("B", "B") JSON_TAIL, "A", 0, NULL, NULL },
	{ "JSON, other recipients", JSON_HEAD JSON_PART("A", "A") JSON_TAIL,
	  JSON_HEAD "            \"A\": {\n                \"recipients\": {\n                    "
		    "\"us\": \"" ID2 "\",\n                    \"zz\": \"" ID3
		    "\"\n                },\n                \"facts\": {\n"
		    "                    \"sealed-at\": \"" AT
		    "\"\n                },\n                \"sealed\": \"$b\"\n"
		    "            }" JSON_TAIL,
	  "A", 'b', "us=" ID2 ";zz=" ID3, NULL },
	{ "JSON on one line",
	  "{\"apiVersion\":\"bulla.dev/"
	  "v1\",\"kind\":\"SealedCredential\",\"metadata\":{\"name\":\"api-env\","
	  "\"namespace\":\"team-a\"},\"spec\":{\"kind\":\"opaque\",\"secret\":{\"type\":\"Opaque\"}"
	  ",\"parts\":{"
	  "\"A\":{\"recipients\":{\"eu\":\"" ID1 "\"},\"facts\":{\"sealed-at\":\"" AT
	  "\"},\"sealed\":\"$A\"},"
	  "\"C\":{\"recipients\":{\"eu\":\"" ID1 "\"},\"facts\":{\"sealed-at\":\"" AT
	  "\"},\"sealed\":\"$C\"}}}}",
	  "{\"apiVersion\":\"bulla.dev/"
	  "v1\",\"kind\":\"SealedCredential\",\"metadata\":{\"name\":\"api-env\","
	  "\"namespace\":\"team-a\"},\"spec\":{\"kind\":\"opaque\",\"secret\":{\"type\":\"Opaque\"}"
	  ",\"parts\":{"
	  "\"A\":{\"recipients\":{\"eu\":\"" ID1 "\"},\"facts\":{\"sealed-at\":\"" AT
	  "\"},\"sealed\":\"$A\"},"
	  "\"B\":{\"recipients\":{\"eu\":\"" ID1 "\"},\"facts\":{\"sealed-at\":\"" AT
	  "\"},\"sealed\":\"$B\"},"
	  "\"C\":{\"recipients\":{\"eu\":\"" ID1 "\"},\"facts\":{\"sealed-at\":\"" AT
	  "\"},\"sealed\":\"$C\"}}}}",
	  "B", 'B', NULL, NULL },
	{ "flow with comments and a comma at the end, remove the last",
	  TOP SPEC "  parts: {\n    # a\n    A: {recipients: {eu: \"" ID1
		   "\"}, facts: {sealed-at: \"" AT "\"}, sealed: \"$A\"}, # A\n"
		   "    # b\n    B: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
		   "\"}, sealed: \"$B\"}, # B\n    # end\n  }\n",
	  TOP SPEC "  parts: {\n    # a\n    A: {recipients: {eu: \"" ID1
		   "\"}, facts: {sealed-at: \"" AT "\"}, sealed: \"$A\"}, # A\n"
		   "    # b\n    # end\n  }\n",
	  "B", 0, NULL, NULL },
	{ "flow with comments, remove the last",
	  TOP SPEC "  parts: {\n    A: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
		   "\"}, sealed: \"$A\"}, # A\n"
		   "    # b\n    B: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
		   "\"}, sealed: \"$B\"} # B\n    # end\n  }\n",
	  TOP SPEC "  parts: {\n    A: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
		   "\"}, sealed: \"$A\"} # A\n"
		   "    # b\n    # end\n  }\n",
	  "B", 0, NULL, NULL },
	{ "a block part between flow ones",
	  HEAD "    A: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
	       "\"}, sealed: \"$A\"}\n",
	  HEAD "    A: {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT
	       "\"}, sealed: \"$A\"}\n" PART("B", "B"),
	  "B", 'B', NULL, NULL },
};

static void put_wrapped(const char *template, const char *before, const char *eol,
			const char *after, struct buf *out)
{
	buf_puts(out, before);
	scene_text(template, eol, out);
	buf_puts(out, after);
}

static void run_case(const struct edit_case *c, const char *before, const char *eol,
		     const char *after)
{
	struct document_part part = { 0 };
	struct edit_file f = EDIT_FILE_INIT;
	struct buf text = BUF_INIT, want = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	put_wrapped(c->before, before, eol, after, &text);
	put_wrapped(c->after, before, eol, after, &want);
	if (edit_load("t", &text, &f, &err) != 0)
		fail_msg("%s: %s", c->what, err.text);
	assert_int_equal(f.n, 1);
	if (c->file != 0) {
		part.name = mem_str(c->name);
		scene_kv(c->recipients != NULL ? c->recipients : "eu=" ID1, &part.recipients);
		scene_kv(c->facts != NULL ? c->facts : "sealed-at=" AT, &part.facts);
		buf_put(&part.age, scene_file(c->file)->data, scene_file(c->file)->len);
		rc = edit_put_part(&f, 0, &part, &err);
	} else {
		rc = edit_remove_part(&f, 0, c->name, &err);
	}
	if (rc != 0)
		fail_msg("%s: %s", c->what, err.text);
	if (strcmp(buf_str(&f.text), buf_str(&want)) != 0)
		fail_msg("%s: is\n%s\nnot\n%s", c->what, buf_str(&f.text), buf_str(&want));
	document_part_clear(&part);
	edit_clear(&f);
	buf_clear(&want);
}

static void test_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct edit_case *c = &cases[i];
		size_t len = strlen(c->before);

		run_case(c, "", "\n", "");
		run_case(c, "# \xd0\xb6\xe2\x82\xac\xf0\x9f\x98\x80 \t#\n", "\n", "");
		run_case(c, "\xef\xbb\xbf# \xd0\xb6\r\n---\r\n", "\r\n", "");
		if (c->before[len - 1] == '\n')
			run_case(c, "a: \xd0\xb6 # {\n--- # two\n", "\n",
				 "---\n- [b, {c: \"\xd0\xb6\"}]\n...\n");
	}
}

static void load(const char *template, struct edit_file *f)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	scene_text(template, "\n", &text);
	if (edit_load("t", &text, f, &err) != 0)
		fail_msg("%s", err.text);
}

static void make_part(struct document_part *part, const char *name, char file)
{
	*part = (struct document_part){ .name = mem_str(name) };
	scene_kv("eu=" ID1, &part->recipients);
	scene_kv("sealed-at=" AT, &part->facts);
	buf_put(&part->age, scene_file(file)->data, scene_file(file)->len);
}

static void expect(struct edit_file *f, const char *template)
{
	struct buf want = BUF_INIT;

	scene_text(template, "\n", &want);
	assert_string_equal(buf_str(&f->text), buf_str(&want));
	buf_clear(&want);
}

/* Several at once, given in any order, some new, some changed, two in one gap. */
static void test_many(void **state)
{
	struct document_part parts[4];
	const struct document_part *order[] = { &parts[2], &parts[0], &parts[3], &parts[1] };
	struct edit_file f;
	struct err err = ERR_INIT;

	(void)state;
	make_part(&parts[0], "B", 'B');
	make_part(&parts[1], "C", 'C');
	make_part(&parts[2], "D", 'D');
	make_part(&parts[3], "E", 'E');
	load(HEAD PART("A", "A") PART("D", "F"), &f);
	assert_int_equal(edit_put_parts(&f, 0, order, 4, &err), 0);
	expect(&f, HEAD PART("A", "A") PART("B", "B") PART("C", "C") PART("D", "D") PART("E", "E"));
	assert_int_equal(edit_put_parts(&f, 0, order, 0, &err), 0);
	expect(&f, HEAD PART("A", "A") PART("B", "B") PART("C", "C") PART("D", "D") PART("E", "E"));
	assert_int_equal(f.documents[0].n, 5);
	edit_clear(&f);
	for (size_t i = 0; i < 4; i++)
		document_part_clear(&parts[i]);
}

/* The document's own part, as seal_part leaves it, changed or added. */
static void test_own(void **state)
{
	struct document_part *part;
	struct edit_file f;
	struct err err = ERR_INIT;

	(void)state;
	load(HEAD PART("A", "A"), &f);
	part = document_part(&f.documents[0], "A");
	buf_reset(&part->age);
	buf_put(&part->age, scene_file('B')->data, scene_file('B')->len);
	assert_int_equal(edit_put_part(&f, 0, part, &err), 0);
	expect(&f, HEAD PART("A", "B"));
	part = document_part_add(&f.documents[0], "AA");
	kv_set_str(&part->recipients, "eu", ID1);
	kv_set_str(&part->facts, "sealed-at", AT);
	buf_put(&part->age, scene_file('C')->data, scene_file('C')->len);
	assert_int_equal(edit_put_part(&f, 0, part, &err), 0);
	expect(&f, HEAD PART("A", "B") PART("AA", "C"));
	edit_clear(&f);
}

#define SECOND                                                                                     \
	"apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata: {name: two, namespace: "      \
	"team-b}\n"

/* Three documents, the sealed ones first and last: the right one changes. */
static void test_several(void **state)
{
	struct document_part part;
	struct edit_file f;
	struct err err = ERR_INIT;

	(void)state;
	make_part(&part, "B", 'B');
	load(HEAD PART("A", "A") "---\nkind: ConfigMap\n--- # two\n" SECOND SPEC
				 "  parts:\n" PART("A", "C") "---\n",
	     &f);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.index[1], 2);
	assert_string_equal(f.documents[1].name, "two");
	assert_int_equal(edit_put_part(&f, 1, &part, &err), 0);
	expect(&f, HEAD PART("A", "A") "---\nkind: ConfigMap\n--- # two\n" SECOND SPEC
				       "  parts:\n" PART("A", "C") PART("B", "B") "---\n");
	assert_int_equal(edit_put_part(&f, 0, &part, &err), 0);
	assert_int_equal(edit_remove_part(&f, 1, "A", &err), 0);
	expect(&f,
	       HEAD PART("A", "A") PART("B", "B") "---\nkind: ConfigMap\n--- # two\n" SECOND SPEC
						  "  parts:\n" PART("B", "B") "---\n");
	edit_clear(&f);
	document_part_clear(&part);
}

/* Both documents in one go: each keeps its own line ends, and what is between stays. */
static void test_documents(void **state)
{
	struct document_part b, c;
	const struct document_part *first[] = { &b }, *second[] = { &c, &b };
	const struct edit_put puts[] = { { 0, first, 1 }, { 1, second, 2 } };
	struct buf text = BUF_INIT, want = BUF_INIT;
	struct edit_file f;
	struct err err = ERR_INIT;

	(void)state;
	make_part(&b, "B", 'B');
	make_part(&c, "C", 'D');
	scene_text(HEAD PART("A", "A") PART("B", "E"), "\r\n", &text);
	buf_puts(&text, "---\nkind: ConfigMap\n---\n");
	scene_text(SECOND SPEC "  parts:\n" PART("A", "C") PART("C", "F"), "\n", &text);
	scene_text(HEAD PART("A", "A") PART("B", "B"), "\r\n", &want);
	buf_puts(&want, "---\nkind: ConfigMap\n---\n");
	scene_text(SECOND SPEC "  parts:\n" PART("A", "C") PART("B", "B") PART("C", "D"), "\n",
		   &want);
	assert_int_equal(edit_load("t", &text, &f, &err), 0);
	assert_int_equal(edit_put_documents(&f, puts, 0, &err), 0);
	if (edit_put_documents(&f, puts, 2, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&f.text), buf_str(&want));
	/* one that breaks a rule stops all */
	kv_set_str(&c.recipients, "eu2", ID2);
	assert_int_equal(edit_put_documents(&f, puts, 2, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(buf_str(&f.text), buf_str(&want));
	edit_clear(&f);
	buf_clear(&want);
	document_part_clear(&b);
	document_part_clear(&c);
}

/* What is refused, by its own text, leaves the file and its documents as they were. */
static void test_refused(void **state)
{
	struct document_part part, fan;
	struct edit_file f;
	struct err err = ERR_INIT;

	(void)state;
	load("# c\n---\n" HEAD PART("A", "A"), &f);
	assert_int_equal(edit_remove_part(&f, 0, "A", &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(err.text,
			    "t:13: the document's only part; remove the whole document instead");
	assert_int_equal(edit_remove_part(&f, 0, "B", &err), -1);
	assert_string_equal(err.text, "t:3: the document has no part of that name");
	make_part(&part, "credential", 'B');
	assert_int_equal(edit_put_part(&f, 0, &part, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "t:3: spec.parts."));
	document_part_clear(&part);
	make_part(&part, "B", 'b');
	assert_int_equal(edit_put_part(&f, 0, &part, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "spec.parts.B.sealed: is encrypted to 2 recipients"));
	document_part_clear(&part);
	make_part(&fan, "B", 'B');
	kv_set_str(&fan.facts, "registry", "ghcr.io");
	assert_int_equal(edit_put_part(&f, 0, &fan, &err), -1);
	assert_non_null(strstr(err.text, "spec.parts.B.facts.registry"));
	document_part_clear(&fan);
	expect(&f, "# c\n---\n" HEAD PART("A", "A"));
	assert_int_equal(f.documents[0].n, 1);
	edit_clear(&f);
}

/* 700 KiB pass the rules, but not with the indentation of the text; 500 KiB twice pass neither. */
static void test_too_large(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		int rc;
	} steps[] = { { "B", 700 * 1024, -1 }, { "B", 500 * 1024, 0 }, { "C", 500 * 1024, -1 } };
	struct edit_file f;

	(void)state;
	load(HEAD PART("A", "A"), &f);
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct err err = ERR_INIT;
		struct document_part part;

		make_part(&part, steps[i].name, 'B');
		buf_clear(&part.age);
		sample_age(1, steps[i].len, &part.age);
		assert_int_equal(edit_put_part(&f, 0, &part, &err), steps[i].rc);
		assert_int_equal(err.class, steps[i].rc == 0 ? ERR_NONE : ERR_INVALID);
		if (steps[i].rc != 0)
			assert_non_null(strstr(err.text, "larger than 1048576 bytes"));
		document_part_clear(&part);
	}
	assert_int_equal(f.documents[0].n, 2);
	edit_clear(&f);
}

struct load_case {
	const char *text;
	enum err_class class;
	const char *why; /* the begin of the error */
	size_t n;
};

static const struct load_case loads[] = {
	{ "", ERR_NONE, "", 0 },
	{ "a: &x b\nc: *x\n", ERR_NONE, "", 0 }, /* not ours: not parsed */
	{ "# bulla.dev\na: b\n", ERR_NONE, "", 0 },
	{ "# bulla.de\na: [\n", ERR_NONE, "", 0 },
	{ "# bulla.dev\na: &x b\n", ERR_INVALID, "t:2: anchors", 0 },
	{ HEAD PART("A", "A"), ERR_NONE, "", 1 },
	{ "a: b\n---\n" HEAD PART("A", "A") "---\n" HEAD PART("A", "A"), ERR_NONE, "", 2 },
	{ HEAD "    A: {}\n", ERR_INVALID, "t:11: spec.parts.A", 0 },
	{ HEAD PART("A", "A") "---\napiVersion: bulla.dev/v1\nkind: SealedCredential\n",
	  ERR_INVALID, "t:2", 0 },
	{ "a: b\n<<<<<<< HEAD\nb: c\n=======\nb: d\n>>>>>>> x\n", ERR_CONFLICT,
	  "t:2: git left a conflict here", 0 },
	{ HEAD "<<<<<<< ours\n" PART("A", "A") "=======\n" PART("A", "B") ">>>>>>> theirs\n",
	  ERR_CONFLICT, "t:11: git left a conflict here", 0 },
};

static void test_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(loads); i++) {
		struct edit_file f;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		int rc;

		scene_text(loads[i].text, "\n", &text);
		rc = edit_load("t", &text, &f, &err);
		assert_null(text.data);
		if (err.class != loads[i].class || (rc == 0) != (loads[i].class == ERR_NONE) ||
		    strncmp(err.text, loads[i].why, strlen(loads[i].why)) != 0)
			fail_msg("%s\n%s", loads[i].text, err.text);
		assert_int_equal(f.n, loads[i].n);
		if (rc == 0)
			edit_clear(&f);
		assert_null(f.text.data);
		assert_null(f.name);
	}
}

static const struct {
	const char *text;
	size_t line;
} conflicts[] = {
	{ "", 0 },
	{ "a: b\n", 0 },
	{ "<<<<<<< HEAD\n", 1 },
	{ "<<<<<<<", 1 },
	{ "a\r\n=======\r\nb\r\n", 2 },
	{ "a\n>>>>>>> x", 2 },
	{ "a\n\n||||||| 1234\n", 3 },
	{ "<<<<<<<HEAD\n", 0 },
	{ "<<<<<<\n", 0 },
	{ "<<<<<<<< x\n", 0 },
	{ "======= x\n", 0 },
	{ "========\n", 0 },
	{ " =======\n", 0 },
	{ "# =======\n", 0 },
	{ "a: |\n  <<<<<<< x\n  =======\n", 0 },
	{ "-------\n+++++++\n", 0 },
	{ "<<<<<=<\n", 0 },
};

static void test_conflicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(conflicts); i++)
		if (conflict_line(conflicts[i].text, strlen(conflicts[i].text)) !=
		    conflicts[i].line)
			fail_msg("%s", conflicts[i].text);
	assert_int_equal(conflict_line("\0\0\0\0\0\0\0\n", 8), 0);
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	bool mentions;
} written[] = {
	{ TEXT("\"bulla.\\x64ev/v1\""), true },
	{ TEXT("\"\\u0062ulla.dev/v1\""), true },
	{ TEXT("\"bulla.de\\U00000076\""), true },
	{ TEXT("\"bulla.de\\u0076"), true },
	{ TEXT("\"bulla\\u002Edev"), true },
	{ TEXT("\"bul\\\n   \\\r\n la.dev/v1\""), true },
	{ TEXT("\xff\xfe"
	       "b\0u\0l\0l\0a\0.\0d\0e\0v\0"),
	  true },
	{ TEXT("\xfe\xff\0b\0u\0l\0l\0a\0.\0d\0e\0v"), true },
	{ TEXT("\"bulla.\\x65ev/v1\""), false },
	{ TEXT("\"bulla.de\\u007"), false },
	{ TEXT("\"bulla.de\\u0176"), false },
	{ TEXT("\"bulla.de\\U10000076"), false },
	{ TEXT("\"bulla.de\\uzz76"), false },
	{ TEXT("\"bulla.de\\"), false },
	{ TEXT("\"bulla.de\\\n"), false },
	{ TEXT("bulla.de\\v"), false },
};

static void test_mentions(void **state)
{
	(void)state;
	assert_false(edit_mentions("", 0));
	assert_false(edit_mentions("bulla.de", 8));
	assert_true(edit_mentions("bulla.dev", 9));
	assert_false(edit_mentions("bulla.dev", 8));
	assert_true(edit_mentions("bbbulla.debulla.dev/v1", 22));
	assert_false(edit_mentions("bulla-dev bulla.d", 17));
	assert_false(edit_mentions("bulla\0-dev\0", 11));
	for (size_t i = 0; i < COUNT(written); i++) {
		/* blocks of their own, so that AddressSanitizer sees their ends */
		char *text = mem_dup(written[i].text, written[i].len);

		assert_true(edit_mentions(text, written[i].len) == written[i].mentions);
		mem_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_many),
		cmocka_unit_test(test_own),	 cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_load),	 cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_mentions), cmocka_unit_test(test_documents),
	};
	int rc;

	mem_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	scene_clear();
	return rc;
}
