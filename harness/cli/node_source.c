/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_cmd.h"
#include "cli/products.h"

#include "rke2/bundle.h"
#include "rke2/digest.h"
#include "sys/fs.h"

#include <stdlib.h>

static int unpack_source(const char *bundle, struct node_source *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *parent = cryo_rke2_state_dir();
	int rc = cryo_fs_mkdirs(parent, 0700, err);

	if (rc == 0)
		rc = cryo_fs_tmpdir(parent, "bundle-", &s->dir, err);
	return rc < 0 ? rc : cryo_bundle_unpack(bundle, s->dir, &s->build, err);
}

int node_source_open(const struct node_opts *o, bool unpack, struct node_source *s,
		     struct cryo_err *err)
{
	int rc;

	if (o->bundle && o->stack)
		return cryo_err_set(err, CRYO_E_USAGE, "--bundle and --stack exclude each other");
	if (o->bundle)
		rc = unpack ? unpack_source(o->bundle, s, err)
			    : cryo_bundle_read(o->bundle, &s->build, err);
	else
		rc = cryo_cli_products(o->stack, &s->build, NULL, err);
	if (rc == 0 && o->image) {
		free(s->build.apiserver_image);
		s->build.apiserver_image = cryo_strdup(o->image);
	}
	cryo_rke2_digests_save();
	return rc;
}

void node_source_release(struct node_source *s)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (s->dir)
		cryo_fs_rmtree(s->dir, &ignored);
	cryo_freep(&s->dir);
	s->dir = NULL;
	cryo_rke2_build_release(&s->build);
}
