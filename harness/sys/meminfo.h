/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of this machine: /proc/meminfo, whose lines are "Key: N kB" (proc_meminfo(5)). */
#ifndef CRYO_SYS_MEMINFO_H
#define CRYO_SYS_MEMINFO_H

#include <stdint.h>

/* Bytes that the text says for `key`, with its colon; 0: it does not say. */
uint64_t cryo_meminfo_bytes(const char *text, const char *key);
/* Bytes that programs can get without swapping; 0: not known. */
uint64_t cryo_memory_available(void);

#endif
