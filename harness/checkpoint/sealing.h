/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one call wants of the interposer in the node (cryopod-criu, docs/seal-format.md):
 * a certificate for a checkpoint, a key for a restore. The stock kubelet has no
 * parameter for it, so it travels in files below the node's path.run, there only during
 * the call: for a checkpoint named after the container, for a restore with a
 * random name, which appears in nothing public. A file that names the key is bound to the uid of
 * the new pod, and the first restore in that pod removes both.
 */
#ifndef CRYO_CHECKPOINT_SEALING_H
#define CRYO_CHECKPOINT_SEALING_H

#include "cluster/cluster.h"

/* Bytes of one key of a Secret ("tls.crt"), appended. */
int cryo_sealing_secret(struct cryo_kube *k, const char *ns, const char *name, const char *key,
			struct cryo_str *out, struct cryo_err *err);

/*
 * Removes from the node what calls left there that were killed: each holds a
 * lock in the cluster's directory while it runs, with the node in its name. Does
 * nothing where there is nothing; what could not be removed is tried again the next time.
 */
void cryo_sealing_sweep(struct cryo_cluster *t, const struct cryo_cluster_node *node);

struct cryo_sealing_call {
	struct cryo_cluster *target;
	const struct cryo_cluster_node *node;
	char *config, *cert; /* paths on the node, owned */
	char *lock;	     /* path on this machine, owned */
	bool left;	     /* on the node, which could not be asked */
	int lock_fd;
};
/*
 * Before the checkpoint of a container: writes the certificate and the wish
 * (`cert_pem` NULL: a plain one, nothing is written). A second call for the same
 * container waits for the first: the kubelet names archives by the second, so
 * one would take the archive of the other for its own. The certificate is checked
 * here: one that cannot encrypt is refused before anything is frozen, and so is
 * an id that is not one (64 hex digits).
 */
int cryo_sealing_call_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *container_id, const char *cert_pem, size_t len,
			    struct cryo_sealing_call *out, struct cryo_err *err);
/* Beside it, or after cryo_sealing_call_try, options for CRIU. -CRYO_E_TIMEOUT: somebody else's
 * call is going on. */
int cryo_sealing_call_options(struct cryo_sealing_call *c, const char *container_id,
			      const char *lines, struct cryo_err *err);
/* The same without a wish and without waiting: lock_fd is -1 if somebody else has a call, or the id
 * is not one. */
void cryo_sealing_call_try(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   const char *container_id, struct cryo_sealing_call *out);
/* When it has ended in any way: the wish is gone, the archive still this call's. */
void cryo_sealing_call_withdraw(struct cryo_sealing_call *c);
/* When the archive was copied out, also of zeroed memory and instead of withdraw. */
void cryo_sealing_call_end(struct cryo_sealing_call *c);

struct cryo_sealing_key {
	struct cryo_cluster *target;
	const struct cryo_cluster_node *node;
	char *token;	  /* of all names of this restore, owned */
	char *key, *cert; /* paths on the node, owned; NULL: none was delivered */
	char *call;	  /* path of what binds them to a pod, owned; NULL: nothing does yet */
	char *lock;	  /* path on this machine, owned; NULL: no key */
	int lock_fd;
};
/* What CRIU's configuration of a restore with a key says: public, and no way to it. */
#define CRYO_SEALING_KEY_WORDS "require-encryption\n"
/*
 * Before a restore: delivers key and certificate (PEM; cert may be empty) to the
 * node it will run on. With an empty key there are none. Each container needs one of its own.
 */
int cryo_sealing_key_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   const struct cryo_str *key_pem, const struct cryo_str *cert_pem,
			   struct cryo_sealing_key *out, struct cryo_err *err);
/* When the pod is known and before anything of it runs: one restore in it may use the key. */
int cryo_sealing_key_bind(struct cryo_sealing_key *k, const char *pod_uid, struct cryo_err *err);
/* After it, also of zeroed memory: the key is gone from the node. */
void cryo_sealing_key_end(struct cryo_sealing_key *k);

/* Is this archive on the node sealed? 1 yes, 0 no, negative: error. */
int cryo_sealing_check(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       const char *archive, struct cryo_err *err);

#endif
