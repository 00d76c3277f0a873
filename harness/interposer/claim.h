/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key that is lent for one restore (checkpoint/sealing.h): a file `restore-TOKEN.call` of the
 * node, which says for which pod it is. Whose restore this is says the control group that runc has
 * put us into, below one that the kubelet names after the pod's uid; nothing that a pod says of
 * itself counts.
 */
#ifndef CRYO_INTERPOSER_CLAIM_H
#define CRYO_INTERPOSER_CLAIM_H

#include "interposer/policy.h"

/* The last pod uid (kubelet's names, of both cgroup drivers) in a text; false if none. */
bool cryo_claim_pod_uid(const char *text, char uid[37]);
/*
 * Takes one of the calls in `dir` that are for this pod out of there, for good, and lays it below
 * *p. False: there is none (any more).
 */
bool cryo_claim_take(const char *dir, const char *cgroups, struct cryo_policy *p);

#endif
