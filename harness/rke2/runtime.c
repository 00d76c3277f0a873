/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/runtime.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONF (4u << 20)
#define SWITCH	 "enable_experimental_restore_via_create = true"

/* A pod's words for CRIU reach runc, and containerd 2.3.5 and later restores at all. */
static const char words[] =
    "# Made by `cryopod node install`; `cryopod node rollback` removes it.\n"
    "version = 3\n"
    "[plugins.'io.containerd.cri.v1.runtime']\n"
    "  " SWITCH "\n"
    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n"
    "  pod_annotations = [\"org.criu.*\"]\n"
    "  container_annotations = [\"org.criu.*\"]\n";

void rke2_runtime_release(struct rke2_runtime *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->file[i].path);
		free(r->file[i].content);
	}
	free(r->unknown);
	free(r->template);
	*r = (struct rke2_runtime){ 0 };
}

static void add_runtime_file(struct rke2_runtime *r, char *path, char *content)
{
	r->file[r->n].path = path;
	r->file[r->n++].content = content;
}

static char *read_conf(const char *path)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_fs_read_regular(path, MAX_CONF, &text, &ignored) < 0 ? NULL
									 : cryo_str_detach(&text);
}

/* The value of a key of the top level: it stands before the first table. NULL: there is none. */
static const char *find_top_key(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " \t");

		if (*at == '[')
			return NULL;
		if (strncmp(at, key, len) != 0)
			continue;
		at += len + strspn(at + len, " \t");
		if (*at == '=')
			return at + 1 + strspn(at + 1, " \t");
	}
	return NULL;
}

/* imports = ['/var/lib/rancher/rke2/agent/etc/containerd/config-v3.toml.d/' and '*.toml'] */
static char *find_import_dir(const char *text, const char *dir)
{
	const char *at = find_top_key(text, "imports");
	size_t len = at ? strcspn(at, "]\n") : 0;
	cryo_auto(cryo_free) char *list = cryo_strndup(at ? at : "", len);
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s/", dir);
	char *found = strstr(list, prefix), *end = found ? strstr(found, "/*.toml") : NULL;

	if (!end || memchr(found, ',', (size_t)(end - found)) || strstr(found, "/../"))
		return NULL;
	return cryo_strndup(found, (size_t)(end - found));
}

static void use_template(struct rke2_runtime *r, const struct cryo_rke2_node *n, const char *dir,
			 const char *text)
{
	const char *version = find_top_key(text, "version");
	const char *name = version && *version == '2' ? "config.toml.tmpl" : "config-v3.toml.tmpl";
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_free) char *own = read_conf(path);

	add_runtime_file(r, cryo_asprintf("%s" RKE2_RUNTIME_CONF, n->root), cryo_strdup(words));
	if (own && strstr(own, RKE2_RUNTIME_CONF))
		return;
	if (own)
		r->template = cryo_steal(&path);
	else
		add_runtime_file(r, cryo_steal(&path),
				 cryo_asprintf("imports = [\"%s" RKE2_RUNTIME_CONF "\"]\n"
					       "{{ template \"base\" . }}\n",
					       n->root));
}

void rke2_runtime_find(const struct cryo_rke2_node *n, struct rke2_runtime *out)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/agent/etc/containerd", n->data_dir);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/config.toml", dir);
	cryo_auto(cryo_free) char *text = read_conf(path);
	cryo_auto(cryo_free) char *imports = text ? find_import_dir(text, dir) : NULL;

	if (!text)
		out->unknown = cryo_steal(&path);
	else if (imports)
		add_runtime_file(out, cryo_asprintf("%s/99-cryopod.toml", imports),
				 cryo_strdup(words));
	else if (!strstr(text, SWITCH))
		use_template(out, n, dir, text);
}
