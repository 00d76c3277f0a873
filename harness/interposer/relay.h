/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries one conversation between runc and CRIU, packet by packet and with the
 * descriptors in them, and lets somebody look at what CRIU says before it goes on.
 */
#ifndef CRYO_INTERPOSER_RELAY_H
#define CRYO_INTERPOSER_RELAY_H

#include "criu/rpc.h"

#define CRYO_PACKET_FDS 16

struct cryo_packet {
	struct cryo_str data;
	int fds[CRYO_PACKET_FDS];
	size_t n_fds;
};

/*
 *   1               a packet
 *   0               the other side has closed, or is dead
 *   -CRYO_E_CONFIG  more than CRYO_RPC_MAX bytes or CRYO_PACKET_FDS descriptors
 */
int cryo_packet_receive(int sock, struct cryo_packet *p, struct cryo_err *err);
/* As receive, but it stays in the socket, for the next program; descriptors are not looked at. */
int cryo_packet_peek(int sock, struct cryo_packet *p, struct cryo_err *err);
int cryo_packet_send(int sock, const struct cryo_packet *p, struct cryo_err *err);
void cryo_packet_release(struct cryo_packet *p);
#define cryo_packet_releasep cryo_packet_release

struct cryo_relay {
	int client, criu; /* sockets; borrowed */
	/*
	 * Of CRIU's process, -1: none. CRIU's children have the socket too, and
	 * some wait for ever for a parent that was killed: nothing would be heard.
	 */
	int pidfd;
	bool client_notified; /* the client asked for notifications; else we answer them */
	/*
	 * Called with each answer or question of CRIU before it goes on. A failure
	 * before or at "post-dump" is CRIU's to hear: it goes back to the tasks. Any
	 * later one only changes the answer that the client gets. NULL: nothing to do.
	 */
	int (*on_resp)(void *arg, const struct cryo_rpc_resp *resp, struct cryo_err *err);
	/* Called every `tick_ms` while CRIU works; *again: at once. A failure is kept for the next
	 * question. NULL: not at all. */
	int (*on_tick)(void *arg, bool *again, struct cryo_err *err);
	void *arg;
	int tick_ms;
};

/*
 * Until CRIU's answer to the request has been passed on.
 *   0        passed on as it came, be it success or failure
 *   <0       not passed on: the client waits for a refusal
 */
int cryo_relay_run(const struct cryo_relay *r, struct cryo_err *err);

#endif
