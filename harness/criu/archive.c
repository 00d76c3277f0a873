/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/archive.h"

#include "criu/options.h"
#include "criu/archive_pod.h"
#include "criu/entry.h"

#include "base/clock.h"
#include "conf/json.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_JSON (4 << 20)
#define MAX_LOG	 (16 << 20)
#define MAX_TEXT 4096
#define MAX_NAME 253 /* of a Kubernetes object */

#define INVENTORY CRYO_ARCHIVE_IMAGES "inventory.img"
#define SEAL	  CRYO_ARCHIVE_IMAGES "seal.cms"
#define FORKED	  CRYO_ARCHIVE_IMAGES "cipher.img"

enum member { CONFIG, SPEC, STATUS, LOG, OPTIONS, IMAGES, N_MEMBERS };

static const struct {
	const char *name;
	size_t max; /* bytes to read; 0: only that it is there */
	bool tail;  /* of a longer one the end is taken */
	bool required;
} table[N_MEMBERS] = {
	[CONFIG] = { "config.dump", MAX_JSON, false, true },
	[SPEC] = { "spec.dump", MAX_JSON, false, true },
	[STATUS] = { "status.dump", MAX_JSON, false, false },
	[LOG] = { "container.log", MAX_LOG, true, false },
	[OPTIONS] = { CRYO_CRIU_OPTIONS_NAME, MAX_TEXT, true, false },
	[IMAGES] = { INVENTORY, 0, false, true },
};

struct load {
	const char *path;
	size_t members;
	bool sealed, forked;
	struct cryo_rights rights;
	bool seen[N_MEMBERS];
	struct cryo_archive_namespaces namespaces;
	struct cryo_str text[N_MEMBERS];
	json_t *config, *spec, *status; /* NULL: not there */
};

static void load_releasep(struct load *l)
{
	for (size_t i = 0; i < N_MEMBERS; i++)
		cryo_str_release(&l->text[i]);
	cryo_rights_release(&l->rights);
	json_decref(l->config);
	json_decref(l->spec);
	json_decref(l->status);
}

/* Keeps the last `max` bytes, from the beginning of a line. */
static void keep_log_tail(struct cryo_str *s, size_t max)
{
	const char *from = s->p + s->len - max, *line = memchr(from, '\n', max);
	size_t n;

	if (line)
		from = line + 1;
	n = (size_t)(s->p + s->len - from);
	memmove(s->p, from, n);
	s->p[n] = '\0';
	s->len = n;
}

static void read_archive_member(struct cryo_tar_reader *r, struct cryo_str *out, size_t max)
{
	char buf[65536];
	ssize_t n;

	/* -1: the walk fails by itself. */
	while ((n = cryo_tar_read(r, buf, sizeof(buf))) > 0) {
		cryo_str_addn(out, buf, (size_t)n);
		if (out->len >= 2 * max)
			keep_log_tail(out, max);
	}
	if (out->len > max)
		keep_log_tail(out, max);
}

static int take_archive_member(struct load *l, struct cryo_tar_reader *r,
			       const struct cryo_tar_entry *e, struct cryo_err *err)
{
	size_t i = 0;

	while (i < N_MEMBERS && strcmp(e->name, table[i].name) != 0)
		i++;
	if (i == N_MEMBERS)
		return 0;
	if (e->is_dir)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is a directory", e->name);
	if (l->seen[i])
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' appears twice", e->name);
	if (e->size == 0 && table[i].required)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is empty", e->name);
	if (table[i].max && !table[i].tail && e->size > table[i].max)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is larger than %zu bytes", e->name,
				    table[i].max);
	l->seen[i] = true;
	if (table[i].max)
		read_archive_member(r, &l->text[i], table[i].max);
	return 0;
}

/* Of one that is too large the beginning is enough to tell so. */
static void take_archive_rights(struct load *l, struct cryo_tar_reader *r,
				const struct cryo_tar_entry *e)
{
	cryo_auto(cryo_str_release) struct cryo_str image = { 0 };
	const char *name = cryo_criu_image_of(e->name);

	if (e->is_dir || !name || !cryo_rights_is_told_by(name))
		return;
	cryo_tar_read_most(r, CRYO_CRIU_IMAGE_MAX + 1, &image);
	cryo_rights_take(&l->rights, name, &image);
}

