/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/nodefile.h"

#include <errno.h>
#include <sys/random.h>

#define ASK_MS 10000

int cryo_nodefile_token(char **token, struct cryo_err *err)
{
	uint64_t id[2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return cryo_err_sys(err, errno, "cannot get random numbers");
	*token =
	    cryo_asprintf("%016llx%016llx", (unsigned long long)id[0], (unsigned long long)id[1]);
	return 0;
}

static int run_node_command(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *const *argv, struct cryo_err *err)
{
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };

	return cryo_cluster_exec(t, node, &x, NULL, err);
}

int cryo_nodefile_dir(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *below, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/%s", node->path.run, below ? below : "");
	/* Named both, as the mode is not that of directories on the way. */
	const char *const argv[] = {
		"mkdir", "-p", "-m", "0700", "--", node->path.run, path, NULL
	};

	return run_node_command(t, node, argv, err);
}

int cryo_nodefile_remove(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const char *path, struct cryo_err *err)
{
	const char *const argv[] = { "rm", "-f", "--", path, NULL };

	return run_node_command(t, node, argv, err);
}
