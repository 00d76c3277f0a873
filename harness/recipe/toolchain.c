/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/toolchain.h"

#include "base/event.h"
#include "conf/json.h"
#include "image/rootfs.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_MS     20000
#define OLDEST_MAJOR 1
#define OLDEST_MINOR 21 /* the first that fetches newer ones by itself */
#define ROOT_SUITE   "trixie"

static const char *const root_packages[] = { "ca-certificates", "gcc",	     "git",
					     "golang-go",	"libc6-dev", "libseccomp-dev",
					     "pkg-config",	NULL };

void cryo_toolchain_release(struct cryo_toolchain *t)
{
	free(t->go);
	free(t->version);
	free(t->id);
	free(t->root);
	free(t->why);
	free(t->gocache);
	free(t->gomodcache);
	free(t->goenv);
	*t = (struct cryo_toolchain){ 0 };
}

/* A directory that is there and writable, or can be made. */
static bool is_usable_directory(const char *dir)
{
	cryo_auto(cryo_free) char *path = cryo_strdup(dir);
	char *slash;

	if (!path || path[0] != '/')
		return false;
	while (!cryo_fs_exists(path) && (slash = strrchr(path, '/')) && slash > path)
		*slash = '\0';
	return cryo_fs_is_dir(path) && access(path, W_OK | X_OK) == 0;
}

/* Takes `dir`. */
static char *choose_usable_dir(char *dir, const char *below_cache)
{
	if (is_usable_directory(dir))
		return dir;
	free(dir);
	return cryo_cache_path("%s", below_cache);
}

/* Where Go keeps its things by default: for a host that has no go to ask. */
static char *choose_go_directory(const char *env, const char *base, const char *below_home,
				 const char *name)
{
	const char *own = getenv(env), *dir = getenv(base), *home = getenv("HOME");

	if (own && *own)
		return cryo_strdup(own);
	if (dir && *dir == '/')
		return cryo_asprintf("%.*s/%s", (int)strcspn(dir, ":"), dir, name);
	return home && *home ? cryo_asprintf("%s/%s/%s", home, below_home, name) : NULL;
}

static void set_go_directories(struct cryo_toolchain *t)
{
	t->gocache = choose_go_directory("GOCACHE", "XDG_CACHE_HOME", ".cache", "go-build");
	t->gomodcache = choose_go_directory("GOMODCACHE", "GOPATH", "go", "pkg/mod");
	t->goenv = choose_go_directory("GOENV", "XDG_CONFIG_HOME", ".config", "go/env");
}

/* Asks the host's go about itself; it must not fetch another one for that. */
static int query_host_go(struct cryo_toolchain *t, struct cryo_err *err)
{
	static const char *const env[] = { "GOTOOLCHAIN=local", "GO111MODULE=on", "GOWORK=off",
					   NULL };
	const char *const argv[] = { t->go,	"env",	      "-json", "GOVERSION",
				     "GOCACHE", "GOMODCACHE", "GOENV", NULL };
	struct cryo_proc p = { .argv = argv, .env = env, .cwd = "/", .timeout_ms = PROBE_MS };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	int rc = cryo_proc_run(&p, &res, err);

	if (rc == 0)
		rc = cryo_json_parse("answer of 'go env'", cryo_str_get(&res.out), res.out.len, &j,
				     err);
	if (rc < 0)
		return rc;
	t->version = cryo_strdup(cryo_json_str(j, "GOVERSION"));
	t->gocache = cryo_strdup(cryo_json_str(j, "GOCACHE"));
	t->gomodcache = cryo_strdup(cryo_json_str(j, "GOMODCACHE"));
	t->goenv = cryo_strdup(cryo_json_str(j, "GOENV"));
	return 0;
}

/* "go1.26.8", "go1.27rc1", "devel go1.28-abc": new enough? */
static bool is_go_new_enough(const char *version)
{
	const char *at = version ? strstr(version, "go") : NULL;
	unsigned major, minor;

	return at && sscanf(at, "go%u.%u", &major, &minor) == 2 &&
	       (major > OLDEST_MAJOR || (major == OLDEST_MAJOR && minor >= OLDEST_MINOR));
}

/* sudo takes the place of Go's own releases out of PATH. */
static char *find_host_go(void)
{
	static const char usual[] = "/usr/local/go/bin/go";
	char *go = cryo_fs_which("go");

	if (!go && getenv("SUDO_UID") && access(usual, X_OK) == 0)
		return cryo_strdup(usual);
	return go;
}

