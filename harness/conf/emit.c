/* SPDX-License-Identifier: Apache-2.0 */
/* Between YAML and JSON: what a plain scalar means, and YAML text of JSON values. */
#include "conf/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static bool is_listed_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* 12, -7, 0x1f, 0o17 and, as Kubernetes' decoder has it (defaultMode: 0644), 0644. */
static json_t *parse_plain_integer(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	int base = 10;
	bool minus = *text == '-';
	unsigned long long v;
	char *end;

	if (cryo_starts_with(digits, "0x")) {
		base = 16;
		digits += 2;
	} else if (cryo_starts_with(digits, "0o")) {
		base = 8;
		digits += 2;
	} else if (digits[0] == '0' && !digits[strspn(digits, "01234567")]) {
		base = 8;
	}
	if (!*digits || digits[strspn(digits, "0123456789abcdefABCDEF")])
		return NULL;
	errno = 0;
	v = strtoull(digits, &end, base);
	if (*end || errno || v > (unsigned long long)INT64_MAX + minus)
		return NULL;
	return json_integer(minus ? -(json_int_t)(v - 1) - 1 : (json_int_t)v);
}

/* [-+]? ( .digits | digits[.digits] ) [ e[-+]digits ]; infinities have no JSON form. */
static json_t *parse_plain_real(const char *text)
{
	const char *p = text + (*text == '-' || *text == '+');
	size_t whole = strspn(p, "0123456789"), part = 0;

	p += whole;
	if (*p == '.') {
		part = strspn(p + 1, "0123456789");
		p += 1 + part;
	}
	if (whole + part == 0)
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '-' || p[1] == '+');
		if (!*p)
			return NULL;
		p += strspn(p, "0123456789");
	}
	return *p ? NULL : json_real(strtod(text, NULL));
}

/* NULL if it is just text. Yes and no in the words of YAML 1.1: so kubectl reads a manifest. */
static json_t *resolve_plain(const char *text)
{
	static const char *const null[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", "y",	 "Y",  "yes",
					   "Yes",  "YES",  "on",   "On", "ON", NULL };
	static const char *const no[] = { "false", "False", "FALSE", "n",   "N",   "no",
					  "No",	   "NO",    "off",   "Off", "OFF", NULL };
	json_t *j;

	if (is_listed_word(text, null))
		return json_null();
	if (is_listed_word(text, yes))
		return json_true();
	if (is_listed_word(text, no))
		return json_false();
	j = parse_plain_integer(text);
	return j ? j : parse_plain_real(text);
}

static json_t *convert_scalar_to_json(const struct cryo_node *n)
{
	json_t *j = n->plain ? resolve_plain(n->text) : NULL;

	return j ? j : json_string(n->text);
}

json_t *cryo_node_to_json(const struct cryo_node *n)
{
	json_t *j;

	if (n->kind == CRYO_NODE_SCALAR)
		return convert_scalar_to_json(n);
	j = n->kind == CRYO_NODE_MAP ? json_object() : json_array();
	for (size_t i = 0; i < n->n; i++)
		if (n->kind == CRYO_NODE_MAP)
			json_object_set_new(j, n->key[i], cryo_node_to_json(n->child[i]));
		else
			json_array_append_new(j, cryo_node_to_json(n->child[i]));
	return j;
}

/* Plain text that some reader would take for something else. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = { "<<", "=", ".inf", ".nan", NULL };
	json_t *j = resolve_plain(text);
	bool other = j != NULL;

	json_decref(j);
	/* Digits first: dates, 1_000, 12:30:45 */
	return other || is_listed_word(text, words) || strchr("0123456789+-.", text[0]);
}

/* What YAML counts as a line break besides \n: read back as \n unless it is escaped. */
static bool has_odd_breaks(const char *text)
{
	return strchr(text, '\r') || strstr(text, "\xc2\x85") || strstr(text, "\xe2\x80\xa8") ||
	       strstr(text, "\xe2\x80\xa9");
}

/* The emitter fails only without memory or on text that is no UTF-8, which jansson excludes. */
static void emit_yaml_event(yaml_emitter_t *e, yaml_event_t *ev, int made)
{
	if (!made || !yaml_emitter_emit(e, ev))
		abort();
}

static void emit_yaml_scalar(yaml_emitter_t *e, const char *text, bool is_string)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t ev;

	if (is_string && (needs_quotes(text) || has_odd_breaks(text)))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	else if (is_string && strchr(text, '\n'))
		style = YAML_LITERAL_SCALAR_STYLE;
	emit_yaml_event(e, &ev,
			yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)text,
						     (int)strlen(text), 1, 1, style));
}

static void emit_yaml_value(yaml_emitter_t *e, const json_t *value);

static void emit_yaml_map(yaml_emitter_t *e, const json_t *map)
{
	yaml_event_t ev;
	const char *key;
	json_t *item;

	emit_yaml_event(
	    e, &ev,
	    yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
	json_object_foreach((json_t *)map, key, item) {
		emit_yaml_scalar(e, key, true);
		emit_yaml_value(e, item);
	}
	emit_yaml_event(e, &ev, yaml_mapping_end_event_initialize(&ev));
}

static void emit_yaml_sequence(yaml_emitter_t *e, const json_t *seq)
{
	yaml_event_t ev;
	json_t *item;
	size_t i;

	emit_yaml_event(
	    e, &ev,
	    yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
	json_array_foreach(seq, i, item)
		emit_yaml_value(e, item);
	emit_yaml_event(e, &ev, yaml_sequence_end_event_initialize(&ev));
}

static void emit_yaml_value(yaml_emitter_t *e, const json_t *value)
{
	cryo_auto(cryo_free) char *text = NULL;

	if (json_is_object(value)) {
		emit_yaml_map(e, value);
	} else if (json_is_array(value)) {
		emit_yaml_sequence(e, value);
	} else if (json_is_string(value)) {
		emit_yaml_scalar(e, json_string_value(value), true);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		emit_yaml_scalar(e, text, false);
	}
}

static int append_yaml_output(void *arg, unsigned char *data, size_t n)
{
	cryo_str_addn(arg, data, n);
	return 1;
}

void cryo_yaml_emit(const json_t *value, struct cryo_str *out)
{
	yaml_emitter_t e;
	yaml_event_t ev;

	if (!yaml_emitter_initialize(&e))
		abort();
	yaml_emitter_set_output(&e, append_yaml_output, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	emit_yaml_event(&e, &ev, yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING));
	emit_yaml_event(&e, &ev, yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1));
	emit_yaml_value(&e, value);
	emit_yaml_event(&e, &ev, yaml_document_end_event_initialize(&ev, 1));
	emit_yaml_event(&e, &ev, yaml_stream_end_event_initialize(&ev));
	yaml_emitter_delete(&e);
}