static int archive_on_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			     struct cryo_err *err)
{
	struct load *l = arg;

	l->members++;
	l->sealed |= cryo_streq(e->name, SEAL);
	l->forked |= cryo_streq(e->name, FORKED) && e->size > 0;
	take_archive_rights(l, r, e);
	cryo_archive_note_namespace(&l->namespaces, e->name);
	return cryo_err_wrap(err, take_archive_member(l, r, e, err), "'%s'", l->path);
}

static int check_members(const struct load *l, struct cryo_err *err)
{
	for (size_t i = 0; i < N_MEMBERS; i++)
		if (table[i].required && !l->seen[i])
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "is not a checkpoint archive: there is no '%s'",
					    table[i].name);
	return 0;
}

static int parse_object(struct load *l, enum member m, json_t **out, struct cryo_err *err)
{
	const struct cryo_str *text = &l->text[m];
	int rc;

	if (!l->seen[m])
		return 0;
	rc = cryo_json_parse(table[m].name, cryo_str_get(text), text->len, out, err);
	if (rc == 0 && !json_is_object(*out))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a JSON object", table[m].name);
	return rc;
}

static bool is_printable_text(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

/* A string of the object; "" if it has none. `where` is for the message. */
static int get_config_text(const char *where, const json_t *object, const char *key,
			   const char **out, struct cryo_err *err)
{
	json_t *j = json_object_get(object, key);

	*out = "";
	if (!j || json_is_null(j))
		return 0;
	if (!json_is_string(j))
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: '%s' is not a string", where, key);
	if (json_string_length(j) > MAX_TEXT || !is_printable_text(json_string_value(j)))
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: '%s' is too long or not plain text",
				    where, key);
	*out = json_string_value(j);
	return 0;
}

static int take_config_text(const struct load *l, const char *key, char **out, struct cryo_err *err)
{
	const char *text;
	int rc = get_config_text(table[CONFIG].name, l->config, key, &text, err);

	if (rc == 0)
		*out = cryo_strdup(text);
	return rc;
}

/* An object within the object; NULL if it has none. */
static int get_config_object(const char *where, const json_t *object, const char *key, json_t **out,
			     struct cryo_err *err)
{
	*out = json_object_get(object, key);
	if (json_is_null(*out))
		*out = NULL;
	if (*out && !json_is_object(*out))
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: '%s' is not an object", where, key);
	return 0;
}

/* The nth of the five parts of "<container>_<pod>_<namespace>_<uid>_<attempt>"; NULL without. */
static char *get_name_part(const char *name, unsigned nth)
{
	unsigned parts = 1;

	for (const char *s = name; *s; s++)
		parts += *s == '_';
	if (parts != 5)
		return NULL;
	for (; nth > 0; nth--)
		name = strchr(name, '_') + 1;
	return cryo_strndup(name, strcspn(name, "_"));
}

/* Where each name stands; asked in this order. */
struct place {
	const char *label;	/* status.dump, labels */
	const char *annotation; /* spec.dump, annotations */
	unsigned part;		/* config.dump, name */
};

static int find_container_name(const struct load *l, const struct place *p, char **out,
			       struct cryo_err *err)
{
	const char *text = "";
	json_t *labels, *notes;
	int rc = get_config_object(table[STATUS].name, l->status, "labels", &labels, err);

	if (rc == 0)
		rc = get_config_text(table[STATUS].name, labels, p->label, &text, err);
	if (rc == 0 && !*text) {
		rc = get_config_object(table[SPEC].name, l->spec, "annotations", &notes, err);
		if (rc == 0)
			rc = get_config_text(table[SPEC].name, notes, p->annotation, &text, err);
	}
	if (rc == 0 && !*text) {
		rc = get_config_text(table[CONFIG].name, l->config, "name", &text, err);
		*out = rc == 0 ? get_name_part(text, p->part) : NULL;
		text = "";
	}
	if (rc == 0 && !*out)
		*out = cryo_strdup(text);
	return rc;
}

