/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pod as the API server gives it back to what its author would have
 * written: one table of what is kept, dropped and said.
 */
#ifndef CRYO_CHECKPOINT_POD_RULES_H
#define CRYO_CHECKPOINT_POD_RULES_H

#include "base/str.h"
#include "conf/json.h"

/* Whole new Pod of a pod or a pod template; what people should know goes to `notes`. */
json_t *cryo_pod_rules_apply(const json_t *object, struct cryo_strv *notes);

/* The container of that name, of whatever kind; borrowed, NULL if there is none. */
json_t *cryo_pod_container(const json_t *pod, const char *name);

#endif
