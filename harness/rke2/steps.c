/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds; nobody below install.c needs it. */
#include "rke2/step.h"

#include <string.h>

static const struct rke2_step_kind *const step_kinds[] = {
	&rke2_step_keep,   &rke2_step_stage,   &rke2_step_image,     &rke2_step_file,
	&rke2_step_swap,   &rke2_step_restart, &rke2_step_give_back, &rke2_step_unstage,
	&rke2_step_unkeep, &rke2_step_unimage, &rke2_step_unfile,    &rke2_step_unswap,
};

const struct rke2_step_kind *rke2_step_find(const char *name)
{
	for (size_t i = 0; name && i < CRYO_ARRAY_LEN(step_kinds); i++)
		if (strcmp(step_kinds[i]->name, name) == 0)
			return step_kinds[i];
	return NULL;
}
