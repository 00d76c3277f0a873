/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/pages.h"

#include "conf/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VERSION	  1
#define MAX_FILES 4096
#define MAX_SIZE  ((uint64_t)1 << 50)

bool cryo_pages_is_name(const char *name)
{
	static const char front[] = "pages-", back[] = ".img";
	size_t digits;

	if (!cryo_starts_with(name, front))
		return false;
	name += strlen(front);
	digits = strspn(name, "0123456789");
	return digits > 0 && digits < 11 && strcmp(name + digits, back) == 0;
}

const struct cryo_pages_file *cryo_pages_find(const struct cryo_pages *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->file[i].name, name) == 0)
			return &p->file[i];
	return NULL;
}

static int refuse_reference(struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not what cryopod writes", CRYO_PAGES_REF);
}

static int parse_pages_file(const json_t *j, struct cryo_pages *out, struct cryo_err *err)
{
	struct cryo_pages_file *f = &out->file[out->n];
	const char *name = cryo_json_str(j, "name"), *sum = cryo_json_str(j, "sum");
	int64_t at = cryo_json_int(j, "at", -1), size = cryo_json_int(j, "size", -1);

	if (!name || !cryo_pages_is_name(name) || cryo_pages_find(out, name) || at < 0 ||
	    size < 0 || (uint64_t)at > MAX_SIZE || (uint64_t)size > MAX_SIZE ||
	    (sum && !cryo_hash_is_hex(sum)))
		return refuse_reference(err);
	strcpy(f->name, name);
	f->at = (uint64_t)at;
	f->size = (uint64_t)size;
	if (sum)
		strcpy(f->sum, sum);
	out->n++;
	return 0;
}

int cryo_pages_parse(const char *text, size_t n, struct cryo_pages *out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
	const json_t *files, *one;
	const char *source;
	size_t i;
	int rc = cryo_json_parse(CRYO_PAGES_REF, text, n, &j, err);

	if (rc < 0)
		return rc;
	files = json_object_get(j, "files");
	source = cryo_json_str(j, "source");
	if (cryo_json_int(j, "version", 0) != VERSION || !cryo_hash_is_hex(source) ||
	    json_array_size(files) == 0 || json_array_size(files) > MAX_FILES)
		return refuse_reference(err);
	strcpy(p.source, source);
	p.file = cryo_alloc(json_array_size(files) * sizeof(*p.file));
	json_array_foreach(files, i, one) {
		rc = parse_pages_file(one, &p, err);
		if (rc < 0)
			return rc;
	}
	*out = p;
	p = (struct cryo_pages){ 0 };
	return 0;
}

void cryo_pages_show(const struct cryo_pages *p, struct cryo_str *out)
{
	json_t *files = json_array(), *j;

	for (size_t i = 0; i < p->n; i++) {
		const struct cryo_pages_file *f = &p->file[i];

		json_array_append_new(
		    files, json_pack("{ss sI sI ss*}", "name", f->name, "at", (json_int_t)f->at,
				     "size", (json_int_t)f->size, "sum", *f->sum ? f->sum : NULL));
	}
	j = json_pack("{si ss so}", "version", VERSION, "source", p->source, "files", files);
	cryo_json_dump(j, out);
	json_decref(j);
}

void cryo_pages_release(struct cryo_pages *p)
{
	free(p->file);
	*p = (struct cryo_pages){ 0 };
}
