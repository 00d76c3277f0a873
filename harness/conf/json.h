/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers around jansson: errors our way, paths, scope exit. */
#ifndef CRYO_CONF_JSON_H
#define CRYO_CONF_JSON_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

static inline void cryo_json_decrefp(json_t **j)
{
	json_decref(*j);
}

/* `what` names the text in the message ("answer of /api/v1/pods"). New reference in *out. Integers
 * from 2^63 to 2^64 - 1 are read as INT64_MAX; larger ones are an error. */
int cryo_json_parse(const char *what, const char *text, size_t len, json_t **out,
		    struct cryo_err *err);
int cryo_json_load(const char *path, size_t max, json_t **out, struct cryo_err *err);
/* Compact text, keys in the order they were set; appended. */
void cryo_json_dump(const json_t *j, struct cryo_str *out);
void cryo_json_dump_pretty(const json_t *j, struct cryo_str *out);

/* Walks keys and [index]: cryo_json_at(pod, "status.containerStatuses[0].ready"). Borrowed; NULL if
 * absent. */
json_t *cryo_json_at(const json_t *j, const char *path);
/* The string there; NULL if absent or no string. Borrowed. */
const char *cryo_json_str(const json_t *j, const char *path);
int64_t cryo_json_int(const json_t *j, const char *path, int64_t fallback);
bool cryo_json_bool(const json_t *j, const char *path);
/* The first object of an array whose member at that path is that string. Borrowed; NULL if there is
 * none. */
json_t *cryo_json_find(const json_t *array, const char *path, const char *value);
/* Sets a value (stolen) at such a path, making objects and lengthening arrays on the way. */
int cryo_json_set(json_t *j, const char *path, json_t *value, struct cryo_err *err);

#endif
