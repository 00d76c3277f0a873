/* SPDX-License-Identifier: Apache-2.0 */
/* The table of steps; nothing else of the room is called from here or calls back into it. */
#include "scenario/step.h"

#include <string.h>

const struct cryo_step_kind *const cryo_step_kinds[] = {
	&cryo_step_apply,	   &cryo_step_checkpoint,
	&cryo_step_checkpoint_pod, &cryo_step_ciphertext,
	&cryo_step_continuity,	   &cryo_step_create_secret,
	&cryo_step_delete,	   &cryo_step_drain,
	&cryo_step_logs,	   &cryo_step_migrate,
	&cryo_step_restore,	   &cryo_step_standstill,
	&cryo_step_wait,	   NULL,
};

const struct cryo_step_kind *cryo_step_kind_find(const char *name)
{
	for (size_t i = 0; cryo_step_kinds[i]; i++)
		if (strcmp(cryo_step_kinds[i]->name, name) == 0)
			return cryo_step_kinds[i];
	return NULL;
}
