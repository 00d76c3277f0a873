/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/template/template.h"

#include "conf/json.h"
#include "source/data.h"
#include "sys/fs.h"
#include "cluster/local/node/criu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define MAX_PROC (4u << 20)

static void set_key_input(json_t *inputs, const char *key, const char *value)
{
	json_object_set_new(inputs, key, json_string(value));
}

static void set_key_hash(json_t *inputs, const char *key, const struct cryo_str *text)
{
	char hash[CRYO_HASH_HEX];

	cryo_hash_bytes(cryo_str_get(text), text->len, hash);
	set_key_input(inputs, key, hash);
}

static int set_key_file(json_t *inputs, const char *key, const char *path, struct cryo_err *err)
{
	char hash[CRYO_HASH_HEX];
	int rc = cryo_hash_file(path, hash, err);

	if (rc == 0)
		set_key_input(inputs, key, hash);
	return rc;
}

static int set_key_data_file(json_t *inputs, const char *key, const char *name,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = NULL;
	int rc = cryo_data_path(name, &path, err);

	return rc < 0 ? rc : set_key_file(inputs, key, path, err);
}

/* The stamp tells which packages were asked for, this what came. */
static int set_key_rootfs(json_t *inputs, const char *rootfs, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *list = cryo_asprintf("%s.packages", rootfs);
	cryo_auto(cryo_free) char *criu = local_package_version(rootfs, "criu");

	set_key_input(inputs, "criu", criu ? criu : "of the stack");
	return set_key_file(inputs, "packages", list, err);
}

/* Where there are no time namespaces a clock that starts anew with the machine would go backwards.
 */
static void set_key_boot(json_t *inputs)
{
	cryo_auto(cryo_free) char *boot = cryo_boot_id();

	set_key_input(inputs, "boot", cryo_fs_exists("/proc/self/ns/time") ? "any" : boot);
}

static int set_key_kernel(json_t *inputs, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	struct utsname u;

	if (uname(&u) < 0)
		return cryo_err_sys(err, errno, "cannot ask for the kernel");
	text = cryo_asprintf("%s %s %s", u.release, u.version, u.machine);
	set_key_input(inputs, "kernel", text);
	set_key_boot(inputs);
	return 0;
}

static bool is_counted_cpu_line(const char *line)
{
	static const char *const fields[] = {
		"vendor_id",   "cpu family", "model",	     "stepping",
		"flags",       "Features",   "CPU impl",     "CPU architecture",
		"CPU variant", "CPU part",   "CPU revision", "microcode",
		"model name",  NULL
	};

	for (size_t i = 0; fields[i]; i++)
		if (cryo_starts_with(line, fields[i]))
			return true;
	return false;
}

void template_cpu(const char *cpuinfo, struct cryo_str *out)
{
	for (const char *at = cpuinfo; *at && *at != '\n'; at += strcspn(at, "\n"), at += *at != 0)
		if (is_counted_cpu_line(at))
			cryo_str_addf(out, "%.*s\n", (int)strcspn(at, "\n"), at);
}

static int set_key_processor(json_t *inputs, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 }, cpu = { 0 };
	int rc = cryo_fs_read("/proc/cpuinfo", MAX_PROC, &text, err);

	if (rc < 0)
		return rc;
	template_cpu(cryo_str_get(&text), &cpu);
	set_key_hash(inputs, "cpu", &cpu);
	return 0;
}

static int set_key_cgroups(json_t *inputs, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_cgroups_find(&cg, err);

	cryo_str_add(&text, cg.v2 ? "v2" : "v1");
	for (size_t i = 0; i < cg.n; i++)
		cryo_str_addf(&text, " %s=%s", cg.tree[i].mount, cg.tree[i].options);
	set_key_input(inputs, "cgroups", cryo_str_get(&text));
	return rc;
}

/* The node's configuration depends on them, and what CRIU can restore. */
static int set_key_capabilities(json_t *inputs, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read("/proc/self/status", MAX_PROC, &text, err);
	const char *caps = rc < 0 ? NULL : strstr(cryo_str_get(&text), "CapEff:");
	cryo_auto(cryo_free) char *line = caps ? cryo_strndup(caps, strcspn(caps, "\n")) : NULL;

	set_key_input(inputs, "capabilities", line ? line : "?");
	return rc;
}

/* Configuration and flags of a node are part of this program: rather one template more than one
 * that does not fit. */
static int set_key_programs(json_t *inputs, struct cryo_err *err)
{
	int rc = set_key_file(inputs, "program", "/proc/self/exe", err);

	if (rc == 0)
		rc = set_key_data_file(inputs, "interposer", cryo_node_interposer.from, err);
	return rc < 0 ? rc : set_key_data_file(inputs, "preload", cryo_node_preload.from, err);
}

int template_machine(json_t *inputs, struct cryo_err *err)
{
	int (*const step[])(json_t *, struct cryo_err *) = { set_key_kernel, set_key_processor,
							     set_key_cgroups, set_key_capabilities,
							     set_key_programs };
	int rc = 0;

	json_object_set_new(inputs, "revision", json_sprintf("%d", TEMPLATE_REVISION));
	/* Programs of the node are links into it. */
	set_key_input(inputs, "cache", cryo_dir_cache());
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(step); i++)
		rc = step[i](inputs, err);
	return rc;
}

int template_inputs(const char *stamp, const char *rootfs, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *inputs = json_object();
	int rc;

	if (!rootfs)
		return cryo_err_set(err, CRYO_E_CONFIG, "the stack has no component 'node'");
	set_key_input(inputs, "stamp", stamp);
	rc = set_key_rootfs(inputs, rootfs, err);
	if (rc == 0)
		rc = template_machine(inputs, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "key of the template");
	*out = json_incref(inputs);
	return 0;
}

void template_key(const json_t *inputs, char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)inputs, key, value) {
		const char *text = json_string_value(value);

		cryo_hash_item(h, key);
		cryo_hash_item(h, text ? text : "");
	}
	cryo_hash_hex(h, out);
}
