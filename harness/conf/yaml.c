/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_SIZE  (4u << 20)
#define MAX_DEPTH 64
#define MAX_NODES 200000

struct reader {
	yaml_parser_t parser;
	const char *file;
	size_t nodes;
	struct cryo_err *err;
};

static void free_yaml_node(struct cryo_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++) {
		free_yaml_node(n->child[i]);
		if (n->kind == CRYO_NODE_MAP)
			free(n->key[i]);
	}
	free(n->child);
	free(n->key);
	free(n->key_line);
	free(n->text);
	free(n);
}
CRYO_DEFINE_AUTO(struct cryo_node, free_yaml_node)

static int fail_yaml_line(struct reader *r, size_t line, const char *what)
{
	return cryo_err_set(r->err, CRYO_E_CONFIG, "%s:%zu: %s", r->file, line + 1, what);
}

static int read_next_event(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	return fail_yaml_line(r,
			      p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line,
			      p->problem ? p->problem : "no YAML");
}

static void add_node_child(struct cryo_node *n, char *key, size_t key_line, struct cryo_node *child)
{
	/* Grown by doubling: the room is full whenever n is a power of two. */
	if ((n->n & (n->n - 1)) == 0) {
		size_t cap = n->n ? 2 * n->n : 1;

		n->child = cryo_realloc(n->child, cap, sizeof(struct cryo_node *));
		if (n->kind == CRYO_NODE_MAP) {
			n->key = cryo_realloc(n->key, cap, sizeof(char *));
			n->key_line = cryo_realloc(n->key_line, cap, sizeof(*n->key_line));
		}
	}
	if (n->kind == CRYO_NODE_MAP) {
		n->key[n->n] = key;
		n->key_line[n->n] = (unsigned)key_line + 1;
	}
	n->child[n->n++] = child;
}

static int copy_scalar_text(struct reader *r, const yaml_event_t *ev, char **text)
{
	const char *value = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (ev->data.scalar.anchor)
		return fail_yaml_line(r, ev->start_mark.line, "anchors are not accepted");
	if (ev->data.scalar.tag)
		return fail_yaml_line(r, ev->start_mark.line, "tags are not accepted");
	if (memchr(value, '\0', len))
		return fail_yaml_line(r, ev->start_mark.line, "the text contains a NUL byte");
	*text = cryo_strndup(value, len);
	return 0;
}

static int read_yaml_node(struct reader *r, const yaml_event_t *ev, unsigned depth,
			  struct cryo_node **out);

static int read_yaml_key(struct reader *r, const yaml_event_t *ev, char **key)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return fail_yaml_line(r, ev->start_mark.line, "a key must be plain text");
	return copy_scalar_text(r, ev, key);
}

/* The items of a collection up to its end event. */
static int read_children(struct reader *r, struct cryo_node *n, yaml_event_type_t end,
			 unsigned depth)
{
	for (;;) {
		cryo_auto(cryo_free) char *key = NULL;
		struct cryo_node *child = NULL;
		size_t key_line = 0;
		yaml_event_t ev;
		int rc = read_next_event(r, &ev);

		if (rc < 0)
			return rc;
		if (ev.type == end) {
			yaml_event_delete(&ev);
			return 0;
		}
		if (n->kind == CRYO_NODE_MAP) {
			key_line = ev.start_mark.line;
			rc = read_yaml_key(r, &ev, &key);
			yaml_event_delete(&ev);
			if (rc == 0)
				rc = read_next_event(r, &ev);
			if (rc < 0)
				return rc;
		}
		rc = read_yaml_node(r, &ev, depth + 1, &child);
		yaml_event_delete(&ev);
		if (rc < 0)
			return rc;
		add_node_child(n, cryo_steal(&key), key_line, child);
	}
}

static int compare_node_keys(const void *a, const void *b, void *arg)
{
	const struct cryo_node *n = arg;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int d = strcmp(n->key[i], n->key[j]);

	return d ? d : (i > j) - (i < j);
}

/* Sorted, as a hostile map may have very many keys. */
static int check_duplicate_keys(struct reader *r, struct cryo_node *n)
{
	cryo_auto(cryo_free) size_t *order = cryo_alloc(n->n * sizeof(*order));

	for (size_t i = 0; i < n->n; i++)
		order[i] = i;
	qsort_r(order, n->n, sizeof(*order), compare_node_keys, n);
	for (size_t i = 1; i < n->n; i++)
		if (strcmp(n->key[order[i - 1]], n->key[order[i]]) == 0)
			return cryo_err_set(r->err, CRYO_E_CONFIG,
					    "%s:%u: duplicate key '%s' (first on line %u)", r->file,
					    n->key_line[order[i]], n->key[order[i]],
					    n->key_line[order[i - 1]]);
	return 0;
}

