/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of build/: one run of the Go recipes, from the source to published programs. */
#ifndef CRYO_RECIPE_GOBUILD_H
#define CRYO_RECIPE_GOBUILD_H

#include "recipe/recipe.h"
#include "recipe/toolchain.h"
#include "conf/json.h"
#include "source/tree.h"

struct cryo_go_build {
	const struct cryo_recipe *recipe;
	const struct cryo_built *built;
	const struct cryo_component *c;
	struct cryo_toolchain tool;
	char *work; /* scratch directory, removed at the end */
	char *log;
	char *dir; /* where `go build` runs: the wrapper module or the source tree */
	char *
	    source; /* the module's own files, with the patches if there are any; NULL for a tree */
	char *sum;  /* of the module, as found; NULL for a tree */
	char commit[CRYO_COMMIT_HEX];  /* of a tree from git; else "" */
	bool offline;		       /* nothing is downloaded */
	char *ldflags;		       /* with version stamps */
	char *tree;		       /* the source with its patches, or NULL */
	char patched[CRYO_COMMIT_HEX]; /* its commit; else "" */
	struct cryo_strv staging;      /* modules that were laid into it: "k8s.io/cri-api" */
};

/* The module that is built, with its checksum held against the stack's. *dir: its files in the
 * module cache, the caller's; sets g->sum. */
int cryo_module_fetch(struct cryo_go_build *g, char **dir, struct cryo_err *err);
/*
 * A module that only serves to build programs of another one, whose files are in
 * g->tree or else `dir`: its requirements are those of the other's go.mod, where
 * local replacements, which exist only in its own repository, give way to
 * published versions. Sets g->dir and g->source.
 */
int cryo_module_wrap(struct cryo_go_build *g, const char *dir, struct cryo_err *err);
/* Any module through the Go tool. *dir: its files in the module cache; *sum: NULL if Go names none.
 * Both are the caller's. */
int cryo_module_download(struct cryo_go_build *g, const char *module, const char *version,
			 char **dir, char **sum, struct cryo_err *err);

/* The modules that a module's own repository keeps in it: "k8s.io/api". `dir`: its files. */
int cryo_module_staging(struct cryo_go_build *g, const char *dir, struct cryo_strv *out,
			struct cryo_err *err);

/*
 * The tree that is built instead of the module: its files with the patches on top.
 * Sets g->tree, g->patched, g->staging. `dir`: the module as downloaded.
 */
int cryo_patched_module(struct cryo_go_build *g, const char *dir, struct cryo_err *err);
/* <cache>/trees/<component>/modules.git; caller frees. */
char *cryo_patched_repository(const struct cryo_component *c);
/* What the patches go on top of; `whole`: with all staging modules that can be had. */
int cryo_patched_base(struct cryo_go_build *g, const char *dir, bool whole, const char *repository,
		      char commit[CRYO_COMMIT_HEX], struct cryo_err *err);
/*
 * Put the patches on a commit and lay the result out as files, below
 * <cache>/trees/<component>/; what an earlier build laid out there goes. *dir is the
 * caller's, `head` the commit with all of them.
 */
int cryo_patched_checkout(const struct cryo_built *b, const char *repository, const char *base,
			  char **dir, char head[CRYO_COMMIT_HEX], struct cryo_err *err);
/* The source's tree (source/tree.h), and if there are patches, one with them in its place;
 * `patched` is then its commit, else "". */
int cryo_patched_tree(const struct cryo_built *b, struct cryo_tree *out,
		      char patched[CRYO_COMMIT_HEX], struct cryo_err *err);
/* v1.33.13 of Kubernetes goes with v0.33.13 of the modules that it is cut into; caller frees. */
char *cryo_staging_version(const struct cryo_source *src);

/*
 * Anew for each run, below a directory that only the holder of the component's
 * lock touches; what a killed run left there goes first. Caller frees and removes.
 */
int cryo_build_workdir(const struct cryo_component *c, char **work, struct cryo_err *err);

/* What `go build -v` says: counted, shown, and searched for the cause when it fails. */
#define CRYO_TAIL 15
struct cryo_build_talk {
	const char *prefix;    /* of the progress note: "kubelet (1 of 5)" */
	const char *suffix;    /* "; next kubectl" */
	unsigned packages;     /* compiled */
	char *tail[CRYO_TAIL]; /* the last lines that are no progress, a ring */
	unsigned lines;
	char *cause;	 /* the line that tells why it failed, as far as known */
	bool cause_next; /* the compiler's "# package" came: its first complaint follows */
};
/* A cryo_proc_line with a struct cryo_build_talk. */
void cryo_build_hear(const char *line, int stream, void *talk);
/* Shows the tail as warnings and turns a failed child into "<cause> (log: …)". */
int cryo_build_explain(const struct cryo_build_talk *talk, const char *log, int rc,
		       struct cryo_err *err);
/* On the disk before it gets its name: also a power cut leaves no half program. */
int cryo_build_publish(const char *from, const char *to, struct cryo_err *err);
void cryo_build_talk_release(struct cryo_build_talk *talk);
#define cryo_build_talk_releasep cryo_build_talk_release

/*
 * Write into the component's build.json what is about to be published under
 * `name`: first the description, then the program, so that nothing lies there
 * undescribed.
 */
int cryo_record_program(const struct cryo_go_build *g, const char *name, const char *package,
			const char *path, int64_t ms, unsigned packages, struct cryo_err *err);

/* Into the record's source: "patches" and "patchedCommit"; nothing if there are none. */
void cryo_record_patches(const struct cryo_built *b, const char *patched, json_t *source);

#endif
