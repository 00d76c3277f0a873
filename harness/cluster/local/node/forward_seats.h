/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have how many connections through the forwarder: any local user can open some, and none
 * may keep others from the API server by it, root least of all.
 */
#ifndef CRYO_CLUSTER_LOCAL_FORWARD_SEATS_H
#define CRYO_CLUSTER_LOCAL_FORWARD_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOCAL_SEATS	    256
#define LOCAL_SEATS_USERS   192 /* for all but root together */
#define LOCAL_SEATS_USER    64	/* for one of them */
#define LOCAL_SEATS_MUTE_MS 10000
#define LOCAL_NOBODY	    ((uid_t)-1) /* whose it is cannot be told: a user of its own */

struct local_seat {
	uid_t uid;
	int64_t since_ms, last_ms; /* of the monotonic clock: made; bytes went either way */
	bool spoke; /* the client has sent a byte: who wants something does so first */
};

enum { LOCAL_SEATS_FREE = -1, LOCAL_SEATS_NONE = -2 };
/*
 * One more of `uid` wants a seat. The index of the one that has to give its own up: always one of
 * the same user, or of the user with the most; of his the one that was idle for longest.
 * FREE: nobody has to. NONE: root has all that are not for users.
 */
int local_seats_make_room(const struct local_seat *seat, size_t n, uid_t uid);
/* One that said nothing for too long, or -1; *wait_ms: until there may be one, -1: there is none.
 */
int local_seats_mute(const struct local_seat *seat, size_t n, int64_t now_ms, int *wait_ms);

/* A socket of the network we are in that local_seats_uid can ask, also when we have left it; -1
 * without. */
int local_seats_open(void);
/* Whose end of this connection (IPv4) the other one is: that of the same machine. */
uid_t local_seats_uid(int asked, int client);

#endif
