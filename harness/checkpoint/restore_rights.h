/* SPDX-License-Identifier: Apache-2.0 */
/* May the processes of an archive do more than the pod it is restored into allows? */
#ifndef CRYO_CHECKPOINT_RESTORE_RIGHTS_H
#define CRYO_CHECKPOINT_RESTORE_RIGHTS_H

#include "conf/json.h"
#include "criu/archive.h"

/*
 * Before anything is created. Of a sealed archive the images that tell are opened here, in memory,
 * with the key (PEM, "": none).
 *   -CRYO_E_CONFIG  more rights than the spec gives, a damaged image, or no key for a sealed one
 *   -CRYO_E_TAMPER  the sealed images are not what was sealed
 */
int cryo_restore_rights_check(const char *path, struct cryo_archive *a, const json_t *pod,
			      const struct cryo_str *key, const struct cryo_str *cert,
			      struct cryo_err *err);

#endif
