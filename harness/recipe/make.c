/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipe "criu": a C program by its own Makefile, together with the libraries that
 * it needs, as one unit: <dir>/criu and <dir>/lib. Each of them looks for the others
 * beside itself (RUNPATH $ORIGIN), so the unit runs wherever the C library is not
 * older than that of the build root. That is of the suite that our nodes are, hence
 * it is always built there, never with what the host happens to have.
 */
#include "recipe/gobuild.h"

#include "base/clock.h"
#include "base/event.h"
#include "recipe/confine.h"
#include "conf/json.h"
#include "image/rootfs.h"
#include "source/tree.h"
#include "sys/crew.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"
#include "sys/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT_SUITE "trixie"
#define MAKE_MS	   (60 * 60 * 1000) /* CRIU takes one minute */
#define LIB_MAX	   64

static const char *const root_packages[] = { "ca-certificates",
					     "gcc",
					     "git",
					     "libbsd-dev",
					     "libc6-dev",
					     "libcap-dev",
					     "libdrm-dev",
					     "libgnutls28-dev",
					     "libnet1-dev",
					     "libnftables-dev",
					     "libnl-3-dev",
					     "libprotobuf-c-dev",
					     "libprotobuf-dev",
					     "make",
					     "patchelf",
					     "pkg-config",
					     "protobuf-compiler",
					     "protobuf-c-compiler",
					     "python3-minimal",
					     "uuid-dev",
					     NULL };

struct make_build {
	const struct cryo_built *built;
	const struct cryo_component *c;
	struct cryo_tree tree;
	char patched[CRYO_COMMIT_HEX];
	char *root, *work, *log, *src, *unit;
	unsigned lines;
	char *cause; /* the first complaint */
};

static void release_make_build(struct make_build *m)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (m->work)
		cryo_fs_rmtree(m->work, &ignored);
	cryo_tree_release(&m->tree);
	free(m->root);
	free(m->work);
	free(m->log);
	free(m->src);
	free(m->unit);
	free(m->cause);
}
#define release_make_buildp release_make_build

void cryo_make_hash(struct cryo_hash *h)
{
	cryo_hash_item(h, ROOT_SUITE);
	for (size_t i = 0; root_packages[i]; i++)
		cryo_hash_item(h, root_packages[i]);
}

/* --- the build root --- */

char *cryo_make_root(void)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	char hex[CRYO_HASH_HEX];

	cryo_make_hash(h);
	cryo_hash_hex(h, hex);
	return cryo_cache_path(CRYO_CACHE_ROOTS "/make-%.16s", hex);
}

static int prepare_make_root(struct make_build *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *log = cryo_cache_path(CRYO_CACHE_LOGS "/build-root-make.log");
	cryo_auto(cryo_free) char *lock_path = NULL;
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc;

	m->root = cryo_make_root();
	cryo_fs_touch(m->root, false);
	if (cryo_fs_is_dir(m->root))
		return 0;
	lock_path = cryo_asprintf("%s.lock", m->root);
	rc = cryo_fs_mkparents(log, 0700, err);
	if (rc == 0)
		rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);
	if (rc < 0 || cryo_fs_is_dir(m->root))
		return rc;
	rc = cryo_build_may_fetch(m->built, "the packages of the build root are", err);
	if (rc < 0)
		return rc;
	cryo_step_begin("build root with make");
	rc = cryo_rootfs_make(m->root, ROOT_SUITE, root_packages, log, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("Debian " ROOT_SUITE);
	return rc;
}

/* --- running things in it --- */

static const char *const complaints[] = { ": error: ", ": fatal error: ",	"Error: ",
					  "*** ",      ": undefined reference", NULL };

