/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoint and restore of a pod's container on any target: the Kubernetes
 * request, the archive, the image made of it, the pod created from it. On
 * failure the logs of CRIU and runc are fetched and the decisive line, with a
 * plain explanation, is part of the error.
 */
#ifndef CRYO_CHECKPOINT_CHECKPOINT_H
#define CRYO_CHECKPOINT_CHECKPOINT_H

#include "criu/archive.h"
#include "criu/options.h"
#include "kube/checkpoint.h"
#include "checkpoint/ended.h"
#include "cluster/cluster.h"

struct cryo_checkpoint_opts {
	const char *ns, *pod;
	const char *container; /* NULL: the pod's only one; several: refused with their names */
	const char *to;	       /* copy the archive here too; NULL: leave it on the node */
	int64_t timeout_ms;    /* of the dump; 0: the server's own */
	int64_t limit_ms;      /* of the call; 0: what the dump may take */
	/* A container that is just being created is waited for: as long as limit_ms, else as
	 * timeout_ms, else a minute. */
	/* Stopped: the pod is deleted. Where the API has no word for it we do that, after the dump:
	 * what the container does between the two is lost. */
	enum cryo_leave_running leave;
	/*
	 * Sealed for the certificate (tls.crt) of this Secret of the pod's namespace,
	 * type kubernetes.io/tls; its private key is not looked at. NULL: plain. What
	 * was asked for and is not sealed is a failure (CRYO_E_TAMPER), its archive
	 * is removed.
	 */
	const char *encryption_secret;
	struct cryo_criu_options criu; /* need a node that can be reached */
	/* CRYO_CHECKPOINT_NONE: pods where the API server has it, else proxy, else kubelet. */
	enum cryo_checkpoint_form form;
	/* For tests of the form pods: this body instead, and nothing is checked before it is sent;
	 * as this user. */
	const char *body, *user;
};

struct cryo_checkpoint {
	char *node, *ns, *pod, *container; /* owned */
	char *archive;			   /* path on the node */
	char *copy;			   /* path on this machine, NULL if none was asked for */
	uint64_t bytes;			   /* of the archive; 0: its node is out of reach */
	int64_t started_ns, ended_ns;	   /* wall clock around the request */
	int64_t ms;			   /* of the request */
	enum cryo_checkpoint_form form;
	bool sealed;		 /* looked at, not only said */
	bool deleted;		 /* the pod, because it was not to be left running */
	struct cryo_ended ended; /* left running, its program ended by itself right after */
	char *source; /* the pod as JSON text at that moment, to restore from; NULL: not known */
};

int cryo_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			struct cryo_checkpoint *out, struct cryo_err *err);
void cryo_checkpoint_release(struct cryo_checkpoint *c);
#define cryo_checkpoint_releasep cryo_checkpoint_release
json_t *cryo_checkpoint_json(const struct cryo_checkpoint *c); /* new reference */
/*
 * The request as a curl line for a POSIX shell, appended: it works while
 * `cryopod proxy` or `kubectl proxy` listens on its default port. With the form
 * pods `t` is not asked anything and may be NULL. -CRYO_E_USAGE: no such line exists.
 */
int cryo_checkpoint_curl(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			 struct cryo_str *out, struct cryo_err *err);

struct cryo_restore_opts {
	/* On this machine: a file, or a directory of cryo_pod_checkpoint_run() (or any other with
	 * archives *.tar of one pod), whose containers are all restored, in one new pod. */
	const char *archive;
	const char *pod;  /* name of the new pod */
	const char *ns;	  /* NULL: "default"; an archive never chooses it */
	const char *node; /* where; NULL: that of the pod, else one that has its image */
	/* What the source pod was, in a file (pod_form.h); NULL: from `source`, else from the
	 * archive alone. */
	const char *manifest;
	const char *source; /* JSON text of the source pod (struct cryo_checkpoint), or NULL */
	int64_t timeout_ms; /* until it runs; 0: 1 minute */
	const char *restart_policy;    /* of the new pod; NULL: as it is described */
	bool run_init;		       /* init containers run again */
	bool allow_privileges;	       /* also more than the new pod's spec gives */
	struct cryo_criu_options criu; /* besides those that the archive was dumped with */
	/*
	 * What opens a sealed archive: a Secret (kubernetes.io/tls) of the new pod's
	 * namespace, or PEM files on this machine. It lies on the node, on tmpfs and
	 * for root only, while the restore runs. At most one of them.
	 */
	const char *key_secret;
	const char *key_file, *cert_file;
};

struct cryo_restore {
	char *ns, *pod, *node;		     /* owned */
	struct cryo_strv containers, images; /* names, and references of the checkpoint images */
	struct cryo_ended ended;	     /* right after it ran */
	int64_t ms;			     /* archive at hand → container running */
};

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err);
void cryo_restore_release(struct cryo_restore *r);
#define cryo_restore_releasep cryo_restore_release

#endif
