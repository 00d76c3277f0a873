/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/config.h"

#include "conf/json.h"
#include "conf/yaml.h"
#include "sys/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void cryo_rke2_config_release(struct cryo_rke2_config *c)
{
	json_decref(c->values);
	json_decref(c->from);
	cryo_strv_release(&c->file);
	c->values = c->from = NULL;
}

/* YAML 1.1, as RKE2's decoder has it: 0644 is a number (420), yes is true, ~ is nothing. */
static char *show_number(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };
	int base = 10;
	char *end;
	long long n;

	if (!isdigit((unsigned char)*digits))
		return NULL;
	for (const char *c = text; *c; c++)
		if (*c != '_')
			cryo_str_addn(&plain, c, 1);
	if (digits[0] == '0' && digits[1])
		base = digits[1] == 'x' ? 16 : digits[1] == 'b' ? 2 : 8;
	if (base == 2)
		return NULL;
	errno = 0;
	n = strtoll(cryo_str_get(&plain), &end, base);
	return *end || errno ? NULL : cryo_asprintf("%lld", n);
}

static char *show_scalar(const struct cryo_node *n)
{
	static const char *const word[][2] = {
		{ "yes", "true" },  { "on", "true" },	  { "true", "true" }, { "no", "false" },
		{ "off", "false" }, { "false", "false" }, { "null", "" },     { "~", "" },
	};
	char *number;

	if (n->kind != CRYO_NODE_SCALAR)
		return cryo_strdup("map[]");
	for (size_t i = 0; n->plain && i < CRYO_ARRAY_LEN(word); i++)
		if (strcasecmp(n->text, word[i][0]) == 0)
			return cryo_strdup(word[i][1]);
	number = n->plain ? show_number(n->text) : NULL;
	return number ? number : cryo_strdup(n->text);
}

static json_t *scalar_to_json(const struct cryo_node *n)
{
	cryo_auto(cryo_free) char *text = show_scalar(n);

	return json_string(text);
}

static json_t *value_to_json(const struct cryo_node *n)
{
	json_t *list;

	if (n->kind != CRYO_NODE_SEQ)
		return scalar_to_json(n);
	list = json_array();
	for (size_t i = 0; i < n->n; i++)
		json_array_append_new(list, scalar_to_json(n->child[i]));
	return list;
}

static void append_values(json_t *list, json_t *value)
{
	json_t *item;
	size_t i;

	if (json_is_string(value) && *json_string_value(value))
		json_array_append(list, value);
	json_array_foreach(value, i, item)
		json_array_append(list, item);
}

static void merge_key(struct cryo_rke2_config *c, const char *key, const struct cryo_node *n)
{
	bool append = cryo_ends_with(key, "+");
	cryo_auto(cryo_free) char *name = cryo_strndup(key, strlen(key) - append);
	json_t *old = json_object_get(c->values, name), *value = value_to_json(n), *both;

	if (append && old) {
		both = json_array();
		append_values(both, old);
		append_values(both, value);
		json_decref(value);
		value = both;
	}
	json_object_set_new(c->values, name, value);
	json_object_set_new(c->from, name, json_string(n->file));
}

static int merge_text(struct cryo_rke2_config *c, const char *file, const char *text, size_t len,
		      struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc = cryo_yaml_parse(file, text, len, &y, err);
	const struct cryo_node *top;

	if (rc < 0)
		return rc;
	cryo_strv_add(&c->file, file);
	if (y.n == 0)
		return 0;
	top = y.doc[0];
	if (top->kind == CRYO_NODE_SCALAR && !*top->text)
		return 0;
	if (top->kind != CRYO_NODE_MAP)
		return cryo_node_err(top, err, "the configuration is not a map of keys");
	for (size_t i = 0; i < top->n; i++)
		merge_key(c, top->key[i], top->child[i]);
	return 0;
}

static int merge_file(struct cryo_rke2_config *c, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read_regular(path, 4u << 20, &text, err);

	return rc < 0 ? rc : merge_text(c, path, cryo_str_get(&text), text.len, err);
}

static bool is_yaml_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_dropins(const char *dir, const struct cryo_rke2_dropin *dropin,
			 struct cryo_strv *names)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, e->d_name);

		if (is_yaml_name(e->d_name) && !cryo_fs_is_dir(path) &&
		    (!dropin || strcmp(dropin->name, e->d_name) != 0))
			cryo_strv_add(names, e->d_name);
	}
	if (d)
		closedir(d);
	if (dropin && dropin->text)
		cryo_strv_add(names, dropin->name);
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), compare_names);
}

int cryo_rke2_config_load(const char *file, const struct cryo_rke2_dropin *dropin,
			  struct cryo_rke2_config *out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s.d", file);
	int rc = 0;

	out->values = json_object();
	out->from = json_object();
	if (cryo_fs_exists(file))
		rc = merge_file(out, file, err);
	list_dropins(dir, dropin, &names);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, names.v[i]);

		if (dropin && dropin->text && strcmp(names.v[i], dropin->name) == 0)
			rc = merge_text(out, path, dropin->text, strlen(dropin->text), err);
		else
			rc = merge_file(out, path, err);
	}
	return rc;
}

const char *cryo_rke2_config_text(const struct cryo_rke2_config *c, const char *key)
{
	const json_t *v = json_object_get(c->values, key);
	const char *text;

	if (json_is_array(v))
		v = json_array_get(v, json_array_size(v) - 1);
	text = json_string_value(v);
	return text && *text ? text : NULL;
}

bool cryo_rke2_config_has(const struct cryo_rke2_config *c, const char *key, const char *value)
{
	json_t *v = json_object_get(c->values, key), *item;
	size_t i;

	if (cryo_streq(json_string_value(v), value))
		return true;
	json_array_foreach(v, i, item)
		if (cryo_streq(json_string_value(item), value))
			return true;
	return false;
}
