/* SPDX-License-Identifier: Apache-2.0 */
#include "image/rootfs.h"

#include "base/event.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYRING	   "/usr/share/keyrings/debian-archive-keyring.gpg"
#define MAX_STATUS (64u << 20)

/* What mmdebstrap said, as far as somebody wants to know. */
struct talk {
	char *first_error; /* the first "E:" line is the cause, the others follow from it */
};

static void rootfs_on_line(const char *line, int stream, void *arg)
{
	struct talk *talk = arg;

	(void)stream;
	if (cryo_starts_with(line, "I: "))
		cryo_step_note("%s", line + 3);
	else if (cryo_starts_with(line, "E: ") && !talk->first_error)
		talk->first_error = cryo_strdup(line + 3);
}

static int check_rootfs_tools(struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_fs_which("mmdebstrap");

	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT, "a Debian root file system needs root");
	if (!path)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "no program 'mmdebstrap' (Debian package mmdebstrap)");
	return 0;
}

static int report_rootfs_failure(const struct talk *talk, const char *log_path, int rc,
				 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *last = cryo_strdup(err->msg);

	if (err->status != CRYO_E_CHILD)
		return rc;
	if (!cryo_fs_exists(KEYRING))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "the keys of the Debian archive are missing: install "
				    "debian-archive-keyring (log: %s)",
				    log_path);
	return cryo_err_set(err, CRYO_E_PROVISION, "mmdebstrap: %s (log: %s)",
			    talk->first_error ? talk->first_error : last, log_path);
}

static int run_mmdebstrap(const char *dir, const char *suite, const char *const *packages,
			  const char *log_path, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, list = { 0 };
	cryo_auto(cryo_free) char *include = NULL;
	struct cryo_proc p = CRYO_PROC_INIT;
	struct talk talk = { 0 };
	int rc;

	cryo_strv_addv(&list, packages);
	include = cryo_strv_join(&list, ",");
	cryo_strv_addl(&argv, "mmdebstrap", "--variant=minbase", "--format=directory", NULL);
	/* Told, because it infers them only with gpg; apt on Ubuntu does not trust them itself. */
	if (cryo_fs_exists(KEYRING))
		cryo_strv_add(&argv, "--keyring=" KEYRING);
	if (list.n > 0)
		cryo_strv_addf(&argv, "--include=%s", include);
	cryo_strv_addl(&argv, suite, dir, NULL);
	p.argv = cryo_strv_get(&argv);
	p.isolate = true;
	p.log_path = log_path;
	p.on_line = rootfs_on_line;
	p.on_line_arg = &talk;
	rc = cryo_proc_run(&p, NULL, err);
	if (rc < 0)
		rc = report_rootfs_failure(&talk, log_path, rc, err);
	free(talk.first_error);
	return rc;
}

/* "name version" of each stanza of dpkg's status file that is installed. */
static void list_packages(char *status, struct cryo_str *out)
{
	const char *name = NULL, *version = NULL;
	bool installed = false;
	char *line;

	while ((line = strsep(&status, "\n"))) {
		if (cryo_starts_with(line, "Package: "))
			name = line + strlen("Package: ");
		else if (cryo_starts_with(line, "Version: "))
			version = line + strlen("Version: ");
		else if (strcmp(line, "Status: install ok installed") == 0)
			installed = true;
		if (*line && status)
			continue;
		if (name && version && installed)
			cryo_str_addf(out, "%s %s\n", name, version);
		name = version = NULL;
		installed = false;
	}
}

static int record_packages(const char *tree, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/var/lib/dpkg/status", tree);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s.packages", dir);
	cryo_auto(cryo_str_release) struct cryo_str status = { 0 }, list = { 0 };
	int rc = cryo_fs_read(from, MAX_STATUS, &status, err);

	if (rc < 0)
		return rc;
	if (status.len > 0)
		list_packages(status.p, &list);
	return cryo_fs_write(to, cryo_str_get(&list), list.len, 0644, err);
}

/* Synced before it gets its name: a power cut must not leave a tree of empty files. */
static int publish_rootfs_tree(const char *tmp, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0 || rename(tmp, dir) < 0)
		return cryo_err_sys(err, errno, "cannot publish '%s'", dir);
	return 0;
}

int cryo_rootfs_make(const char *dir, const char *suite, const char *const *packages,
		     const char *log_path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s.tmp", dir);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = check_rootfs_tools(err);

	if (rc == 0)
		rc = cryo_fs_rmtree(tmp, err);
	if (rc < 0)
		return rc;
	rc = run_mmdebstrap(tmp, suite, packages, log_path, err);
	if (rc == 0)
		rc = record_packages(tmp, dir, err);
	if (rc == 0)
		rc = publish_rootfs_tree(tmp, dir, err);
	if (rc < 0)
		cryo_fs_rmtree(tmp, &ignored);
	return cryo_err_wrap(err, rc, "Debian %s root file system", suite);
}
