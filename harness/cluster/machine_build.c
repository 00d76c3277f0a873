/* SPDX-License-Identifier: Apache-2.0 */
/* With what a stack is built here, and what is there already. */
#include "base/clock.h"
#include "source/data.h"
#include "sys/fs.h"
#include "cluster/machine_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIT_MAJOR 2
#define GIT_MINOR 34
#define GIT_MS	  10000
#define GO_CACHE_BYTES                                                                             \
	(3ull << 30) /* measured: modules and objects of Kubernetes and containerd                 \
		      */

static void check_needed_go(struct machine_look *k, int cgo, struct cryo_finding *f)
{
	const struct cryo_toolchain *t = &k->tool[cgo];

	if (k->tool_rc[cgo] < 0)
		machine_say(f, CRYO_VERDICT_FAIL, "sudo cryopod build, or install Go 1.21 or newer",
			    "%s", k->tool_err[cgo].msg);
	else if (t->root)
		machine_say(f, CRYO_VERDICT_OK, NULL, "in cryopod's own build root (%s): %s",
			    t->root_ready ? "ready" : "made when needed", t->why);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s of this machine (%s)", t->id, t->go);
}

/* Nobody builds with it any more: what it lacks is no fault. */
static void check_unneeded_go(struct machine_look *k, int cgo, struct cryo_finding *f)
{
	check_needed_go(k, cgo, f);
	if (f->verdict == CRYO_VERDICT_FAIL)
		f->verdict = CRYO_VERDICT_NOTE;
}

static void check_go_toolchain(struct machine_look *k, int cgo, struct cryo_finding *f)
{
	const char *cache = k->tool[cgo].gocache;
	cryo_auto(cryo_free) char *dir = machine_nearest_dir(cache ? cache : "/");
	cryo_auto(cryo_free) char *have = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	uint64_t bytes = GO_CACHE_BYTES;

	if (k->complete) {
		check_unneeded_go(k, cgo, f);
		return;
	}
	if (cache && cryo_fs_free_bytes(dir, &bytes, &ignored) == 0 && bytes < GO_CACHE_BYTES) {
		have = cryo_size_show(bytes);
		machine_say(f, CRYO_VERDICT_FAIL,
			    "free some space, or name another place: export GOCACHE=DIRECTORY "
			    "GOMODCACHE=DIRECTORY",
			    "%s free at '%s', where Go keeps some 3 GB while it builds", have,
			    cache);
		return;
	}
	check_needed_go(k, cgo, f);
}

void machine_go(struct machine_look *k, struct cryo_finding *f)
{
	check_go_toolchain(k, 0, f);
}

void machine_cgo(struct machine_look *k, struct cryo_finding *f)
{
	check_go_toolchain(k, 1, f);
}

/* The node's root file system, and a build root where this machine's Go will not do. */
static bool needs_debian(const struct machine_look *k)
{
	if (k->plan_rc < 0)
		return true;
	for (int cgo = 0; cgo < 2; cgo++)
		if (!k->complete && k->tool[cgo].root && !k->tool[cgo].root_ready)
			return true;
	for (size_t i = 0; i < k->build.n; i++) {
		const struct cryo_built *b = &k->build.item[i];

		if (b->component->source.kind == CRYO_SOURCE_DEBIAN && !b->up_to_date)
			return true;
	}
	return false;
}

void machine_debian(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_free) char *program = cryo_fs_which("mmdebstrap");
	enum cryo_verdict bad = needs_debian(k) ? CRYO_VERDICT_FAIL : CRYO_VERDICT_NOTE;
	const char *now = bad == CRYO_VERDICT_NOTE ? "; not needed now, everything is built" : "";

	if (!program)
		machine_say(f, bad, "apt-get install mmdebstrap debian-archive-keyring",
			    "not installed; it makes the root file system of a node%s", now);
	else if (!cryo_fs_exists(k->m->keyring))
		machine_say(f, bad, "apt-get install debian-archive-keyring",
			    "the keys of the Debian archive are missing%s", now);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s", program);
}

/* It fetches repositories, and applies patches. */
static bool needs_git(const struct machine_look *k)
{
	for (size_t i = 0; i < k->build.n; i++) {
		const struct cryo_built *b = &k->build.item[i];

		if (!b->up_to_date &&
		    (b->series.n > 0 || b->component->source.kind == CRYO_SOURCE_GIT ||
		     b->component->source.kind == CRYO_SOURCE_SUPERPROJECT))
			return true;
	}
	return false;
}

/* "git version 2.39.5" */
static bool is_git_new_enough(const char *said)
{
	unsigned major, minor;

	return sscanf(said, "git version %u.%u", &major, &minor) == 2 &&
	       (major > GIT_MAJOR || (major == GIT_MAJOR && minor >= GIT_MINOR));
}

void machine_git(struct machine_look *k, struct cryo_finding *f)
{
	static const char *const argv[] = { "git", "--version", NULL };
	enum cryo_verdict bad = needs_git(k) ? CRYO_VERDICT_FAIL : CRYO_VERDICT_NOTE;
	const char *now = bad == CRYO_VERDICT_NOTE ? "; not needed now, everything is built" : "";
	cryo_auto(cryo_free) char *said = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_proc_output(argv, GIT_MS, &said, &err) < 0)
		machine_say(f, bad, "apt-get install git",
			    "cannot fetch repositories or apply patches: %s%s", err.msg, now);
	else if (!is_git_new_enough(said))
		machine_say(f, bad, "install git 2.34 or newer",
			    "%s is older than %d.%d, which patches need%s", said, GIT_MAJOR,
			    GIT_MINOR, now);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s", said);
}

void machine_shipped(struct machine_look *k, struct cryo_finding *f)
{
	static const char *const files[] = { "libexec/counter", "libexec/pause" };

	(void)k;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(files); i++) {
		cryo_auto(cryo_free) char *path = NULL;
		struct cryo_err err = CRYO_ERR_INIT;

		if (cryo_data_path(files[i], &path, &err) < 0) {
			machine_say(f, CRYO_VERDICT_FAIL, "make, in the source tree of cryopod",
				    "%s", err.msg);
			return;
		}
	}
	machine_say(f, CRYO_VERDICT_OK, NULL, "all there");
}

void machine_built(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_strv_release) struct cryo_strv there = { 0 }, missing = { 0 };
	cryo_auto(cryo_free) char *have = NULL, *want = NULL;

	if (k->plan_rc < 0) {
		machine_say(f, CRYO_VERDICT_FAIL, NULL, "stack '%s' cannot be built: %s",
			    k->stack.name, k->plan_err.msg);
		return;
	}
	for (size_t i = 0; i < k->build.n; i++) {
		const struct cryo_built *b = &k->build.item[i];

		cryo_strv_add(b->up_to_date ? &there : &missing, b->component->name);
	}
	have = cryo_strv_join(&there, ", ");
	want = cryo_strv_join(&missing, ", ");
	if (missing.n)
		machine_say(f, CRYO_VERDICT_NOTE, "cryopod build (the first up does it too)",
			    "stack '%s': missing %s%s%s", k->stack.name, want,
			    there.n ? "; there: " : "", have);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "stack '%s': %s", k->stack.name, have);
}
