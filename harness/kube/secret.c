/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

/* Kept out of sight after use: secrets pass through here. */
static char *encode_secret_base64(const char *data, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = cryo_alloc((len + 2) / 3 * 4 + 1), *at = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)(unsigned char)data[i] << 16;

		v |= left > 1 ? (unsigned)(unsigned char)data[i + 1] << 8 : 0;
		v |= left > 2 ? (unsigned char)data[i + 2] : 0;
		*at++ = digit[v >> 18];
		*at++ = digit[v >> 12 & 63];
		*at++ = left > 1 ? digit[v >> 6 & 63] : '=';
		*at++ = left > 2 ? digit[v & 63] : '=';
	}
	return text;
}

int cryo_kube_create_secret(struct cryo_kube *k, const char *ns, const char *name, const char *type,
			    const struct cryo_kube_datum *data, size_t n, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *secret =
	    json_pack("{s:s, s:s, s:{s:s}, s:s, s:{}}", "apiVersion", "v1", "kind", "Secret",
		      "metadata", "name", name, "type", type ? type : "Opaque", "data");
	json_t *values = json_object_get(secret, "data");

	if (!secret)
		return cryo_err_set(err, CRYO_E_CONFIG, "the secret's name is not UTF-8 text");
	for (size_t i = 0; i < n; i++) {
		char *text = encode_secret_base64(data[i].value, data[i].len);

		json_object_set_new(values, data[i].key, json_string(text));
		explicit_bzero(text, strlen(text));
		free(text);
	}
	return cryo_kube_create(k, secret, ns, err);
}
