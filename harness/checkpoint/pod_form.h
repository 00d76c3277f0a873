/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod to restore, made from whatever says what the source pod was: a manifest,
 * the API object as `kubectl get -o yaml|json` prints it, the template of a
 * Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob, a List of such,
 * or the archive alone. What is kept, dropped and changed stands in one table
 * (pod_form.c; docs/restore.md shows it).
 */
#ifndef CRYO_CHECKPOINT_POD_FORM_H
#define CRYO_CHECKPOINT_POD_FORM_H

#include "conf/json.h"
#include "criu/archive.h"

struct cryo_pod_form_opts {
	const struct cryo_archive *archive; /* of the first container */
	size_t archives;		    /* of as many containers in a row; 0: 1 */
	const char *manifest;		    /* file, YAML or JSON; NULL: the next */
	const char *source;	    /* JSON text of the source pod; NULL: the archive alone */
	const char *restart_policy; /* NULL: as it says */
	bool run_init;		    /* init containers run again */
	bool host_namespaces;	    /* the archive alone may ask for the node's namespaces */
	bool sealed;		    /* the key is gone after the restore */
};

struct cryo_pod_form {
	json_t *pod;		   /* without name, namespace and image of restored containers */
	char *node;		   /* where the source ran; NULL: not known */
	struct cryo_strv notes;	   /* what is dropped, changed or begins anew: for people */
	struct cryo_strv warnings; /* what may surprise them */
};

/*
 * Each restored container is under spec.containers or spec.initContainers (a sidecar).
 *   -CRYO_E_CONFIG   no pod in the file that fits the archive, or several; a pod
 *                    that CRIU could not restore into: volumes, process namespace
 *   -CRYO_E_USAGE    the archives alone do not tell enough
 */
int cryo_pod_form_make(const struct cryo_pod_form_opts *opts, struct cryo_pod_form *out,
		       struct cryo_err *err);
void cryo_pod_form_release(struct cryo_pod_form *f);
#define cryo_pod_form_releasep cryo_pod_form_release

#endif
