/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A docker daemon of our own, for machines whose engine cannot run privileged
 * containers (its daemon lacks CAP_SYS_RESOURCE): in a network and a mount namespace
 * of its own, with data, socket and log below one directory, and an OCI runtime in
 * front of runc that asks for no capability which nobody has here. Containers,
 * shims and the daemon are in one control group, so that nothing of it outlives us.
 */
#ifndef CRYO_ENGINE_PRIVATE_H
#define CRYO_ENGINE_PRIVATE_H

#include "engine/engine.h"

#include <jansson.h>

/*
 * Starts it if it does not run, and finds it if it does. `dir`: an absolute directory that is its
 * own. -CRYO_E_UNFIT: no root, no dockerd; -CRYO_E_PROVISION with the decisive line of its log.
 */
int cryo_private_start(const char *dir, struct cryo_engine *out, struct cryo_err *err);
/* 0 and *out if it runs, 1 if not. */
int cryo_private_find(const char *dir, struct cryo_engine *out, struct cryo_err *err);
/* Its socket, without a word to it; NULL: it does not run. Caller frees. */
char *cryo_private_socket(const char *dir);
/*
 * Ends it and all its containers. `keep`: its data (images) stay for the next start; else the
 * directory goes. From any state; nothing there is fine.
 */
int cryo_private_end(const char *dir, bool keep, struct cryo_err *err);

/*
 * The OCI runtime: `argv` as runc gets it. Takes from the description of a container, or of a
 * process that is started in one, what CAP_SYS_RESOURCE would be needed for, and becomes runc.
 * Returns an exit code if it cannot.
 */
int cryo_private_runtime_main(int argc, char **argv);
#define CRYO_PRIVATE_RUNTIME "cryopod-runc" /* the name it is called by */
/* A description (config.json, or the file of `exec --process`) without that; true if it changed. */
bool cryo_private_edit(json_t *description);

#endif
