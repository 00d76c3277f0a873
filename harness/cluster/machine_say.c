/* SPDX-License-Identifier: Apache-2.0 */
/* What checks of a machine are written with. */
#include "cluster/machine_checks.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PROC (8u << 20)

void machine_say(struct cryo_finding *f, enum cryo_verdict verdict, const char *fix,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->verdict = verdict;
	f->detail = cryo_vasprintf(fmt, ap);
	f->fix = cryo_strdup(fix);
	va_end(ap);
}

char *machine_proc(const struct machine_look *k, const char *file)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", k->m->proc, file);
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str text = { 0 };

	if (cryo_fs_read(path, MAX_PROC, &text, &ignored) < 0)
		cryo_str_clear(&text);
	return cryo_str_detach(&text);
}

char *machine_nearest_dir(const char *path)
{
	char *p = cryo_strdup(path), *slash;

	while (!cryo_fs_is_dir(p) && (slash = strrchr(p, '/')))
		slash[slash == p] = '\0';
	return p;
}
