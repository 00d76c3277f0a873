/* SPDX-License-Identifier: Apache-2.0 */
/* The plan, for people. */
#include "rke2/plan.h"

#include "base/clock.h"
#include "conf/json.h"

#include <string.h>

static void show_products(const json_t *plan, bool image, struct cryo_str *out)
{
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(plan, "products"), i, p) {
		cryo_auto(cryo_free) char *size =
		    cryo_size_show((uint64_t)cryo_json_int(p, "bytes", 0));

		if (cryo_json_bool(p, "image") == image)
			cryo_str_addf(out, "    %-28s 0755 root:root  %8s  sha256:%.12s\n",
				      cryo_json_str(p, "name"), size, cryo_json_str(p, "sha256"));
	}
}

static void show_lines(const char *text, struct cryo_str *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		cryo_str_addf(out, "    %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void show_file(const json_t *s, struct cryo_str *out)
{
	const char *before = cryo_json_str(s, "before.sha256");

	cryo_str_addf(out, "  %s %s  %04o\n", before ? "change" : "create",
		      cryo_json_str(s, "path"), (unsigned)cryo_json_int(s, "mode", 0));
	show_lines(cryo_json_str(s, "content"), out);
}

static void show_swap(const json_t *s, struct cryo_str *out)
{
	const char *name;
	json_t *was;

	cryo_str_addf(out, "  replace in %s, in one moment\n", cryo_json_str(s, "dir"));
	json_object_foreach(json_object_get(s, "before"), name, was)
		if (!json_is_null(was))
			cryo_str_addf(out, "    %-28s %04o %lld:%lld  was sha256:%.12s\n", name,
				      (unsigned)cryo_json_int(was, "mode", 0),
				      (long long)cryo_json_int(was, "uid", 0),
				      (long long)cryo_json_int(was, "gid", 0),
				      cryo_json_str(was, "sha256"));
}

static void show_step(const json_t *plan, const json_t *s, struct cryo_str *out)
{
	const char *kind = cryo_json_str(s, "kind");

	if (strcmp(kind, "keep") == 0)
		cryo_str_addf(out, "  keep    %s\n       as %s\n", cryo_json_str(s, "from"),
			      cryo_json_str(s, "to"));
	else if (strcmp(kind, "stage") == 0)
		cryo_str_addf(out, "  create  %s\n", cryo_json_str(s, "to"));
	else if (strcmp(kind, "image") == 0)
		cryo_str_addf(out, "  create  %s  0644\n     with %s\n", cryo_json_str(s, "path"),
			      cryo_json_str(s, "ref"));
	else if (strcmp(kind, "file") == 0)
		show_file(s, out);
	else if (strcmp(kind, "swap") == 0)
		show_swap(s, out);
	else
		cryo_str_addf(out, "  restart %s\n", cryo_json_str(plan, "node.unit"));
	if (strcmp(kind, "stage") == 0 || strcmp(kind, "swap") == 0)
		show_products(plan, false, out);
	if (strcmp(kind, "image") == 0)
		show_products(plan, true, out);
}

void cryo_rke2_plan_show(const json_t *plan, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *need = cryo_size_show((uint64_t)cryo_json_int(plan, "bytes", 0));
	cryo_auto(cryo_free) char *have = cryo_size_show((uint64_t)cryo_json_int(plan, "free", 0));
	const char *release = cryo_json_str(plan, "node.release");
	json_t *item;
	size_t i;

	cryo_str_addf(out, "%s %s (RKE2 %s), method %s, Kubernetes %s\n",
		      cryo_json_str(plan, "node.role"), cryo_json_str(plan, "node.name"),
		      release ? release : "of unknown release", cryo_json_str(plan, "method"),
		      cryo_json_str(plan, "build.version"));
	json_array_foreach(json_object_get(plan, "steps"), i, item)
		show_step(plan, item, out);
	cryo_str_addf(out, "disk: %s needed, %s free in %s\n", need, have,
		      cryo_json_str(plan, "node.dataDir"));
	json_array_foreach(json_object_get(plan, "notes"), i, item)
		cryo_str_addf(out, "note: %s\n", json_string_value(item));
	json_array_foreach(json_object_get(plan, "obstacles"), i, item)
		cryo_str_addf(out, "in the way: %s (%s%s)\n", cryo_json_str(item, "what"),
			      cryo_json_str(item, "fix"),
			      cryo_json_bool(item, "force") ? ", or --force" : "");
}
