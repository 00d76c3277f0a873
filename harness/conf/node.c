/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a tree of nodes: look up, complain, fill structs by rows. */
#include "conf/yaml.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct cryo_node *cryo_node_get(const struct cryo_node *n, const char *key)
{
	if (!n || n->kind != CRYO_NODE_MAP)
		return NULL;
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->key[i], key) == 0)
			return n->child[i];
	return NULL;
}

int cryo_node_err(const struct cryo_node *n, struct cryo_err *err, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: %s", n->file, n->line, text);
}

static bool is_null_node(const struct cryo_node *n)
{
	static const char *const null[] = { "", "~", "null", "Null", "NULL" };

	if (n->kind != CRYO_NODE_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(null); i++)
		if (strcmp(n->text, null[i]) == 0)
			return true;
	return false;
}

static int decode_string_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	char **s = out;

	(void)err;
	free(*s);
	*s = cryo_strdup(n->text);
	return 0;
}

static int decode_uint_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(n->text, &end, 10);
	if (!n->plain || n->text[0] < '0' || n->text[0] > '9' || *end || errno)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a whole number", n->text);
	*(uint64_t *)out = v;
	return 0;
}

static int decode_bool_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	bool yes = strcmp(n->text, "true") == 0;

	if (!n->plain || (!yes && strcmp(n->text, "false") != 0))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is neither true nor false", n->text);
	*(bool *)out = yes;
	return 0;
}

static int decode_duration_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	return cryo_duration_parse(n->text, out, err);
}

static int decode_size_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	return cryo_size_parse(n->text, out, err);
}

static int decode_list_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	struct cryo_strv list = { 0 };

	for (size_t i = 0; i < n->n; i++) {
		if (n->child[i]->kind != CRYO_NODE_SCALAR || is_null_node(n->child[i])) {
			cryo_strv_release(&list);
			return cryo_err_set(err, CRYO_E_CONFIG, "item %zu is not a string", i + 1);
		}
		cryo_strv_add(&list, n->child[i]->text);
	}
	cryo_strv_release(out);
	*(struct cryo_strv *)out = list;
	return 0;
}

static int decode_node_field(const struct cryo_node *n, void *out, struct cryo_err *err)
{
	(void)err;
	*(const struct cryo_node **)out = n;
	return 0;
}

static const struct {
	int (*decode)(const struct cryo_node *n, void *out, struct cryo_err *err);
	const char *wants; /* NULL: anything */
	enum cryo_node_kind kind;
} types[] = {
	[CRYO_FIELD_STR] = { decode_string_field, "text", CRYO_NODE_SCALAR },
	[CRYO_FIELD_UINT] = { decode_uint_field, "a whole number", CRYO_NODE_SCALAR },
	[CRYO_FIELD_BOOL] = { decode_bool_field, "true or false", CRYO_NODE_SCALAR },
	[CRYO_FIELD_DURATION] = { decode_duration_field, "a duration", CRYO_NODE_SCALAR },
	[CRYO_FIELD_SIZE] = { decode_size_field, "a size", CRYO_NODE_SCALAR },
	[CRYO_FIELD_STRV] = { decode_list_field, "a list", CRYO_NODE_SEQ },
	[CRYO_FIELD_NODE] = { decode_node_field, NULL, CRYO_NODE_MAP },
};

static const struct cryo_field *find_field_row(const struct cryo_field *rows, const char *name)
{
	for (; rows->name; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

static int report_unknown_key(const struct cryo_node *n, size_t i, const struct cryo_field *rows,
			      struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *all = NULL;
	const char *near;

	for (; rows->name; rows++)
		cryo_strv_add(&names, rows->name);
	near = cryo_nearest(n->key[i], cryo_strv_get(&names));
	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s:%u: unknown key '%s', did you mean '%s'?", n->file,
				    n->key_line[i], n->key[i], near);
	all = cryo_strv_join(&names, ", ");
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: unknown key '%.64s' (valid values: %s)",
			    n->file, n->key_line[i], n->key[i], all);
}

static int decode_field_by_row(const struct cryo_node *n, const struct cryo_field *row, void *out,
			       struct cryo_err *err)
{
	char *at = (char *)out + row->offset;
	int rc;

	if (types[row->type].wants && (n->kind != types[row->type].kind || is_null_node(n)))
		return cryo_node_err(n, err, "'%s' must be %s", row->name, types[row->type].wants);
	rc = types[row->type].decode(n, at, err);
	if (rc < 0)
		cryo_err_as(err, rc, CRYO_E_CONFIG);
	return cryo_err_wrap(err, rc, "%s:%u: '%s'", n->file, n->line, row->name);
}

int cryo_node_decode(const struct cryo_node *n, const struct cryo_field *rows, void *out,
		     struct cryo_err *err)
{
	if (n->kind != CRYO_NODE_MAP)
		return cryo_node_err(n, err, "expected a map of keys and values");
	for (size_t i = 0; i < n->n; i++) {
		const struct cryo_field *row = find_field_row(rows, n->key[i]);
		int rc;

		if (!row)
			return report_unknown_key(n, i, rows, err);
		rc = decode_field_by_row(n->child[i], row, out, err);
		if (rc < 0)
			return rc;
	}
	for (; rows->name; rows++)
		if (rows->required && !cryo_node_get(n, rows->name))
			return cryo_node_err(n, err, "'%s' is missing", rows->name);
	return 0;
}
