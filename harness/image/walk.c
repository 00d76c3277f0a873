/* SPDX-License-Identifier: Apache-2.0 */
#include "image/walk.h"

#include "base/str.h"
#include "sys/intr.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	cryo_walk_visit visit;
	void *arg;
};

/* Not alphasort: that follows the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_dir(const struct walk *w, const char *dir, const char *below, struct cryo_err *err);

static int walk_entry(const struct walk *w, const char *dir, const char *below, const char *name,
		      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_free) char *full = *below ? cryo_asprintf("%s/%s", below, name)
						 : cryo_strdup(name);
	struct cryo_walk_entry e = { .name = full, .path = path };
	int rc = cryo_intr_check(err);

	if (rc < 0)
		return rc;
	if (lstat(path, &e.st) < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	rc = w->visit(&e, w->arg, err);
	if (rc == CRYO_WALK_SKIP)
		return 0;
	return rc < 0 || !S_ISDIR(e.st.st_mode) ? rc : walk_dir(w, path, full, err);
}

static int walk_dir(const struct walk *w, const char *dir, const char *below, struct cryo_err *err)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, compare_names), rc = 0;

	if (n < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", dir);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			rc = walk_entry(w, dir, below, name, err);
		free(list[i]);
	}
	free(list);
	return rc;
}

int cryo_walk_tree(const char *dir, cryo_walk_visit visit, void *arg, struct cryo_err *err)
{
	const struct walk w = { visit, arg };

	return walk_dir(&w, dir, "", err);
}
