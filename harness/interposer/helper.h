/* SPDX-License-Identifier: Apache-2.0 */
/* One request that is ours, and the process that sees to it beside CRIU. */
#ifndef CRYO_INTERPOSER_HELPER_H
#define CRYO_INTERPOSER_HELPER_H

#include "interposer/feed.h"
#include "interposer/policy.h"
#include "interposer/store.h"
#include "seal/set.h"

enum cryo_session_work {
	CRYO_PASSING, /* messages only, because of words in CRIU's configuration */
	CRYO_SEALING,
	CRYO_OPENING,
	CRYO_FEEDING, /* plain, and its pages are not with the images */
};

struct cryo_session {
	int client; /* socket; its number is what CRIU will use */
	pid_t peer; /* who made that socket: runc */
	struct cryo_rpc_req req;
	struct cryo_policy policy;
	struct cryo_policy_criu criu_conf;
	const char *logs; /* of struct cryo_interposer */
	enum cryo_session_work work_to_do;
	int images, work;      /* directories of the client, opened */
	char container[65];    /* its id, as far as known */
	int client_images;     /* the number the client gave */
	struct cryo_feed feed; /* of a restore */
	struct cryo_store store;
	char *conf_path;      /* of CRIU's configuration without our words */
	bool client_notified; /* it asked for notifications */
	bool claimed;	      /* its key was lent for this one time */
	struct cryo_seal_cert *cert, *sign_cert;
	struct cryo_seal_key *key, *sign_key;
	struct cryo_seal_trust *trusted;
	int pidfd;	 /* of what becomes CRIU */
	int criu, ready; /* the helper's: socket to CRIU; where it says that CRIU can start */
};

/* In a child of what becomes CRIU. Forks once more, so that nobody waits for the helper; returns
 * the exit code of the one in between. */
int cryo_helper_start(struct cryo_session *s);
/*
 * May CRIU's configuration want its log there? That may be a pod's file, which
 * can name /etc/passwd: only a log in our own directory, where only a name that was
 * not to be guessed lies ready (target/evidence.c), or a name in the work directory.
 */
bool cryo_helper_may_log(const struct cryo_session *s, const char *path);
/* The client's answer, and a line in CRIU's log in CRIU's manner: "Error (cryopod-criu): …". */
void cryo_helper_refuse(const struct cryo_session *s, const struct cryo_err *why);

#endif
