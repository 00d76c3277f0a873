/* SPDX-License-Identifier: Apache-2.0 */
/* What a recipe says of a component: programs, version, linker flags. */
#include "recipe/recipe.h"

#include "sys/fs.h"

#include <stdio.h>
#include <string.h>

#define MAX_VERSION 256 /* bytes of a file that holds one */

const char *const *cryo_recipe_programs(const struct cryo_recipe *r, const struct cryo_component *c)
{
	static const char *const none[] = { NULL };

	if (c->programs.n > 0)
		return cryo_strv_get(&c->programs);
	return r->programs ? r->programs : none;
}

/* Can it be filled in? */
static bool has_format_value(const char *format, const struct cryo_source *src, const char *commit)
{
	if (strstr(format, "%C"))
		return *commit;
	/* What has no value in it goes with those that have. */
	return src->version || (*commit && !strstr(format, "%V") && !strstr(format, "%v") &&
				!strstr(format, "%M") && !strstr(format, "%m"));
}

static void add_version_stamp(const struct cryo_recipe *r, const char *format,
			      const struct cryo_source *src, const char *commit,
			      struct cryo_str *out)
{
	unsigned major = 0, minor = 0;

	if (src->version)
		sscanf(src->version, "v%u.%u", &major, &minor);
	for (const char *p = format; *p; p++) {
		if (*p != '%') {
			cryo_str_addn(out, p, 1);
			continue;
		}
		switch (*++p) {
		case 'V':
			cryo_str_add(out, src->version);
			break;
		case 'v':
			cryo_str_add(out, src->version + 1);
			break;
		case 'M':
			cryo_str_addf(out, "%u", major);
			break;
		case 'm':
			cryo_str_addf(out, "%u", minor);
			break;
		case 'P':
			cryo_str_add(out, src->module ? src->module : r->module);
			break;
		case 'C':
			cryo_str_add(out, commit);
			break;
		}
	}
}

/* What is no version does not reach the linker: it would be taken for options. */
char *cryo_recipe_version(const struct cryo_recipe *r, const char *tree)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *path = NULL, *version = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!r->version_file)
		return NULL;
	path = cryo_asprintf("%s/%s", tree, r->version_file);
	if (cryo_fs_read_regular(path, MAX_VERSION, &text, &ignored) < 0)
		return NULL;
	version =
	    cryo_asprintf("v%.*s", (int)strcspn(cryo_str_get(&text), "\n"), cryo_str_get(&text));
	return cryo_source_is_version(version) ? cryo_steal(&version) : NULL;
}

char *cryo_recipe_ldflags(const struct cryo_recipe *r, const struct cryo_source *src,
			  const char *commit)
{
	struct cryo_str s = { 0 };

	cryo_str_add(&s, r->ldflags ? r->ldflags : "");
	for (size_t i = 0; r->stamps && r->stamps[i]; i++) {
		if (!has_format_value(r->stamps[i], src, commit))
			continue;
		cryo_str_add(&s, " ");
		add_version_stamp(r, r->stamps[i], src, commit, &s);
	}
	return cryo_str_detach(&s);
}

void cryo_recipe_hash(const struct cryo_recipe *r, const struct cryo_source *src,
		      const char *commit, struct cryo_hash *h)
{
	cryo_auto(cryo_free) char *ldflags = cryo_recipe_ldflags(r, src, commit);
	char revision[32];

	snprintf(revision, sizeof(revision), "%u", r->revision);
	cryo_hash_item(h, r->name);
	cryo_hash_item(h, revision);
	cryo_hash_item(h, r->tags ? r->tags : "");
	cryo_hash_item(h, ldflags);
	cryo_hash_item(h, r->cgo ? "cgo" : "");
	/* What is in it goes with the source. */
	if (r->version_file && !src->version)
		cryo_hash_item(h, r->version_file);
}
