/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that are never written are the file's bytes; others hold relocations and data. */
static int trim_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	size_t *bytes = ctx;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + p->p_vaddr, end = begin + p->p_memsz;

		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) != 0)
			continue;
		/* whole pages only: half of one could be a neighbour's */
		begin = (begin + page - 1) & ~(page - 1);
		end &= ~(page - 1);
		if (begin >= end)
			continue;
		/* what the kernel maps by itself (the vdso) refuses */
		if (madvise((void *)begin, end - begin, MADV_DONTNEED) == 0)
			*bytes += end - begin;
	}
	return 0;
}

size_t trim_memory(void)
{
	size_t bytes = 0;

	malloc_trim(0);
	dl_iterate_phdr(trim_object, &bytes);
	return bytes;
}
