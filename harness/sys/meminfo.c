/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/meminfo.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MEMINFO 65536

uint64_t cryo_meminfo_bytes(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtoull(line + strlen(key), NULL, 10) << 10 : 0;
}

uint64_t cryo_memory_available(void)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read("/proc/meminfo", MAX_MEMINFO, &text, &ignored) < 0)
		return 0;
	return cryo_meminfo_bytes(cryo_str_get(&text), "MemAvailable:");
}
