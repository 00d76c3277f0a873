/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a container runtime's list of pods, as its status, and as its list of
 * containers. */
#include "base/util.h"
#include "kube/cri.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_strv_release) struct cryo_strv ids = { 0 };
	cryo_auto(cryo_free) char *pod = NULL;
	enum cryo_cri_restore ability;
	struct cryo_err err;

	if (cryo_cri_read_restore(data, size, &ability, &err) < 0 &&
	    ability != CRYO_CRI_RESTORE_UNKNOWN)
		abort();
	if (cryo_cri_sandboxes(data, size, &ids, &err) < 0 && ids.n > 0)
		abort();
	if (cryo_cri_read_sandbox(data, size, &pod, &err) < 0 && pod)
		abort();
	return 0;
}
