/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/step.h"

#include <stdlib.h>
#include <string.h>

int cryo_step_args_new(const struct cryo_step *step, void **args, struct cryo_err *err)
{
	int rc;

	*args = cryo_alloc(step->kind->size);
	rc = cryo_node_decode(step->args, step->kind->fields, *args, err);
	if (rc < 0) {
		cryo_step_args_free(step->kind, *args);
		*args = NULL;
	}
	return rc;
}

int cryo_step_check_checkpoint(const struct cryo_step *step, const char *text, struct cryo_err *err)
{
	size_t n = strlen(text);

	if (n < 4 || !cryo_starts_with(text, "${") || strcspn(text, ".}") != n - 1)
		return cryo_node_err(cryo_node_get(step->args, "checkpoint"), err,
				     "'checkpoint' must be \"${NAME}\" of a checkpoint step");
	return 0;
}

void cryo_step_args_free(const struct cryo_step_kind *kind, void *args)
{
	if (!args)
		return;
	for (const struct cryo_field *f = kind->fields; f->name; f++)
		if (f->type == CRYO_FIELD_STR)
			free(*(char **)((char *)args + f->offset));
	free(args);
}

int cryo_step_args_expand(const struct cryo_step *step, void *args, const struct cryo_vars *vars,
			  struct cryo_err *err)
{
	for (const struct cryo_field *f = step->kind->fields; f->name; f++) {
		char **at = (char **)((char *)args + f->offset), *text;
		int rc;

		if (f->type != CRYO_FIELD_STR || !*at)
			continue;
		rc = cryo_vars_expand(vars, *at, &text, err);
		if (rc < 0)
			return cryo_err_wrap(err, rc, "%s:%u", step->node->file, step->node->line);
		free(*at);
		*at = text;
	}
	return 0;
}
