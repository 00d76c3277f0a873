/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the interposer should do with one request, merged from four places.
 * Switches (encrypt, require-encryption) add up: no place can take back what
 * another one asks for. Of a path the first place that names it wins, in this order:
 *
 *   call     <calls>/<container id>: what one call of cryopod wants; of a restore a
 *            restore-*.call with the pod's uid (claim.h)
 *   request  fields of the RPC message (encrypt, tls_cert, tls_key)
 *   criu     the CRIU configuration file that the request names (org.criu.config)
 *   own      /etc/cryopod/criu.conf
 *
 * All files are written like CRIU's: a word, blanks, its value; # starts a comment.
 */
#ifndef CRYO_INTERPOSER_POLICY_H
#define CRYO_INTERPOSER_POLICY_H

#include "base/str.h"
#include "criu/rpc.h"

struct cryo_policy {
	bool encrypt;	    /* seal what is dumped */
	bool require;	    /* refuse plain dumps and plain restores */
	bool allow_expired; /* the certificate's dates do not matter */
	bool make_tmp;	/* a restored root gets /tmp before it is read-only: CRIU turns it there */
	bool any_words; /* pods' files may say anything to CRIU where nothing is sealed */
	char *cert;	/* tls-cert: seal to it */
	char *key;	/* tls-key: open with it */
	char *trusted;	/* trusted-signers: whose sets are accepted */
	char *sign_cert, *sign_key;
	char *criu;	       /* the real one */
	char *libraries;       /* its own, with their loader, where the node has not got them */
	char *tmpfs;	       /* a directory there instead of a mount of our own */
	char *run;	       /* what one call lays down is below; NULL: /run/cryopod */
	char *pod_uid;	       /* whom a call is for (claim.h) */
	char *log;	       /* a file for one line a sealed, opened or refused set */
	struct cryo_str words; /* options for CRIU (criu/options.h), as lines */
	int64_t dump_limit_ms; /* after so long a dump is ended; 0: 15 minutes */
	uint64_t memory;       /* bytes that plain images may take; 0: what is available */
};

/* What is said about a CRIU configuration file besides the words that are ours. */
struct cryo_policy_criu {
	bool ours;	/* it has words that CRIU does not know */
	char *diverts;	/* a word of it that leads images elsewhere ("page-server"); NULL: none */
	char *unsafe;	/* the first word of a line that may not stand in a file that a pod names;
			   NULL: none */
	char *log_file; /* its log-file; NULL: none */
	struct cryo_str rest; /* the file without the words that are ours */
};

enum cryo_policy_place { CRYO_POLICY_OWN = 1, CRYO_POLICY_CALL = 2, CRYO_POLICY_CRIU = 4 };

/*
 * One text; `what` names it in messages. In a CRIU file (then `criu` is set)
 * words of CRIU pass, elsewhere an unknown word is refused, as is a word said
 * where only the node's owner may say it, a bad value, a relative path.
 *   -CRYO_E_CONFIG
 */
int cryo_policy_parse(const char *what, const char *text, size_t n, enum cryo_policy_place place,
		      struct cryo_policy *p, struct cryo_policy_criu *criu, struct cryo_err *err);
/*
 * The same for a file. One that is not there says nothing; one of ours that
 * others than its owner (root or us) can write is refused.
 */
int cryo_policy_load(const char *path, enum cryo_policy_place place, struct cryo_policy *p,
		     struct cryo_policy_criu *criu, struct cryo_err *err);
void cryo_policy_request(const struct cryo_rpc_req *req, struct cryo_policy *p);
/* Lay `below` under `p`: what p does not say comes from there. */
void cryo_policy_merge(struct cryo_policy *p, const struct cryo_policy *below);
void cryo_policy_release(struct cryo_policy *p);
#define cryo_policy_releasep cryo_policy_release
void cryo_policy_criu_release(struct cryo_policy_criu *c);
#define cryo_policy_criu_releasep cryo_policy_criu_release

/* The last container id (64 hex digits, not part of a longer run) in a text; false if none. */
bool cryo_policy_container(const char *text, char id[65]);

#endif
