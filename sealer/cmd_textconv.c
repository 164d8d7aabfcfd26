/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "document/document.h"
#include "sealer/textconv.h"

#define CHUNK 65536

/* Too large for a file of sealed documents: git wants all of it nevertheless. */
static int copy(const char *path, struct err *err)
{
	unsigned char chunk[CHUNK];
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	ssize_t n = 0;

	if (fd < 0)
		return err_sys(err, "%s: cannot open", path);
	while (r == 0 && (n = read(fd, chunk, sizeof(chunk))) != 0)
		if (n > 0)
			r = file_write_fd(STDOUT_FILENO, chunk, (size_t)n, err);
		else if (errno != EINTR)
			r = err_sys(err, "%s: cannot read", path);
	close(fd);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err why = ERR_INIT;
	int r;

	if (file_read(in->args[0], DOCUMENT_FILE_MAX, FILE_STDIN, &text, NULL, &why) != 0)
		return why.class == ERR_INVALID ? copy(in->args[0], err)
						: err_set(err, why.class, "%s", why.text);
	textconv_text(text.data, text.len, &out);
	if (out.truncated) {
		/* each byte escaped in the worst way may be too much; as it is, it never is */
		r = file_write_fd(STDOUT_FILENO, text.data, text.len, err);
	} else {
		r = file_write_fd(STDOUT_FILENO, out.data, out.len, err);
	}
	buf_clear(&text);
	buf_clear(&out);
	return r;
}

const struct command cmd_textconv = {
	.name = "textconv",
	.summary = "show a file as git diff is to show it",
	.arguments = "FILE|-",
	.about = "Git runs this as 'init' has set it up (*.yaml diff=bulla in .gitattributes). "
		 "Of each age file only its length and SHA-256 are shown; nothing is decrypted. "
		 "Files without sealed documents come out as they are.",
	.run = run,
};
