/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/json.h"

#include "sys/fs.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An array is lengthened by at most this in one go: a typing error must not cost gigabytes. */
#define MAX_PADDING 64
#define MIN_DIGITS  19 /* of 2^63 */
#define MAX_DIGITS  20 /* of 2^64 - 1 */

/* `text` ends with a NUL byte. A whole number above INT64_MAX that 64 bits without a sign can hold?
 */
static bool is_large_unsigned(const char *digits, size_t n)
{
	char after = digits[n];

	if (n < MIN_DIGITS || n > MAX_DIGITS || after == '.' || after == 'e' || after == 'E')
		return false;
	errno = 0;
	return strtoull(digits, NULL, 10) > INT64_MAX && errno == 0;
}

/* What of `text` is a string: its length with both quotes, or up to the end. */
static size_t measure_string(const char *text)
{
	size_t n = 1;

	while (text[n] && text[n] != '"')
		n += text[n] == '\\' && text[n + 1] ? 2 : 1;
	return n + (text[n] == '"');
}

/* Each such number becomes INT64_MAX, which has no more digits; blanks fill the rest. */
static void clamp_large_unsigned(char *text)
{
	static const char largest[] = "9223372036854775807";
	size_t n;

	for (char *p = text; *p; p += n) {
		if (*p == '"') {
			n = measure_string(p);
			continue;
		}
		n = strspn(p, "-+.eE0123456789");
		if (n > 0 && is_large_unsigned(p, strspn(p, "0123456789"))) {
			memset(p, ' ', n);
			memcpy(p, largest, sizeof(largest) - 1);
		}
		n = n ? n : 1;
	}
}

/*
 * jansson holds integers up to INT64_MAX and refuses the whole text for a larger one. OCI specs
 * write "no limit" as 2^64 - 1 (runtime-spec 1.0, POSIXRlimit).
 */
static json_t *load_with_clamped_numbers(const char *text, size_t len, json_error_t *e)
{
	cryo_auto(cryo_free) char *copy = cryo_alloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	clamp_large_unsigned(copy);
	return json_loadb(copy, len, JSON_DECODE_ANY, e);
}

int cryo_json_parse(const char *what, const char *text, size_t len, json_t **out,
		    struct cryo_err *err)
{
	json_error_t e;
	json_t *j = json_loadb(text, len, JSON_DECODE_ANY, &e);

	if (!j && json_error_code(&e) == json_error_numeric_overflow)
		j = load_with_clamped_numbers(text, len, &e);
	if (!j)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: no JSON: line %d: %s", what, e.line,
				    e.text);
	*out = j;
	return 0;
}

int cryo_json_load(const char *path, size_t max, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, max, &text, err);

	if (rc < 0)
		return rc;
	return cryo_json_parse(path, cryo_str_get(&text), text.len, out, err);
}

static int append_json_text(const char *text, size_t n, void *arg)
{
	cryo_str_addn(arg, text, n);
	return 0;
}

void cryo_json_dump(const json_t *j, struct cryo_str *out)
{
	json_dump_callback(j, append_json_text, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void cryo_json_dump_pretty(const json_t *j, struct cryo_str *out)
{
	json_dump_callback(j, append_json_text, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
}

/* One step of a path: a key, or an index in brackets. */
struct step {
	bool is_index;
	size_t index;
	char key[256];
};

/* Cuts the next step off *path. 1: there was one, 0: the end, -1: no path. */
static int parse_next_step(const char **path, struct step *s)
{
	const char *p = *path;
	size_t n;
	char *end;

	if (!*p)
		return 0;
	s->is_index = *p == '[';
	if (s->is_index) {
		if (p[1] < '0' || p[1] > '9')
			return -1;
		s->index = strtoul(p + 1, &end, 10);
		if (*end != ']')
			return -1;
		p = end + 1;
	} else {
		n = strcspn(p, ".[");
		if (n == 0 || n >= sizeof(s->key))
			return -1;
		memcpy(s->key, p, n);
		s->key[n] = '\0';
		p += n;
	}
	if (*p == '.' && !*++p)
		return -1;
	*path = p;
	return 1;
}

static json_t *find_step_child(const json_t *j, const struct step *s)
{
	/* Both answer NULL for a value of another type. */
	return s->is_index ? json_array_get(j, s->index) : json_object_get(j, s->key);
}

json_t *cryo_json_at(const json_t *j, const char *path)
{
	json_t *at = (json_t *)j;
	struct step s;
	int more;

	while (at && (more = parse_next_step(&path, &s)) != 0)
		at = more > 0 ? find_step_child(at, &s) : NULL;
	return at;
}

const char *cryo_json_str(const json_t *j, const char *path)
{
	return json_string_value(cryo_json_at(j, path));
}

int64_t cryo_json_int(const json_t *j, const char *path, int64_t fallback)
{
	const json_t *at = cryo_json_at(j, path);

	return json_is_integer(at) ? json_integer_value(at) : fallback;
}

bool cryo_json_bool(const json_t *j, const char *path)
{
	return json_is_true(cryo_json_at(j, path));
}

json_t *cryo_json_find(const json_t *array, const char *path, const char *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		if (cryo_streq(cryo_json_str(item, path), value))
			return item;
	return NULL;
}

/* Puts value (stolen) at the step s of j. */
static int set_step_child(json_t *j, const struct step *s, json_t *value)
{
	if (!s->is_index && json_is_object(j))
		return json_object_set_new(j, s->key, value);
	if (s->is_index && json_is_array(j) && s->index < json_array_size(j) + MAX_PADDING) {
		while (json_array_size(j) < s->index)
			json_array_append_new(j, json_null());
		if (s->index == json_array_size(j))
			return json_array_append_new(j, value);
		return json_array_set_new(j, s->index, value);
	}
	json_decref(value);
	return -1;
}

static int set_json_below(json_t *j, const char *path, json_t *value)
{
	struct step s, following;
	json_t *next = NULL;
	const char *rest;
	int more = parse_next_step(&path, &s);

	while (more > 0 && *path) {
		rest = path;
		if (parse_next_step(&rest, &following) < 0)
			break;
		next = find_step_child(j, &s);
		if (!next || json_is_null(next)) {
			next = following.is_index ? json_array() : json_object();
			if (set_step_child(j, &s, next) < 0)
				break;
		}
		j = next;
		more = parse_next_step(&path, &s);
	}
	if (more > 0 && !*path)
		return set_step_child(j, &s, value);
	json_decref(value);
	return -1;
}

int cryo_json_set(json_t *j, const char *path, json_t *value, struct cryo_err *err)
{
	if (set_json_below(j, path, value) < 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "cannot set '%s': no such path", path);
	return 0;
}
