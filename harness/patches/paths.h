/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patches/: which files a series names. */
#ifndef CRYO_PATCHES_PATHS_H
#define CRYO_PATCHES_PATHS_H

#include "git/box.h"
#include "patches/series.h"

/* Its mails have been read. Appended; -CRYO_E_CONFIG as cryo_series_paths(). */
int cryo_paths_list(struct cryo_gitbox *box, const struct cryo_series *s, struct cryo_strv *paths,
		    struct cryo_err *err);

#endif
