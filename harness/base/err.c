/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/mask.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* Where there is not enough room, what a caller puts in front takes so much: of a message the
 * middle goes, and the reason is kept. */
#define MAX_PREFIX 160

/* Masks the text first: what it is made of may hold an address with a password. */
static void store_masked_message(struct cryo_err *err, char *text)
{
	cryo_mask_addresses(text);
	cryo_cut_middle(text, sizeof(err->msg) - 1);
	strcpy(err->msg, text);
}

static void join_message_lines(char *msg)
{
	size_t n = strlen(msg);

	while (n > 0 && (msg[n - 1] == '\n' || msg[n - 1] == ' '))
		msg[--n] = '\0';
	for (char *c = msg; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

int cryo_err_set(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	err->status = status;
	err->sys_errno = err->http_code = err->signal = 0;
	store_masked_message(err, text);
	join_message_lines(err->msg);
	return -(int)status;
}

int cryo_err_sys(struct cryo_err *err, int errno_val, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_err_set(err, CRYO_E_SYSTEM, "%s: %s", text, strerror(errno_val));
	err->sys_errno = errno_val;
	return -(int)CRYO_E_SYSTEM;
}

int cryo_err_wrap(struct cryo_err *err, int ret, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *prefix = NULL;
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	if (ret == 0)
		return 0;
	va_start(ap, fmt);
	prefix = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_mask_addresses(prefix);
	if (strlen(prefix) + strlen(err->msg) + 2 >= sizeof(err->msg))
		cryo_cut_middle(prefix, MAX_PREFIX);
	text = cryo_asprintf("%s: %s", prefix, err->msg);
	store_masked_message(err, text);
	return ret;
}

int cryo_err_as(struct cryo_err *err, int ret, enum cryo_status status)
{
	if (ret == 0)
		return 0;
	err->status = status;
	return -(int)status;
}

int cryo_err_exit_code(const struct cryo_err *err)
{
	switch (err->status) {
	case CRYO_OK:
		return 0;
	case CRYO_E_USAGE:
	case CRYO_E_CONFIG:
		return 2;
	case CRYO_E_UNFIT:
		return 3;
	case CRYO_E_PROVISION:
		return 4;
	case CRYO_E_TIMEOUT:
		return 5;
	case CRYO_E_TAMPER:
		return 6;
	case CRYO_E_INTERRUPTED:
		return 128 + (err->signal ? err->signal : 2);
	case CRYO_E_CHECK:
	case CRYO_E_SYSTEM:
	case CRYO_E_CHILD:
	case CRYO_E_REMOTE:
		break;
	}
	return 1;
}