/* Why the host's go will not do; NULL: it does. Fills in what it told. */
static char *explain_unfit_go(struct cryo_toolchain *t)
{
	struct cryo_err err = CRYO_ERR_INIT;

	t->go = find_host_go();
	if (!t->go) {
		set_go_directories(t);
		return cryo_strdup("Go is not installed");
	}
	if (query_host_go(t, &err) < 0) {
		set_go_directories(t);
		return cryo_asprintf("host go does not work: %s", err.msg);
	}
	if (!is_go_new_enough(t->version))
		return cryo_asprintf("host %s is older than %d.%d", t->version, OLDEST_MAJOR,
				     OLDEST_MINOR);
	return NULL;
}

/* What builds C code on the host, as part of the id. Why it will not do; NULL: it does. */
static char *explain_unfit_cgo(struct cryo_toolchain *t)
{
	static const char *const cc_argv[] = { "gcc", "-dumpfullversion", NULL };
	static const char *const lib_argv[] = { "gcc", "-print-file-name=libseccomp.a", NULL };
	static const char *const pc_argv[] = { "pkg-config", "--modversion", "libseccomp", NULL };
	cryo_auto(cryo_free) char *cc = NULL, *lib = NULL, *version = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	char *id;

	if (cryo_proc_output(cc_argv, PROBE_MS, &cc, &err) < 0)
		return cryo_strdup("gcc is not installed");
	/* gcc answers with the bare name if it does not find the file */
	if (cryo_proc_output(lib_argv, PROBE_MS, &lib, &err) < 0 || !strchr(lib, '/') ||
	    cryo_proc_output(pc_argv, PROBE_MS, &version, &err) < 0)
		return cryo_strdup("this machine lacks libseccomp-dev or pkg-config");
	id = cryo_asprintf("%s gcc %s libseccomp %s", t->id, cc, version);
	free(t->id);
	t->id = id;
	return NULL;
}

static void hash_root_packages(char hex[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	cryo_hash_item(h, ROOT_SUITE);
	for (size_t i = 0; root_packages[i]; i++)
		cryo_hash_item(h, root_packages[i]);
	cryo_hash_hex(h, hex);
}

char *cryo_toolchain_root(void)
{
	char hex[CRYO_HASH_HEX];

	hash_root_packages(hex);
	return cryo_cache_path(CRYO_CACHE_ROOTS "/go-%.16s", hex);
}

static void choose_toolchain_root(struct cryo_toolchain *t)
{
	char hex[CRYO_HASH_HEX];

	hash_root_packages(hex);
	free(t->go);
	free(t->version);
	free(t->id);
	t->version = NULL;
	t->go = cryo_strdup("/usr/bin/go");
	t->root = cryo_toolchain_root();
	t->id = cryo_asprintf("root %s", hex);
	t->root_ready = cryo_fs_is_dir(t->root);
}

int cryo_toolchain_find(bool cgo, struct cryo_toolchain *out, struct cryo_err *err)
{
	cryo_auto(cryo_toolchain_release) struct cryo_toolchain t = { 0 };

	t.why = explain_unfit_go(&t);
	t.id = cryo_strdup(t.version);
	if (!t.why && cgo)
		t.why = explain_unfit_cgo(&t);
	t.gocache = choose_usable_dir(t.gocache, "go/build");
	t.gomodcache = choose_usable_dir(t.gomodcache, "go/mod");
	if (t.why)
		choose_toolchain_root(&t);
	if (t.root && !t.root_ready && geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "%s: a build root is needed, and only root can make one",
				    t.why);
	*out = t;
	t = (struct cryo_toolchain){ 0 };
	return 0;
}

static int make_toolchain_root(struct cryo_toolchain *t, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *log = cryo_cache_path(CRYO_CACHE_LOGS "/build-root.log");
	cryo_auto(cryo_free) char *lock_path = cryo_asprintf("%s.lock", t->root);
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = cryo_fs_mkparents(log, 0700, err);

	if (rc == 0)
		rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);
	if (rc == 0 && !cryo_fs_is_dir(t->root))
		rc = cryo_rootfs_make(t->root, ROOT_SUITE, root_packages, log, err);
	return rc;
}

int cryo_toolchain_prepare(struct cryo_toolchain *t, struct cryo_err *err)
{
	int rc;

	if (t->root && t->root_ready)
		cryo_fs_touch(t->root, false);
	if (!t->root || t->root_ready)
		return 0;
	cryo_step_begin("build root with Go (%s)", t->why);
	rc = make_toolchain_root(t, err);
	t->root_ready = rc == 0;
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("Debian " ROOT_SUITE);
	return rc;
}
