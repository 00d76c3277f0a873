/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says to people beside its steps. */
#include "rke2/plan.h"

#include <stdarg.h>

void rke2_add_obstacle(json_t *plan, bool force, const char *fix, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = cryo_vasprintf(fmt, ap);
	va_end(ap);
	json_array_append_new(json_object_get(plan, "obstacles"),
			      json_pack("{ss ss sb}", "what", what, "fix", fix, "force", force));
}

void rke2_add_note(json_t *plan, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	json_array_append_new(json_object_get(plan, "notes"), json_string(text));
}
