/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Go builds a component: the host's, if it is 1.21 or newer, else one in a
 * Debian build root of ours. From 1.21 on Go fetches the version that a module
 * asks for by itself (GOTOOLCHAIN=auto, which we set), so nobody has to know
 * here which one that is.
 *
 * What is built with cgo needs a C compiler and a static libseccomp as well;
 * where the host lacks them, it is built in the build root.
 */
#ifndef CRYO_RECIPE_TOOLCHAIN_H
#define CRYO_RECIPE_TOOLCHAIN_H

#include "base/err.h"
#include "sys/proc.h"

struct cryo_toolchain {
	char *go;	 /* path of the go program, inside `root` if there is one */
	char *version;	 /* "go1.26.8"; NULL in a build root */
	char *id;	 /* for stamps: with a module's go.mod it determines all that is used */
	char *root;	 /* build root directory, NULL: the host itself */
	bool root_ready; /* false: cryo_toolchain_prepare() will make it */
	char *why;	 /* why the build root: "host go1.19.8 is older than 1.21"; NULL: host */
	char *gocache;	 /* the user's own, ours where that cannot be written */
	char *gomodcache;
	char *goenv; /* the user's `go env -w` file; may not exist */
};

/* Looks, makes nothing; some 30 ms. `cgo`: it must be able to link C code. */
int cryo_toolchain_find(bool cgo, struct cryo_toolchain *out, struct cryo_err *err);
/* Where the build root is, if there is one; caller frees. */
char *cryo_toolchain_root(void);
/* Make the build root if one is needed; safe when two do it. */
int cryo_toolchain_prepare(struct cryo_toolchain *t, struct cryo_err *err);
void cryo_toolchain_release(struct cryo_toolchain *t);
#define cryo_toolchain_releasep cryo_toolchain_release

/* One call of the go program, at home or in the build root. */
struct cryo_go_call {
	const char *const *args; /* behind "go" */
	const char *cwd;	 /* absolute */
	const char *work;	 /* scratch directory, holds all that go leaves behind */
	const char *flags;	 /* GOFLAGS; not empty, or the user's own would count */
	const char *bind;	 /* one more directory the build root must see, or NULL */
	bool cgo;
	bool workspace; /* a go.work above cwd counts */
	bool offline;	/* only what the module cache holds */
	const char *log_path;
	cryo_proc_line on_line;
	void *on_line_arg;
};

/* As cryo_proc_run(). As root nothing that go started outlives it. */
int cryo_go_run(const struct cryo_toolchain *t, const struct cryo_go_call *call,
		struct cryo_proc_result *res, struct cryo_err *err);

#endif
