/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between runc and `criu swrk` (CRIU's RPC): one packet of a
 * SOCK_SEQPACKET socket each. Only what we look at has a name here; everything
 * else goes through as it came.
 */
#ifndef CRYO_CRIU_RPC_H
#define CRYO_CRIU_RPC_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

#define CRYO_RPC_MAX (1u << 20) /* bytes of one message; runc's own limit is 40 KiB */

enum cryo_rpc_type {
	CRYO_RPC_DUMP = 1,
	CRYO_RPC_RESTORE = 2,
	CRYO_RPC_PRE_DUMP = 4,
	CRYO_RPC_PAGE_SERVER = 5,
	CRYO_RPC_NOTIFY = 6,
	CRYO_RPC_VERSION = 10,
	CRYO_RPC_PAGE_SERVER_CHILD = 12,
	CRYO_RPC_SINGLE_PRE_DUMP = 13,
};

/* A request. Texts are borrowed from it, NULL where there is none; descriptors are numbers of the
 * client's table, -1 where there is none. */
struct cryo_rpc_req {
	int type;
	bool keep_open;
	bool notify_success;
	int images_dir, work_dir, status_fd;
	pid_t pid;
	bool leave_running, notify_scripts, track_mem, auto_dedup, lazy_pages, page_server, encrypt,
	    encrypt_later;
	const char *log_file, *parent_img, *config_file, *tls_cert, *tls_key, *images_path;
	const char *root; /* of a restore: where its root file system is mounted */
	void *message;	  /* all of it */
};

/* -CRYO_E_CONFIG: not a message. After a failure there is nothing to release. */
int cryo_rpc_req_parse(const void *data, size_t n, struct cryo_rpc_req *out, struct cryo_err *err);
/*
 * The request as it came, but with the values that images_dir, work_dir,
 * status_fd, config_file, notify_scripts and auto_dedup of `r` have now, and
 * without `encrypt` and `encrypt_later`.
 */
void cryo_rpc_req_pack(const struct cryo_rpc_req *r, struct cryo_str *out);
void cryo_rpc_req_release(struct cryo_rpc_req *r);
#define cryo_rpc_req_releasep cryo_rpc_req_release

/* What CRIU says: the answer to a request, or (type NOTIFY) a question of its own. */
struct cryo_rpc_resp {
	int type;
	bool success;
	int cr_errno;
	char script[32]; /* NOTIFY: "post-dump"; cut if longer */
	char errmsg[1024];
};
int cryo_rpc_resp_parse(const void *data, size_t n, struct cryo_rpc_resp *out,
			struct cryo_err *err);
/* A failure in CRIU's name. */
void cryo_rpc_pack_refusal(int type, int cr_errno, const char *errmsg, struct cryo_str *out);
/* The client's answer to a NOTIFY. */
void cryo_rpc_pack_notified(bool success, struct cryo_str *out);

#endif
