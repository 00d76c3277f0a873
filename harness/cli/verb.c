/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"

#include "base/str.h"

#include <string.h>
#include <unistd.h>

static const struct cryo_verb *get_verb_entry(const struct cryo_verb *first, size_t i, size_t size)
{
	return (const struct cryo_verb *)(const void *)((const char *)first + i * size);
}

static int report_unknown_verb(const char *command, const char *word, const struct cryo_strv *names,
			       struct cryo_err *err)
{
	const char *near = cryo_nearest(word, cryo_strv_get((struct cryo_strv *)names));
	cryo_auto(cryo_free) char *all = cryo_strv_join(names, ", ");

	if (near)
		return cryo_err_set(err, CRYO_E_USAGE, "no '%s %s' (did you mean '%s'?)", command,
				    word, near);
	return cryo_err_set(err, CRYO_E_USAGE, "no '%s %s' (valid values: %s)", command, word, all);
}

int cryo_cli_verb(const char *command, const struct cryo_verb *first, size_t n, size_t size,
		  char **args, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	const struct cryo_verb *v = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		v = get_verb_entry(first, i, size);
		if (strcmp(v->name, args[0]) == 0)
			break;
		cryo_strv_add(&names, v->name);
	}
	if (i == n)
		return report_unknown_verb(command, args[0], &names, err);
	if (!v->takes_word && args[1])
		return cryo_err_set(err, CRYO_E_USAGE, "%s %s: unexpected argument '%s'", command,
				    v->name, args[1]);
	if (v->root && geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "%ss of local clusters need root (sudo cryopod %s %s)", command,
				    command, v->name);
	return (int)i;
}
