/* SPDX-License-Identifier: Apache-2.0 */
/* Images of a fork-encrypted checkpoint; the first byte chooses which. */
#include "criu/forked.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "cipher.img",
					     "core-1.img",
					     "pipes-data.img",
					     "ghost-file-1.img",
					     "tmpfs-dev-1.tar.gz.img",
					     "pages-1.img",
					     "ifaddr-1.img",
					     "inventory.img" };
	struct cryo_forked f = { 0 };

	if (size == 0)
		return 0;
	cryo_forked_take(&f, names[*data % CRYO_ARRAY_LEN(names)], (const char *)data + 1, size - 1,
			 size - 1 + (*data >> 3) * 1000u);
	cryo_forked_release(&f);
	return 0;
}
