/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_check.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Its bytes become a layer as they are: containerd would not find a tar in it, and say so
 * obscurely. */
static int check_uncompressed(const char *path, struct cryo_err *err)
{
	static const char magic[][4] = { "\x1f\x8b", "BZh", "\xfd\x37zX", "\x28\xb5\x2f\xfd" };
	static const size_t len[] = { 2, 3, 4, 4 };
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char begin[4];

	if (fd < 0 || pread(fd, begin, sizeof(begin), 0) != (ssize_t)sizeof(begin))
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(len); i++)
		if (memcmp(begin, magic[i], len[i]) == 0)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "the archive is compressed: decompress it first");
	return 0;
}

static int check_restore_archive(const struct cryo_archive *a, struct cryo_err *err)
{
	if (a->has_status)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "the archive has no status.dump (it was made by containerd 2.0): "
			    "containerd does not restore it");
}

int cryo_restore_check_opts(const struct cryo_restore_opts *opts, struct cryo_err *err)
{
	const char *policy = opts->restart_policy;
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

	if (opts->key_secret && opts->key_file)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "a key from a Secret or from a file, not both");
	if (policy && strcmp(policy, "Never") != 0 && strcmp(policy, "OnFailure") != 0 &&
	    strcmp(policy, "Always") != 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "'%s' is not a restart policy (valid values: Never, "
				    "OnFailure, Always)",
				    policy);
	return cryo_criu_options_add(&opts->criu, &lines, err);
}

/*
 * Who names a key wants what its owner sealed: a plain archive that somebody put in its place would
 * run as well. The node's side refuses it too, whatever the archive says of itself.
 */
static int check_is_sealed(const struct cryo_restore_opts *opts, const struct cryo_archive *a,
			   struct cryo_err *err)
{
	if (a->sealed || (!opts->key_secret && !opts->key_file))
		return 0;
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "a key is given, but the archive is not sealed: that is not what the "
			    "key's owner made (to restore a plain one, give no key)");
}

int cryo_restore_check_archive(const struct cryo_restore_opts *opts, const char *path,
			       const struct cryo_archive *a, struct cryo_err *err)
{
	int rc = check_uncompressed(path, err);

	if (rc == 0)
		rc = check_restore_archive(a, err);
	return rc < 0 ? rc : check_is_sealed(opts, a, err);
}
