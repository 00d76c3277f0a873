/* SPDX-License-Identifier: Apache-2.0 */
#include "source/data.h"

#include "base/str.h"
#include "sys/fs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* build/asan/tests/test_data is four directories below the tree. */
#define MAX_UP 4

static char *find_program_dir(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	*slash = '\0';
	return cryo_strdup(path);
}

/* Takes `path`: hands it out if it is there. */
static bool take_if_there(char *path, char **out)
{
	if (cryo_fs_exists(path)) {
		*out = path;
		return true;
	}
	free(path);
	return false;
}

static bool find_in_own_tree(const char *root, const char *relative, char **out)
{
	cryo_auto(cryo_free) char *harness = cryo_asprintf("%s/harness/base", root);

	if (!cryo_fs_is_dir(harness))
		return false;
	return take_if_there(cryo_asprintf("%s/%s%s", root,
					   cryo_starts_with(relative, "libexec/") ? "build/" : "",
					   relative),
			     out);
}

static bool find_installed_data(const char *bin, const char *relative, char **out)
{
	static const char libexec[] = "libexec/";

	if (cryo_starts_with(relative, libexec))
		return take_if_there(
		    cryo_asprintf("%s/../libexec/cryopod/%s", bin, relative + strlen(libexec)),
		    out);
	return take_if_there(cryo_asprintf("%s/../share/cryopod/%s", bin, relative), out);
}

static bool find_data_path(const char *relative, char **out)
{
	const char *data = getenv("CRYOPOD_DATA");
	cryo_auto(cryo_free) char *dir = find_program_dir();

	if (data && *data && take_if_there(cryo_asprintf("%s/%s", data, relative), out))
		return true;
	if (!dir)
		return false;
	if (find_installed_data(dir, relative, out))
		return true;
	for (int i = 0; i < MAX_UP; i++) {
		char *slash = strrchr(dir, '/');

		if (!slash)
			break;
		*slash = '\0';
		if (find_in_own_tree(dir, relative, out))
			return true;
	}
	return false;
}

int cryo_data_path(const char *relative, char **out, struct cryo_err *err)
{
	char *found = NULL, *absolute;

	if (!find_data_path(relative, &found))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "'%s' is not there: cryopod is not installed completely "
				    "(CRYOPOD_DATA names the directory)",
				    relative);
	absolute = realpath(found, NULL);
	if (!absolute)
		absolute = cryo_steal(&found);
	free(found);
	*out = absolute;
	return 0;
}
