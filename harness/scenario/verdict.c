/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/verdict.h"

#include "base/str.h"

#include <string.h>

#define SAYS "cryopod: "

static enum cryo_status map_exit_code_status(int exit_code)
{
	static const enum cryo_status status[] = {
		[1] = CRYO_E_CHECK,	[2] = CRYO_E_USAGE,   [3] = CRYO_E_UNFIT,
		[4] = CRYO_E_PROVISION, [5] = CRYO_E_TIMEOUT, [6] = CRYO_E_TAMPER,
	};

	return exit_code > 0 && exit_code < (int)CRYO_ARRAY_LEN(status) ? status[exit_code]
									: CRYO_E_CHILD;
}

int cryo_verdict_read(const struct cryo_proc_result *res, int rc, struct cryo_err *err)
{
	const char *text = cryo_str_get(&res->err), *last = NULL;

	if (rc != -(int)CRYO_E_CHILD)
		return rc;
	for (const char *at = text; (at = strstr(at, SAYS)); at++)
		if (at == text || at[-1] == '\n')
			last = at + strlen(SAYS);
	if (res->signal)
		return cryo_err_set(err, CRYO_E_CHILD, "its process was killed by signal %d (%s)",
				    res->signal, strsignal(res->signal));
	if (!last)
		return cryo_err_set(err, CRYO_E_CHILD,
				    "its process ended with exit code %d and without a result",
				    res->exit_code);
	return cryo_err_set(err, map_exit_code_status(res->exit_code), "%.*s",
			    (int)strcspn(last, "\n"), last);
}
