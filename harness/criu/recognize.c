/* SPDX-License-Identifier: Apache-2.0 */
/* CRIU writes an inventory for every dump; nothing else is called so. */
#include "criu/archive.h"

#include "image/tar.h"
#include "sys/fs.h"

#include <string.h>

#define INVENTORY "inventory.img"
#define SEALED	  "seal.cms"

struct look {
	bool inventory, sealed;
};

static bool is_file_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static int recognize_on_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			       struct cryo_err *err)
{
	struct look *l = arg;

	(void)r;
	(void)err;
	l->inventory = !e->is_dir && is_file_called(e->name, INVENTORY);
	l->sealed = l->sealed || strcmp(e->name, SEALED) == 0;
	return l->inventory;
}

static void look_into_dir(const char *dir, struct look *l)
{
	cryo_auto(cryo_free) char *inventory = cryo_asprintf("%s/" INVENTORY, dir);
	cryo_auto(cryo_free) char *sealed = cryo_asprintf("%s/" SEALED, dir);

	l->inventory = cryo_fs_size(inventory) >= 0;
	l->sealed = cryo_fs_exists(sealed);
}

int cryo_checkpoint_recognize(const char *path, struct cryo_err *err)
{
	struct look l = { 0 };
	int rc = 0;

	if (cryo_fs_is_dir(path))
		look_into_dir(path, &l);
	else
		rc = cryo_tar_walk(path, recognize_on_member, &l, err);
	if (rc < 0)
		return rc;
	if (l.sealed)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is already sealed", path);
	if (!l.inventory)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' is not a checkpoint: there is no '" INVENTORY "' in it",
				    path);
	return 0;
}