/* The package that has what was not found, for trees that want more than ours did. */
static const char *find_debian_package(const char *line)
{
	static const struct {
		const char *word, *package;
	} known[] = {
		{ "libnet.h", "libnet1-dev" },
		{ "netlink/", "libnl-3-dev" },
		{ "sys/capability.h", "libcap-dev" },
		{ "protobuf-c", "libprotobuf-c-dev" },
		{ "google/protobuf", "libprotobuf-dev" },
		{ "gnutls/", "libgnutls28-dev" },
		{ "bsd/", "libbsd-dev" },
		{ "nftables/", "libnftables-dev" },
		{ "uuid/", "uuid-dev" },
		{ "libdrm", "libdrm-dev" },
		{ "xf86drm.h", "libdrm-dev" },
		{ "libaio.h", "libaio-dev" },
		{ "protoc-c", "protobuf-c-compiler" },
		{ "seccomp.h", "libseccomp-dev" },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (strstr(line, known[i].word))
			return known[i].package;
	return NULL;
}

static void make_on_line(const char *line, int stream, void *arg)
{
	struct make_build *m = arg;

	m->lines++;
	if (stream == 1 && *line == ' ') {
		cryo_step_note("make: %u lines, %s", m->lines, line + strspn(line, " "));
		return;
	}
	for (size_t i = 0; !m->cause && complaints[i]; i++)
		if (strstr(line, complaints[i]))
			m->cause = cryo_strdup(line);
}

static int run_in_make_root(struct make_build *m, const char *const *argv, const char *cwd,
			    struct cryo_proc_result *res, struct cryo_err *err)
{
	/* Where git finds the objects of the copy: a Makefile may ask it for a version. */
	cryo_auto(cryo_free) char *objects = cryo_cache_path(CRYO_CACHE_GIT);
	cryo_auto(cryo_free) char *temporary = cryo_asprintf("TMPDIR=%s", m->work);
	const char *const env[] = { temporary,
				    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				    "HOME=/root",
				    "LC_ALL=C",
				    "SOURCE_DATE_EPOCH=0",
				    "GIT_CONFIG_COUNT=1",
				    "GIT_CONFIG_KEY_0=safe.directory",
				    "GIT_CONFIG_VALUE_0=*",
				    NULL };
	const char *const binds[] = { m->work, objects, NULL };
	struct cryo_proc p = { .argv = argv,
			       .env = env,
			       .only_env = true,
			       .cwd = cwd,
			       .timeout_ms = cryo_limit_ms(MAKE_MS),
			       .isolate = true,
			       .chroot = m->root,
			       .binds = binds,
			       .prepare = cryo_build_confine,
			       .prepare_arg = objects,
			       .log_path = m->log,
			       .on_line = make_on_line,
			       .on_line_arg = m };

	return cryo_proc_run(&p, res, err);
}

static int explain_make_failure(const struct make_build *m, int rc, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *last = cryo_strdup(err->msg);
	const char *cause = m->cause ? m->cause : last, *package;

	if (rc == 0 || err->status != CRYO_E_CHILD)
		return rc;
	package = strstr(cause, "No such file") || strstr(cause, "not found")
		      ? find_debian_package(cause)
		      : NULL;
	return cryo_err_set(err, CRYO_E_PROVISION, "%s%s%s%s (log: %s)", cause,
			    package ? " (Debian package " : "", package ? package : "",
			    package ? ")" : "", m->log);
}

/* --- building --- */

/* A tree is never written to: make works in a copy. */
static int copy_make_tree(struct make_build *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/.", m->tree.dir);
	const char *const argv[] = { "cp", "-R", "-p", "--reflink=auto", "--", from, m->src, NULL };
	struct cryo_proc p = { .argv = argv };
	int rc = cryo_fs_mkdirs(m->src, 0755, err);

	return rc < 0 ? rc : cryo_proc_run(&p, NULL, err);
}

static int run_make_program(struct make_build *m, const char *program, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *jobs = cryo_asprintf("-j%u", cryo_processors());
	/* Without names of this run in it: the same tree gives the same program. */
	cryo_auto(cryo_free) char *flags =
	    cryo_asprintf("USERCFLAGS=-ffile-prefix-map=%s=.", m->src);
	const char *const argv[] = { "make", jobs, flags, program, NULL };
	int rc;

	cryo_step_note("make %s", program);
	rc = run_in_make_root(m, argv, m->src, NULL, err);
	return explain_make_failure(m, rc, err);
}

/* --- the unit --- */

/* What is part of the C library comes from where the program runs. */
static bool is_libc_part(const char *name)
{
	static const char *const parts[] = { "linux-vdso", "ld-linux",	   "libc.so",
					     "libm.so",	   "libdl.so",	   "libpthread.so",
					     "librt.so",   "libresolv.so", NULL };

	for (size_t i = 0; parts[i]; i++)
		if (cryo_starts_with(name, parts[i]))
			return true;
	return false;
}

/* "	libnet.so.9 => /lib/x86_64-linux-gnu/libnet.so.9 (0x…)" */
static int take_library(struct make_build *m, char *line, struct cryo_strv *names,
			struct cryo_err *err)
{
	char *name = line + strspn(line, " \t"), *arrow = strstr(name, " => ");
	cryo_auto(cryo_free) char *to = NULL;
	char *path;

	if (!arrow)
		return 0;
	*arrow = '\0';
	path = arrow + strlen(" => ");
	if (is_libc_part(name))
		return 0;
	if (path[0] != '/' || strchr(name, '/'))
		return cryo_err_set(err, CRYO_E_PROVISION, "library '%s' is not in the build root",
				    name);
	path[strcspn(path, " ")] = '\0';
	if (names->n >= LIB_MAX)
		return cryo_err_set(err, CRYO_E_PROVISION, "more than %d libraries", LIB_MAX);
	cryo_strv_add(names, name);
	to = cryo_asprintf("%s/lib/%s", m->unit, name);
	return cryo_fs_copy_inside(m->root, path, to, 0755, err);
}

static int set_library_runpath(struct make_build *m, const char *file, const char *runpath,
			       struct cryo_err *err)
{
	const char *const argv[] = { "patchelf", "--set-rpath", runpath, file, NULL };

	return run_in_make_root(m, argv, m->unit, NULL, err);
}

static int collect_libraries(struct make_build *m, const char *program, struct cryo_err *err)
{
	const char *const argv[] = { "ldd", program, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	char *line, *rest;
	int rc = run_in_make_root(m, argv, m->unit, &res, err);

	rest = res.out.p;
	while (rc == 0 && (line = strsep(&rest, "\n")))
		rc = take_library(m, line, &names, err);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		cryo_auto(cryo_free) char *file = cryo_asprintf("%s/lib/%s", m->unit, names.v[i]);

		rc = set_library_runpath(m, file, "$ORIGIN", err);
	}
	return rc;
}

/* Whatever lies there: a Makefile can leave a link to a file of the host, or a FIFO. */
static int take_made_program(const struct make_build *m, const char *from, const char *to,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;

	if (cryo_fs_copy_inside(m->src, from, to, 0755, err) == 0)
		return 0;
	why = cryo_strdup(err->msg);
	return cryo_err_set(err, CRYO_E_PROVISION, "make produced no program: %s", why);
}

static int make_program_unit(struct make_build *m, const char *name, char **program,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/%s", name, name);
	cryo_auto(cryo_free) char *lib = cryo_asprintf("%s/lib", m->unit);
	const char *strip[] = { "strip", NULL, NULL };
	int rc = cryo_fs_mkdirs(lib, 0755, err);

	*program = cryo_asprintf("%s/%s", m->unit, name);
	if (rc == 0)
		rc = take_made_program(m, from, *program, err);
	strip[1] = *program;
	if (rc == 0)
		rc = run_in_make_root(m, strip, m->unit, NULL, err);
	if (rc == 0)
		rc = collect_libraries(m, *program, err);
	if (rc == 0)
		rc = set_library_runpath(m, *program, "$ORIGIN/lib", err);
	return rc;
}

static int record_make_build(const struct make_build *m, const char *program, int64_t ms,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s/build.json", m->built->dir);
	cryo_auto(cryo_free) char *when = cryo_rfc3339(cryo_wall_ns());
	cryo_auto(cryo_free) char *shown = cryo_source_show(&m->c->source);
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	char hash[CRYO_HASH_HEX];
	int rc = cryo_hash_file(program, hash, err);

	if (rc < 0)
		return rc;
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:s, s:{s:{s:s, s:s, s:I}}}",
		      "apiVersion", "cryopod.dev/v1alpha1", "kind", "Build", "component",
		      m->c->name, "stamp", m->built->stamp, "recipe", "criu", "source", "shown",
		      shown, "commit", m->tree.commit, "dir", m->tree.dir, "suite", ROOT_SUITE,
		      "programs", strrchr(program, '/') + 1, "sha256", hash, "builtAt", when,
		      "buildMs", (json_int_t)ms);
	cryo_record_patches(m->built, m->patched, json_object_get(j, "source"));
	cryo_json_dump_pretty(j, &text);
	cryo_str_add(&text, "\n");
	return cryo_fs_write(file, cryo_str_get(&text), text.len, 0644, err);
}

