/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/interposer.h"

#include "sys/fs.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FALLBACK "/usr/sbin/criu"
#define LOOP_ENV "CRYOPOD_CRIU_PID" /* exec keeps the pid: seeing our own here means a circle */
#define PRELOAD	 "criu-preload.so"

static bool is_ourselves(const char *path)
{
	struct stat self, other;

	return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
	       self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

/* The next `criu` in PATH. Caller frees. */
static char *find_real_criu(void)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t n = strcspn(at, ":");
		cryo_auto(cryo_free) char *path = cryo_asprintf("%.*s/criu", (int)n, at);

		if (n && access(path, X_OK) == 0 && !is_ourselves(path))
			return cryo_steal(&path);
		at += n + (at[n] == ':');
	}
	return access(FALLBACK, X_OK) == 0 && !is_ourselves(FALLBACK) ? cryo_strdup(FALLBACK)
								      : NULL;
}

/* Since 6.16 IP sockets have no SO_PASSCRED and SO_PASSSEC, which CRIU before 4.2 cannot take. */
static bool needs_socket_preload(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 16));
}

/* Without it root does not learn the limits of another user's process, which CRIU asks for. */
static bool lacks_resource_right(void)
{
	return prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 0;
}

static void set_preload(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	cryo_auto(cryo_free) char *path = NULL;
	char *slash;

	if (n <= 0 || !(needs_socket_preload() || lacks_resource_right()))
		return;
	self[n] = '\0';
	slash = strrchr(self, '/');
	path = cryo_asprintf("%.*s/" PRELOAD, (int)(slash - self), self);
	if (access(path, R_OK) == 0)
		setenv("LD_PRELOAD", path, 1);
}

/* The loader of a C library that is not the node's: "ld-linux-x86-64.so.2". */
static char *find_loader(const char *libraries)
{
	static const char *const name[] = { "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", libraries, name[i]);

		if (access(path, X_OK) == 0)
			return cryo_steal(&path);
	}
	return NULL;
}

/*
 * By the loader, and not by LD_LIBRARY_PATH: the node's programs that CRIU runs (iptables-restore,
 * ip) would get these libraries as well.
 */
static int exec_with_libraries(const char *path, const char *libraries, char **argv,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *loader = find_loader(libraries);
	const char **words;
	size_t n = 0, at = 0;

	if (!loader)
		return cryo_err_set(err, CRYO_E_UNFIT, "there is no loader in '%s'", libraries);
	while (argv[n])
		n++;
	words = cryo_alloc((n + 7) * sizeof(*words));
	words[at++] = loader;
	words[at++] = "--library-path";
	words[at++] = libraries;
	words[at++] = "--argv0";
	words[at++] = argv[0];
	words[at++] = path;
	for (size_t i = 1; i < n; i++)
		words[at++] = argv[i];
	execv(loader, (char *const *)words);
	free(words);
	return cryo_err_sys(err, errno, "cannot execute '%s'", loader);
}

int cryo_real_exec(const struct cryo_policy *own, char **argv, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = own->criu ? cryo_strdup(own->criu) : find_real_criu();
	cryo_auto(cryo_free) char *pid = cryo_asprintf("%d", getpid());
	const char *before = getenv(LOOP_ENV);

	if (!path)
		return cryo_err_set(err, CRYO_E_UNFIT, "there is no criu in PATH");
	if (cryo_streq(before, pid) || is_ourselves(path))
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "'%s' is not the real criu: set 'criu PATH' in the configuration", path);
	setenv(LOOP_ENV, pid, 1);
	set_preload();
	if (own->libraries)
		return exec_with_libraries(path, own->libraries, argv, err);
	execv(path, argv);
	return cryo_err_sys(err, errno, "cannot execute '%s'", path);
}
