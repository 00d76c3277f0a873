/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the source of a component comes from. Each kind is a row of the table in
 * source.c: its key in the stack file, its fields, how it is shown, what tells
 * two states of it apart.
 */
#ifndef CRYO_SOURCE_SOURCE_H
#define CRYO_SOURCE_SOURCE_H

#include "base/err.h"
#include "base/str.h"
#include "conf/yaml.h"
#include "sys/hash.h"

enum cryo_source_kind {
	CRYO_SOURCE_MODULE,	  /* a Go module through the Go tool */
	CRYO_SOURCE_DIR,	  /* a source tree on this machine */
	CRYO_SOURCE_DEBIAN,	  /* packages of a Debian suite */
	CRYO_SOURCE_GIT,	  /* a repository: source/tree.h */
	CRYO_SOURCE_SUPERPROJECT, /* a submodule of a repository */
	CRYO_SOURCE_ARCHIVE,	  /* a tar file with one directory in it */
};

struct cryo_source {
	enum cryo_source_kind kind;
	char *module;  /* MODULE: path, "k8s.io/kubernetes" */
	char *version; /* MODULE: "v1.33.13"; trees: what their programs call themselves, or NULL */
	char *sum;     /* MODULE: expected "h1:…" of the module zip, or NULL */
	char *dir;     /* DIR: absolute; relative ones in the file are from the file's directory */
	char *suite;   /* DEBIAN: "trixie" */
	struct cryo_strv packages; /* DEBIAN */
	char *git;		   /* GIT: address of the repository */
	char *superproject; /* SUPERPROJECT: the same, of the one that holds the submodule … */
	char *path;	    /* … at this path */
	char *ref;	    /* GIT, SUPERPROJECT: branch or tag, or NULL */
	char *commit;	    /* GIT, SUPERPROJECT: in full, shortened to 8 digits or more, or NULL */
	char *archive;	    /* ARCHIVE: address or absolute path */
	struct cryo_strv links_outside; /* ARCHIVE: links in it that may lead out of it */
	char *sha256;			/* ARCHIVE: of the file */
};

/*
 * From the map below `source:`. Every text is checked: nothing of it can become
 * an option of a program or lead out of a directory. `base`: what a relative
 * directory is relative to. -CRYO_E_CONFIG with file and line.
 */
int cryo_source_decode(const struct cryo_node *n, const char *base, struct cryo_source *out,
		       struct cryo_err *err);
void cryo_source_release(struct cryo_source *src);

/* Can a patch series be put on it? A directory is patched by who owns it. */
bool cryo_source_takes_patches(const struct cryo_source *src);

/* One line for people: "k8s.io/kubernetes v1.33.13"; caller frees. */
char *cryo_source_show(const struct cryo_source *src);

/*
 * Adds what tells this source from another, or from its own state of yesterday.
 * No network, a fraction of a second also for a big tree. What comes from git counts by
 * its commit, wherever it was fetched from; before that is known nobody can have built it.
 */
int cryo_source_fingerprint(const struct cryo_source *src, struct cryo_hash *h,
			    struct cryo_err *err);

/* The key that chooses the kind, "git". */
const char *cryo_source_kind_name(const struct cryo_source *src);

/* An exact one of a Go module: "v1.2.3", "v0.0.0-20240101000000-0123456789ab". */
bool cryo_source_is_version(const char *s);

/* A name that may become part of a path or a command line: [A-Za-z0-9][A-Za-z0-9+.-]*, below 128
 * characters. */
bool cryo_source_is_name(const char *s);

#endif
