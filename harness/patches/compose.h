/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patches/: commits as mails, by `git format-patch`. */
#ifndef CRYO_PATCHES_COMPOSE_H
#define CRYO_PATCHES_COMPOSE_H

#include "patches/series.h"

struct cryo_composed {
	struct cryo_strv name, text; /* of each patch */
};
void cryo_composed_release(struct cryo_composed *c);
#define cryo_composed_releasep cryo_composed_release

/*
 * The commits behind `base` (in hex) up to `head`, a line without merges. Nothing in the
 * mails depends on the time, the machine, the version of git or the commits' ids. They are
 * read and applied again: -CRYO_E_CONFIG if that gives another tree, author, date or message.
 */
int cryo_compose(const char *repository, const char *base, const char *head,
		 struct cryo_composed *out, struct cryo_err *err);

#endif