/* The program comes last: where it is, all that it needs is. */
static int publish_make_build(struct make_build *m, const char *program, int64_t ms,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lib = cryo_asprintf("%s/lib", m->unit);
	cryo_auto(cryo_free) char *lib_to = cryo_asprintf("%s/lib", m->built->dir);
	cryo_auto(cryo_free) char *to =
	    cryo_asprintf("%s/%s", m->built->dir, strrchr(program, '/') + 1);
	int rc = cryo_fs_rmtree(lib_to, err);

	if (rc == 0 && rename(lib, lib_to) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish '%s'", lib_to);
	if (rc == 0)
		rc = record_make_build(m, program, ms, err);
	return rc < 0 ? rc : cryo_build_publish(program, to, err);
}

static int build_make_program(struct make_build *m, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *program = NULL;
	int64_t begin = cryo_now_ms();
	/* The root first: it says which server of Debian to ask for what is in its archive. */
	int rc = prepare_make_root(m, err);

	if (rc == 0)
		rc = cryo_patched_tree(m->built, &m->tree, m->patched, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(m->built->dir, 0755, err);
	if (rc == 0)
		rc = cryo_build_workdir(m->c, &m->work, err);
	if (rc < 0)
		return rc;
	m->src = cryo_asprintf("%s/src", m->work);
	m->unit = cryo_asprintf("%s/unit", m->work);
	rc = copy_make_tree(m, err);
	if (rc == 0)
		rc = run_make_program(m, name, err);
	if (rc == 0)
		rc = make_program_unit(m, name, &program, err);
	return rc < 0 ? rc : publish_make_build(m, program, cryo_now_ms() - begin, err);
}

int cryo_build_make(const struct cryo_recipe *r, const struct cryo_built *built,
		    struct cryo_err *err)
{
	cryo_auto(release_make_build) struct make_build m = { .built = built,
							      .c = built->component };
	int rc;

	m.log = cryo_build_log(m.c);
	rc = build_make_program(&m, r->programs[0], err);
	/* A directory that holds nothing yet is no result. */
	rmdir(built->dir);
	return rc;
}
