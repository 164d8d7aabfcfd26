/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential plugin printed is refused, without showing any of it, or can be used. */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "kube/exec_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exec_answer a;
	struct err err = ERR_INIT;

	if (exec_answer_parse(data, size, "client.authentication.k8s.io/v1", &a, &err) == 0) {
		must((a.cert.len == 0) == (a.key.len == 0));
		must(a.token != NULL ? a.token[0] != '\0' : a.cert.len != 0);
	} else {
		must(err.class == ERR_INVALID && err.text[0] != '\0');
		must(a.token == NULL && a.cert.data == NULL && a.key.data == NULL);
	}
	exec_answer_clear(&a);
	return 0;
}
