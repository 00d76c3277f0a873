/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that stands between runc and CRIU (docs/architecture.md, "Sealed
 * checkpoints"). It is found as `criu`, and becomes the real one by exec: pid,
 * parent and inherited descriptors stay, and what is not its business is not
 * touched. For a sealed dump or restore CRIU gets a socket and an image
 * directory of ours, and a helper process does the work between the two.
 *
 *   policy.c   what is to be done
 *   places.c   where things of this node lie
 *   claim.c    the key that is lent to one pod
 *   pem.c      certificates and keys
 *   store.c    where plain images may be
 *   feed.c     pages that do not come with the images
 *   relay.c    the conversation
 *   dump.c     sealing while CRIU dumps
 *   pending.c  the lock while a set is made after the answer
 *   states.c   what must not be dumped, as CRIU would hang
 *   guard.c    ensures that the container continues, whatever dies
 *   settle.c   the same on demand, when nothing else did it
 *   session.c  one request: descriptors, helper, answer
 *   real.c     the real CRIU
 *   probe.c    what it can do here
 */
#ifndef CRYO_INTERPOSER_INTERPOSER_H
#define CRYO_INTERPOSER_INTERPOSER_H

#include "interposer/policy.h"

struct cryo_interposer {
	const char *conf;	      /* "/etc/cryopod/criu.conf" */
	const char *calls;	      /* <run>/calls: a file a container id */
	const char *logs;	      /* <run>: whose *.log CRIU files may name, and *.call */
	const char *pages;	      /* CRYO_PAGES_DIR */
	const char *dumps;	      /* <run>/dumps: guard.h */
	const char *runc_conf;	      /* what runc names to CRIU where a pod names nothing */
	const char *const *criu_conf; /* configuration CRIU reads by itself; ends with NULL */
};

/* Fills in what lies below <run>: where->conf names it, else it is /run/cryopod, as after a
 * failure. For the life of the program. Errors are those of cryo_policy_load(). */
int cryo_interposer_find_places(struct cryo_interposer *where, struct cryo_err *err);
/* The whole program: returns an exit code, or becomes the real CRIU. */
int cryo_interposer_main(const struct cryo_interposer *where, int argc, char **argv);

/*
 * The request at socket `sock`. `own` is filled in from where->conf.
 *   0   the real CRIU is to be executed now: with the request still in its
 *       socket, or (where it is ours) with a helper at the other end
 *   <0  refused; the client has its answer
 */
int cryo_session_run(const struct cryo_interposer *where, int sock, struct cryo_policy *own,
		     struct cryo_err *err);
/* Execute it. Returns only on failure. */
int cryo_real_exec(const struct cryo_policy *own, char **argv, struct cryo_err *err);
/* Prints "yes", or "no" and CRIU's log, after a trial. Returns an exit code. */
int cryo_probe_sockets(const struct cryo_policy *own);

#endif
