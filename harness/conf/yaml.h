/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to read YAML. The text is hostile: size, depth and number of nodes are
 * limited, aliases and anchors, tags and duplicate keys are refused. The tree
 * remembers where each node stood, so every later complaint can say file:line.
 *
 * Structs are filled by tables of rows (cryo_node_decode); an unknown key is
 * refused with "did you mean".
 */
#ifndef CRYO_CONF_YAML_H
#define CRYO_CONF_YAML_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

enum cryo_node_kind { CRYO_NODE_SCALAR, CRYO_NODE_SEQ, CRYO_NODE_MAP };

struct cryo_node {
	enum cryo_node_kind kind;
	const char *file;   /* borrowed from the document */
	unsigned line;	    /* from 1 */
	char *text;	    /* scalar: its text; "" for an empty value */
	bool plain;	    /* scalar: written without quotes, so 5 is a number and "5" is not */
	size_t n;	    /* children */
	char **key;	    /* map: n keys */
	unsigned *key_line; /* map: where each key stood */
	struct cryo_node **child; /* map: n values; seq: n items */
};

struct cryo_yaml {
	char *file; /* name for messages */
	size_t n;
	struct cryo_node **doc; /* one per document; empty documents are left out */
};

/* Text of at most 4 MiB. -CRYO_E_CONFIG: "FILE:LINE: what". */
int cryo_yaml_parse(const char *file, const char *text, size_t len, struct cryo_yaml *out,
		    struct cryo_err *err);
int cryo_yaml_load(const char *path, struct cryo_yaml *out, struct cryo_err *err);
void cryo_yaml_release(struct cryo_yaml *y);
#define cryo_yaml_releasep cryo_yaml_release

/* The value of a key of a map; NULL if n is no map or has no such key. Borrowed. */
const struct cryo_node *cryo_node_get(const struct cryo_node *n, const char *key);
/* An error that starts with the node's FILE:LINE, status CRYO_E_CONFIG. */
int cryo_node_err(const struct cryo_node *n, struct cryo_err *err, const char *fmt, ...)
    CRYO_PRINTF(3, 4);

enum cryo_field_type {
	CRYO_FIELD_STR,	     /* char *, owned */
	CRYO_FIELD_UINT,     /* uint64_t */
	CRYO_FIELD_BOOL,     /* bool: true or false */
	CRYO_FIELD_DURATION, /* int64_t, ms: base/clock.h */
	CRYO_FIELD_SIZE,     /* uint64_t, bytes */
	CRYO_FIELD_STRV,     /* struct cryo_strv: a sequence of scalars */
	CRYO_FIELD_NODE,     /* const struct cryo_node *, borrowed: decoded by the caller */
};

struct cryo_field {
	const char *name;
	enum cryo_field_type type;
	size_t offset;
	bool required;
};

/* Fill `out` from map `n`; rows end with a NULL name. Keys not given leave `out` as it was. */
int cryo_node_decode(const struct cryo_node *n, const struct cryo_field *rows, void *out,
		     struct cryo_err *err);

/* YAML 1.2 core schema (plus 1.1's yes/no as plain strings, as Kubernetes' decoder wants true/false
 * only). New reference. */
json_t *cryo_node_to_json(const struct cryo_node *n);
/* Block-style YAML text of a JSON value, appended; strings that would read as something else are
 * quoted. */
void cryo_yaml_emit(const json_t *value, struct cryo_str *out);

#endif
