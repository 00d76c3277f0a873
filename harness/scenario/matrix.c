/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/matrix.h"

#include "scenario/model.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX	  "matrix."
#define MAX_VALUE 63

/* Values stand in titles, namespaces' labels, file names and reports: no character that means
 * something there. */
static bool is_matrix_value(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= MAX_VALUE &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-") ==
		   n;
}

static int check_matrix_value(const struct cryo_node *list, size_t at, const char *key,
			      struct cryo_err *err)
{
	const struct cryo_node *v = list->child[at];

	if (v->kind != CRYO_NODE_SCALAR || !is_matrix_value(v->text))
		return cryo_node_err(
		    v, err,
		    "matrix '%s': %s%.64s%s is not a value (1 to %d letters, digits, "
		    "'._:/@+-')",
		    key, v->kind == CRYO_NODE_SCALAR ? "'" : "a list or map",
		    v->kind == CRYO_NODE_SCALAR ? v->text : "",
		    v->kind == CRYO_NODE_SCALAR ? "'" : "", MAX_VALUE);
	for (size_t i = 0; i < at; i++)
		if (strcmp(list->child[i]->text, v->text) == 0)
			return cryo_node_err(v, err, "matrix '%s': '%s' appears twice", key,
					     v->text);
	return 0;
}

static int check_matrix_key(const struct cryo_node *matrix, size_t at, struct cryo_err *err)
{
	const struct cryo_node *list = matrix->child[at];
	const char *key = matrix->key[at];
	int rc = 0;

	if (!cryo_scenario_is_name(key))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s:%u: matrix: '%.64s' is not a name (small letters, digits, "
				    "'-')",
				    matrix->file, matrix->key_line[at], key);
	if (list->kind != CRYO_NODE_SEQ || list->n == 0)
		return cryo_node_err(list, err, "matrix '%s' must be a list of values", key);
	for (size_t i = 0; rc == 0 && i < list->n; i++)
		rc = check_matrix_value(list, i, key, err);
	return rc;
}

int cryo_matrix_rows(const struct cryo_node *matrix, size_t *rows, struct cryo_err *err)
{
	*rows = 1;
	if (!matrix)
		return 0;
	if (matrix->kind != CRYO_NODE_MAP || matrix->n == 0)
		return cryo_node_err(matrix, err, "'matrix' must be a map of names and lists");
	if (matrix->n > CRYO_MATRIX_MAX_KEYS)
		return cryo_node_err(matrix, err, "more than %d keys in 'matrix'",
				     CRYO_MATRIX_MAX_KEYS);
	for (size_t i = 0; i < matrix->n; i++) {
		int rc = check_matrix_key(matrix, i, err);

		if (rc < 0)
			return rc;
		/* Looked at each time: the product of all could be too large for any number. */
		if (matrix->child[i]->n > CRYO_MATRIX_MAX_ROWS / *rows)
			return cryo_node_err(matrix, err, "'matrix' has more than %d combinations",
					     CRYO_MATRIX_MAX_ROWS);
		*rows *= matrix->child[i]->n;
	}
	return 0;
}

void cryo_matrix_row(const struct cryo_node *matrix, size_t row, struct cryo_matrix_row *out)
{
	size_t below = 1; /* rows that share this key's value */

	for (size_t i = 0; matrix && i < matrix->n; i++)
		below *= matrix->child[i]->n;
	for (size_t i = 0; matrix && i < matrix->n; i++) {
		const struct cryo_node *list = matrix->child[i], *v;
		cryo_auto(cryo_free) char *name = cryo_asprintf(PREFIX "%s", matrix->key[i]);

		below /= list->n;
		v = list->child[row / below % list->n];
		cryo_vars_set(&out->vars, name, v->text);
		out->plain[i] = v->plain;
	}
}

void cryo_matrix_row_release(struct cryo_matrix_row *row)
{
	cryo_vars_release(&row->vars);
}

void cryo_matrix_show(const struct cryo_matrix_row *row, struct cryo_str *out)
{
	for (size_t i = 0; i < row->vars.name.n; i++)
		cryo_str_addf(out, "%s%s=%s", i ? "," : "[", row->vars.name.v[i] + strlen(PREFIX),
			      row->vars.value.v[i]);
	cryo_str_add(out, row->vars.name.n ? "]" : "");
}

/* The number of values there are, if there is none of that name. */
static size_t find_matrix_column(const struct cryo_matrix_row *row, const char *name)
{
	size_t i = 0;

	while (i < row->vars.name.n && strcmp(row->vars.name.v[i], name) != 0)
		i++;
	return i;
}

static int report_unknown_column(const struct cryo_node *n, const struct cryo_matrix_row *row,
				 const char *name, struct cryo_err *err)
{
	const char *near = cryo_nearest(name, cryo_strv_get(&row->vars.name));

	if (near)
		return cryo_node_err(n, err, "unknown variable '%s', did you mean '%s'?", name,
				     near);
	return cryo_node_err(n, err, "unknown variable '%.64s': %s", name,
			     row->vars.name.n ? "'matrix' has no such key"
					      : "the scenario has no 'matrix'");
}

static int expand_matrix_text(struct cryo_node *n, const struct cryo_matrix_row *row,
			      struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	const char *rest = n->text, *at;

	while ((at = strstr(rest, "${" PREFIX))) {
		const char *end = strchr(at, '}');
		cryo_auto(cryo_free) char *name = NULL;
		size_t i;

		if (!end)
			return cryo_node_err(n, err, "'${' without '}' in '%.64s'", at);
		name = cryo_strndup(at + 2, (size_t)(end - at - 2));
		i = find_matrix_column(row, name);
		if (i == row->vars.name.n)
			return report_unknown_column(n, row, name, err);
		cryo_str_addn(&out, rest, (size_t)(at - rest));
		cryo_str_add(&out, row->vars.value.v[i]);
		if (at == n->text && !end[1])
			n->plain = row->plain[i];
		rest = end + 1;
	}
	if (rest == n->text)
		return 0;
	cryo_str_add(&out, rest);
	free(n->text);
	n->text = cryo_str_detach(&out);
	return 0;
}

int cryo_matrix_apply(struct cryo_node *n, const struct cryo_matrix_row *row, struct cryo_err *err)
{
	int rc = n->kind == CRYO_NODE_SCALAR ? expand_matrix_text(n, row, err) : 0;

	for (size_t i = 0; rc == 0 && i < n->n; i++)
		rc = cryo_matrix_apply(n->child[i], row, err);
	return rc;
}
