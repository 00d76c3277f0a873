/* SPDX-License-Identifier: Apache-2.0 */
/* Which commit a source stands for, as far as it is known here. */
#include "source/kinds.h"
#include "source/tree.h"

#include <string.h>

struct cryo_git_want cryo_source_want(const struct cryo_source *src)
{
	return (struct cryo_git_want){ .url = src->git ? src->git : src->superproject,
				       .ref = src->ref,
				       .commit = src->commit };
}

static int find_submodule_commit(const struct cryo_source *src, char out[CRYO_COMMIT_HEX],
				 struct cryo_err *err)
{
	cryo_auto(cryo_git_submodules_release) struct cryo_git_submodules subs = { 0 };
	const char *url = src->superproject;
	int rc;

	if (!*out || !cryo_git_has(url, out)) {
		*out = '\0';
		return 0;
	}
	rc = cryo_git_submodules(url, out, src->path, &subs, err);
	if (rc == 0)
		memcpy(out, subs.v[0].commit, CRYO_COMMIT_HEX);
	return rc;
}

int cryo_source_commit(const struct cryo_source *src, char out[CRYO_COMMIT_HEX],
		       struct cryo_err *err)
{
	struct cryo_git_want w = cryo_source_want(src);
	int rc;

	out[0] = '\0';
	if (src->kind == CRYO_SOURCE_ARCHIVE)
		memcpy(out, src->sha256, strlen(src->sha256) + 1);
	if (!w.url)
		return 0;
	rc = cryo_git_known(&w, out, err);
	if (rc == 0 && src->kind == CRYO_SOURCE_SUPERPROJECT)
		rc = find_submodule_commit(src, out, err);
	return rc;
}
