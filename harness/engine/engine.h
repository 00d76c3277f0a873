/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container engine, by its command line: docker (20.10 or newer) or podman. It is
 * the user's own, or a private docker daemon that we start, record and end where
 * the user's cannot run the containers we need (engine/private.h). The user's is
 * never reconfigured. Every call has a time limit.
 */
#ifndef CRYO_ENGINE_ENGINE_H
#define CRYO_ENGINE_ENGINE_H

#include "base/err.h"
#include "base/str.h"
#include "sys/proc.h"

struct cryo_engine {
	char *name;    /* "docker", "podman" */
	char *program; /* absolute path */
	char *socket;  /* of a private daemon; NULL: the user's own engine */
	char *version; /* of the server, "20.10.24" */
};

/*
 * `name` NULL: docker, else podman, whichever answers. Asks its server.
 *   -CRYO_E_UNFIT   no such program, no server, no right to ask it, too old: with what to do
 */
int cryo_engine_find(const char *name, struct cryo_engine *out, struct cryo_err *err);
void cryo_engine_release(struct cryo_engine *e);
#define cryo_engine_releasep cryo_engine_release

/* May its containers have all that a privileged one asks for? False where the daemon lacks
 * CAP_SYS_RESOURCE, as inside of another container: runc then fails to apply capabilities. */
bool cryo_engine_is_full(const struct cryo_engine *e);

/* One call: args without the program. timeout_ms 0: 30 s. `res` may be NULL. As cryo_proc_run. */
int cryo_engine_call(const struct cryo_engine *e, const char *const *args, int64_t timeout_ms,
		     struct cryo_proc_result *res, struct cryo_err *err);
/* The same; what it printed without the last newline, caller frees. */
int cryo_engine_ask(const struct cryo_engine *e, const char *const *args, char **out,
		    struct cryo_err *err);
/* Adds what a program needs in its environment to talk to the same engine. */
void cryo_engine_env(const struct cryo_engine *e, struct cryo_strv *env);

/* 1 it has the image, 0 not; negative: error. */
int cryo_engine_has_image(const struct cryo_engine *e, const char *ref, struct cryo_err *err);
/* An archive as docker or OCI write it. */
int cryo_engine_load(const struct cryo_engine *e, const char *archive, struct cryo_err *err);

/* Numbers of a version text that make it comparable; 0 for what is none. */
bool cryo_engine_version_at_least(const char *version, unsigned major, unsigned minor);

#endif
