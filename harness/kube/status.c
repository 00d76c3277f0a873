/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <string.h>

#define FIRST_LINE_MAX 300

char *cryo_kube_first_line(const char *text)
{
	size_t n;

	text += strspn(text, "\r\n\t ");
	n = strcspn(text, "\r\n");
	return cryo_strndup(text, n < FIRST_LINE_MAX ? n : FIRST_LINE_MAX);
}

static int set_status_error(long code, struct cryo_err *err, const char *text)
{
	if (*text)
		cryo_err_set(err, CRYO_E_REMOTE, "%s", text);
	else
		cryo_err_set(err, CRYO_E_REMOTE, "the server answered with code %ld", code);
	err->http_code = (int)code;
	return -(int)CRYO_E_REMOTE;
}

int cryo_kube_status_err(const json_t *status, long code, struct cryo_err *err)
{
	const char *message = cryo_json_str(status, "message");

	if (!message || !*message)
		message = cryo_json_str(status, "reason");
	return set_status_error(code, err, message ? message : "");
}

int cryo_kube_body_err(long code, const char *body, size_t n, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *line = NULL;
	cryo_auto(cryo_free) char *text = NULL;
	cryo_auto(cryo_json_decref) json_t *status = json_loadb(body, n, 0, NULL);

	if (cryo_streq(cryo_json_str(status, "kind"), "Status"))
		return cryo_kube_status_err(status, code, err);
	line = cryo_kube_first_line(body);
	if (*line)
		text = cryo_asprintf("the server answered with code %ld: %s", code, line);
	return set_status_error(code, err, text ? text : "");
}
