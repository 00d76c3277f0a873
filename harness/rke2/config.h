/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RKE2's configuration, read as RKE2 reads it (k3s pkg/configfilearg): the file, then the files
 * `*.yaml` and `*.yml` of its drop-in directory by name. A later key replaces an earlier one,
 * `key+` appends to what is there, an empty value empties.
 */
#ifndef CRYO_RKE2_CONFIG_H
#define CRYO_RKE2_CONFIG_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

#define CRYO_RKE2_CONFIG_FILE "/etc/rancher/rke2/config.yaml"

struct cryo_rke2_config {
	json_t *values; /* key: text, or an array of texts; in the order they were first seen */
	json_t *from;	/* key: the file that had the last word */
	struct cryo_strv file; /* all that were read, in order */
};

/* A drop-in as it would be: read in its place, also when there is one of that name. */
struct cryo_rke2_dropin {
	const char *name; /* "99-cryopod.yaml" */
	const char *text; /* NULL: as if it were not there */
};

/*
 * No file is an empty configuration. `dropin`: NULL for what is there.
 * -CRYO_E_CONFIG: "FILE:LINE: what".
 */
int cryo_rke2_config_load(const char *file, const struct cryo_rke2_dropin *dropin,
			  struct cryo_rke2_config *out, struct cryo_err *err);
void cryo_rke2_config_release(struct cryo_rke2_config *c);
#define cryo_rke2_config_releasep cryo_rke2_config_release

/* The text of a key, the last one of a list; NULL if it is not there or empty. Borrowed. */
const char *cryo_rke2_config_text(const struct cryo_rke2_config *c, const char *key);
/* Is this one of the values of the key? */
bool cryo_rke2_config_has(const struct cryo_rke2_config *c, const char *key, const char *value);

#endif