static int read_yaml_sequence(struct reader *r, const yaml_event_t *ev, struct cryo_node *n,
			      unsigned depth)
{
	n->kind = CRYO_NODE_SEQ;
	if (ev->data.sequence_start.anchor)
		return fail_yaml_line(r, ev->start_mark.line, "anchors are not accepted");
	if (ev->data.sequence_start.tag)
		return fail_yaml_line(r, ev->start_mark.line, "tags are not accepted");
	return read_children(r, n, YAML_SEQUENCE_END_EVENT, depth);
}

static int read_yaml_map(struct reader *r, const yaml_event_t *ev, struct cryo_node *n,
			 unsigned depth)
{
	int rc;

	n->kind = CRYO_NODE_MAP;
	if (ev->data.mapping_start.anchor)
		return fail_yaml_line(r, ev->start_mark.line, "anchors are not accepted");
	if (ev->data.mapping_start.tag)
		return fail_yaml_line(r, ev->start_mark.line, "tags are not accepted");
	rc = read_children(r, n, YAML_MAPPING_END_EVENT, depth);
	return rc < 0 ? rc : check_duplicate_keys(r, n);
}

static int read_yaml_scalar(struct reader *r, const yaml_event_t *ev, struct cryo_node *n)
{
	n->kind = CRYO_NODE_SCALAR;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return copy_scalar_text(r, ev, &n->text);
}

static int read_yaml_node(struct reader *r, const yaml_event_t *ev, unsigned depth,
			  struct cryo_node **out)
{
	cryo_auto(free_yaml_node) struct cryo_node *n = cryo_alloc(sizeof(*n));
	int rc;

	n->file = r->file;
	n->line = (unsigned)ev->start_mark.line + 1;
	if (depth > MAX_DEPTH)
		return fail_yaml_line(r, ev->start_mark.line, "nested too deeply");
	if (++r->nodes > MAX_NODES)
		return fail_yaml_line(r, ev->start_mark.line, "too many values");
	if (ev->type == YAML_SCALAR_EVENT)
		rc = read_yaml_scalar(r, ev, n);
	else if (ev->type == YAML_SEQUENCE_START_EVENT)
		rc = read_yaml_sequence(r, ev, n, depth);
	else if (ev->type == YAML_MAPPING_START_EVENT)
		rc = read_yaml_map(r, ev, n, depth);
	else
		rc = fail_yaml_line(r, ev->start_mark.line, "aliases are not accepted");
	if (rc == 0)
		*out = cryo_steal(&n);
	return rc;
}

static bool is_empty_document(const struct cryo_node *n)
{
	return n->kind == CRYO_NODE_SCALAR && n->plain && !n->text[0];
}

static void add_yaml_document(struct cryo_yaml *y, struct cryo_node *n)
{
	if (is_empty_document(n)) {
		free_yaml_node(n);
		return;
	}
	y->doc = cryo_realloc(y->doc, y->n + 1, sizeof(struct cryo_node *));
	y->doc[y->n++] = n;
}

static int read_yaml_stream(struct reader *r, struct cryo_yaml *y)
{
	for (;;) {
		struct cryo_node *n = NULL;
		yaml_event_t ev;
		bool end;
		int rc = read_next_event(r, &ev);

		if (rc < 0)
			return rc;
		end = ev.type == YAML_STREAM_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT || ev.type == YAML_ALIAS_EVENT ||
		    ev.type == YAML_SEQUENCE_START_EVENT || ev.type == YAML_MAPPING_START_EVENT)
			rc = read_yaml_node(r, &ev, 1, &n);
		yaml_event_delete(&ev);
		if (rc < 0 || end)
			return rc;
		if (n)
			add_yaml_document(y, n);
	}
}

int cryo_yaml_parse(const char *file, const char *text, size_t len, struct cryo_yaml *out,
		    struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { .file = cryo_strdup(file) };
	struct reader r = { .file = y.file, .err = err };
	int rc;

	if (len > MAX_SIZE)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: larger than %u MiB", file,
				    MAX_SIZE >> 20);
	if (!yaml_parser_initialize(&r.parser))
		abort(); /* only without memory */
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_yaml_stream(&r, &y);
	yaml_parser_delete(&r.parser);
	if (rc < 0)
		return rc;
	*out = y;
	y = (struct cryo_yaml){ 0 };
	return 0;
}

int cryo_yaml_load(const char *path, struct cryo_yaml *out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, MAX_SIZE, &text, err);

	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_CONFIG);
	return cryo_yaml_parse(path, cryo_str_get(&text), text.len, out, err);
}

void cryo_yaml_release(struct cryo_yaml *y)
{
	for (size_t i = 0; i < y->n; i++)
		free_yaml_node(y->doc[i]);
	free(y->doc);
	free(y->file);
	*y = (struct cryo_yaml){ 0 };
}