static int check_name_part(const char *what, const char *name, struct cryo_err *err)
{
	size_t n = strlen(name);

	if (n > MAX_NAME || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the %s name '%.80s' is not valid in Kubernetes", what, name);
	return 0;
}

static int take_archive_names(const struct load *l, struct cryo_archive *a, struct cryo_err *err)
{
	const struct {
		const char *what;
		struct place place;
		char **out;
	} row[] = {
		{ "container",
		  { "io.kubernetes.container.name", "io.kubernetes.cri.container-name", 0 },
		  &a->container },
		{ "pod",
		  { "io.kubernetes.pod.name", "io.kubernetes.cri.sandbox-name", 1 },
		  &a->pod },
		{ "namespace",
		  { "io.kubernetes.pod.namespace", "io.kubernetes.cri.sandbox-namespace", 2 },
		  &a->ns },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int rc = find_container_name(l, &row[i].place, row[i].out, err);

		if (rc == 0)
			rc = check_name_part(row[i].what, *row[i].out, err);
		if (rc < 0)
			return rc;
	}
	if (!*a->container)
		return cryo_err_set(err, CRYO_E_CONFIG, "it does not name its container");
	return 0;
}

static int take_container_config(const struct load *l, struct cryo_archive *a, struct cryo_err *err)
{
	const struct {
		const char *key;
		char **out;
	} row[] = {
		{ "rootfsImage", &a->image },
		{ "rootfsImageName", &a->image_name },
		{ "rootfsImageRef", &a->image_ref },
		{ "runtime", &a->runtime },
		{ "checkpointedTime", &a->checkpointed },
	};
	int64_t ns;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int rc = take_config_text(l, row[i].key, row[i].out, err);

		if (rc < 0)
			return rc;
	}
	if (!*a->image_name)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "config.dump: 'rootfsImageName' is missing");
	if (!*a->checkpointed)
		return 0;
	return cryo_err_wrap(err, cryo_rfc3339_parse(a->checkpointed, &ns, err),
			     "config.dump: checkpointedTime");
}

/* A NUL in the log would hide what comes after it. */
static void take_container_log(struct load *l, struct cryo_archive *a)
{
	struct cryo_str *log = &l->text[LOG];

	for (size_t i = 0; i < log->len; i++)
		if (!log->p[i])
			log->p[i] = ' ';
	a->log = cryo_str_detach(log);
}

/* Of whoever made the archive: only what is such an option. */
static void take_criu_options(struct load *l, struct cryo_archive *a)
{
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

	cryo_criu_options_pick(cryo_str_get(&l->text[OPTIONS]), l->text[OPTIONS].len, &lines);
	a->criu_options = cryo_strdup(cryo_str_get(&lines));
}

static int load_archive_parts(struct load *l, struct cryo_archive *a, struct cryo_err *err)
{
	int rc = check_members(l, err);

	if (rc == 0)
		rc = parse_object(l, CONFIG, &l->config, err);
	if (rc == 0)
		rc = parse_object(l, SPEC, &l->spec, err);
	if (rc == 0)
		rc = parse_object(l, STATUS, &l->status, err);
	if (rc == 0)
		rc = take_container_config(l, a, err);
	if (rc == 0)
		rc = take_archive_names(l, a, err);
	if (rc == 0)
		rc = cryo_archive_take_pod(l->spec, l->status, &l->namespaces, a, err);
	if (rc == 0)
		take_container_log(l, a);
	if (rc == 0)
		take_criu_options(l, a);
	return rc;
}

int cryo_archive_load(const char *path, struct cryo_archive *out, struct cryo_err *err)
{
	cryo_auto(load_release) struct load l = { .path = path };
	int rc = cryo_tar_walk(path, archive_on_member, &l, err);

	*out = (struct cryo_archive){
		.has_status = l.seen[STATUS],
		.sealed = l.sealed,
		.forked = l.forked,
		.bytes = (uint64_t)cryo_fs_size(path),
		.members = l.members,
	};
	if (rc == 0)
		rc = cryo_err_wrap(err, load_archive_parts(&l, out, err), "'%s'", path);
	if (rc == 0 && !l.sealed && !l.forked) {
		out->rights = l.rights;
		l.rights = (struct cryo_rights){ 0 };
	}
	if (rc < 0)
		cryo_archive_release(out);
	return rc;
}

void cryo_archive_release(struct cryo_archive *a)
{
	char **owned[] = {
		&a->container, &a->pod,	    &a->ns,	      &a->image, &a->image_name,
		&a->image_ref, &a->runtime, &a->checkpointed, &a->log,	 &a->criu_options
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(owned); i++) {
		free(*owned[i]);
		*owned[i] = NULL;
	}
	cryo_strv_release(&a->volumes);
	cryo_strv_release(&a->image_volumes);
	cryo_rights_release(&a->rights);
}
