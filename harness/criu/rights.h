/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of a checkpoint may do: CRIU gives each thread what its image says, whatever
 * the container it is restored into allows. Hostile input: images that CRIU might read
 * in another way than we do are damaged here.
 */
#ifndef CRYO_CRIU_RIGHTS_H
#define CRYO_CRIU_RIGHTS_H

#include "base/err.h"
#include "base/str.h"

#define CRYO_CAP_SYS_ADMIN 21

/* Of one thread; its process' first thread has the name. */
struct cryo_rights_task {
	uint32_t pid;
	char name[32];		 /* "" if its image does not say */
	bool dead;		 /* a zombie: it does nothing any more */
	uint32_t uid[4], gid[4]; /* real, effective, saved, of the file system */
	uint32_t *group;	 /* owned */
	size_t groups;
	uint64_t inh, prm, eff, bnd, amb; /* capabilities: bit N is number N */
	uint32_t securebits, seccomp;	  /* of prctl(2); seccomp 0: no filter */
	bool no_new_privs;
};

struct cryo_rights {
	struct cryo_rights_task *task; /* owned */
	size_t n;
	struct cryo_rights_thread {
		uint32_t pid, process; /* its first thread's */
	} * thread;		       /* all that pstree.img names; owned */
	size_t threads;
	char *damaged; /* the first image that cannot be read; NULL: none. Owned */
};

/* Is this image one that says something of it? `name` without directories. */
bool cryo_rights_is_told_by(const char *name);
/* Such an image, all of it; one that is larger than CRYO_CRIU_IMAGE_MAX is damaged. */
void cryo_rights_take(struct cryo_rights *r, const char *name, const struct cryo_str *image);
/* -CRYO_E_CONFIG: an image is damaged, or that of a thread is missing. */
int cryo_rights_check_whole(struct cryo_rights *r, struct cryo_err *err);
void cryo_rights_release(struct cryo_rights *r);
#define cryo_rights_releasep cryo_rights_release

/* "NET_ADMIN", or "45" for one that has no name here. Caller frees. */
char *cryo_rights_cap_name(unsigned cap);
/* Number of "NET_ADMIN", "cap_net_admin" …; -1: there is none. */
int cryo_rights_cap_find(const char *name);

#endif
