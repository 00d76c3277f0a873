/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/nodefile.h"

#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define ASK_MS 10000

int cryo_nodefile_token(char **token, struct cryo_err *err)
{
	uint64_t id[2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return cryo_err_sys(err, errno, "no random numbers");
	*token =
	    cryo_asprintf("%016llx%016llx", (unsigned long long)id[0], (unsigned long long)id[1]);
	return 0;
}

static int run_node_command(struct cryo_cluster *t, const char *node, const char *const *argv,
			    struct cryo_err *err)
{
	struct cryo_proc p = { .argv = argv, .timeout_ms = ASK_MS };

	return t->ops->exec(t, node, &p, NULL, err);
}

int cryo_nodefile_dir(struct cryo_cluster *t, const char *node, const char *path,
		      struct cryo_err *err)
{
	/* Named both, as the mode is not that of directories on the way. */
	const char *const argv[] = { "mkdir",		"-p", "-m", "0700", "--",
				     CRYO_NODEFILE_DIR, path, NULL };

	return run_node_command(t, node, argv, err);
}

int cryo_nodefile_put(struct cryo_cluster *t, const char *node, const void *data, size_t len,
		      const char *to, struct cryo_err *err)
{
	/* In memory on the way: it may be a private key. */
	cryo_auto(cryo_fd_close) int fd = memfd_create("nodefile", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return cryo_err_sys(err, errno, "cannot prepare '%s'", to);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return t->ops->put(t, node, path, to, err);
}

void cryo_nodefile_remove(struct cryo_cluster *t, const char *node, const char *path)
{
	const char *const argv[] = { "rm", "-f", "--", path, NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;

	run_node_command(t, node, argv, &ignored);
}
