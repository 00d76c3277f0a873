/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as they are looked up. */
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *cryo_fs_which(const char *program)
{
	const char *path = getenv("PATH");
	cryo_auto(cryo_free) char *dirs =
	    cryo_strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	char *save = NULL;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? cryo_strdup(program) : NULL;
	for (char *d = strtok_r(dirs, ":", &save); d; d = strtok_r(NULL, ":", &save)) {
		char *full = cryo_asprintf("%s/%s", d, program);

		if (access(full, X_OK) == 0 && !cryo_fs_is_dir(full))
			return full;
		free(full);
	}
	return NULL;
}

/* The last name of `path`, which ends there: what is left is its directory. */
static char *cut_last_name(char *path)
{
	char *slash = path + strlen(path);

	while (slash > path && slash[-1] == '/')
		*--slash = '\0';
	while (slash > path && slash[-1] != '/')
		slash--;
	return slash;
}

char *cryo_fs_resolve(const char *path)
{
	char *real = realpath(path, NULL);
	cryo_auto(cryo_free) char *dir = cryo_strdup(path), *name = NULL, *above = NULL;
	char *at = cut_last_name(dir);

	if (real)
		return real;
	name = cryo_strdup(at);
	*at = '\0';
	if (!*name) /* not even a directory that one could be in */
		return cryo_strdup("/");
	above = cryo_fs_resolve(*dir ? dir : ".");
	return cryo_asprintf("%s/%s", strcmp(above, "/") == 0 ? "" : above, name);
}
