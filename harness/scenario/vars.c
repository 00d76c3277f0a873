/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/vars.h"

#include <string.h>

void cryo_vars_set(struct cryo_vars *v, const char *name, const char *value)
{
	cryo_strv_add(&v->name, name);
	cryo_strv_add(&v->value, value);
}

static int add_var_value(const struct cryo_vars *v, const char *name, struct cryo_str *out,
			 struct cryo_err *err)
{
	const char *near;

	for (size_t i = 0; i < v->name.n; i++) {
		if (strcmp(v->name.v[i], name) == 0) {
			cryo_str_add(out, v->value.v[i]);
			return 0;
		}
	}
	near = cryo_nearest(name, cryo_strv_get(&v->name));
	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG, "unknown variable '%s', did you mean '%s'?",
				    name, near);
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "unknown variable '%.64s': no step before this one is named so (as: …)",
			    name);
}

int cryo_vars_expand(const struct cryo_vars *v, const char *text, char **out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	for (const char *at; (at = strstr(text, "${"));) {
		const char *end = strchr(at, '}');
		cryo_auto(cryo_free) char *name = NULL;
		int rc;

		if (!end)
			return cryo_err_set(err, CRYO_E_CONFIG, "'${' without '}' in '%.64s'", at);
		name = cryo_strndup(at + 2, (size_t)(end - at - 2));
		cryo_str_addn(&s, text, (size_t)(at - text));
		rc = add_var_value(v, name, &s, err);
		if (rc < 0)
			return rc;
		text = end + 1;
	}
	cryo_str_add(&s, text);
	*out = cryo_str_detach(&s);
	return 0;
}

void cryo_vars_release(struct cryo_vars *v)
{
	cryo_strv_release(&v->name);
	cryo_strv_release(&v->value);
}
