/* SPDX-License-Identifier: Apache-2.0 */
/* Which service this node runs, with which program, arguments and environment. */
#include "rke2/node.h"

#include "sys/fs.h"
#include "sys/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION_MS 20000

/* Where install.sh, the packages and an administrator put units; the environment lies beside. */
static const char *const unit_dir[] = { "/etc/systemd/system", "/usr/local/lib/systemd/system",
					"/opt/rke2/lib/systemd/system", "/usr/lib/systemd/system",
					"/lib/systemd/system" };
static const char *const env_dir[] = { "/etc/default", "/etc/sysconfig",
				       "/usr/local/lib/systemd/system",
				       "/opt/rke2/lib/systemd/system", "/usr/lib/systemd/system" };
static const char *const program_dir[] = { "/usr/local/bin", "/opt/rke2/bin", "/usr/bin" };

static bool is_there(const struct cryo_rke2_node *n, const char *path)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s%s", n->root, path);

	return cryo_fs_exists(full);
}

/* A word of the command line or of the environment, "data-dir=/x", as a key that is fixed. */
static void fix_setting(struct cryo_rke2_node *n, const char *key, const char *value)
{
	if (json_object_set_new(n->fixed, key, json_string(value)) < 0)
		json_object_del(n->fixed, key);
}

/* RKE2_DATA_DIR is data-dir; RKE2_CONFIG_FILE is no setting. */
static void take_environment(struct cryo_rke2_node *n, const char *line)
{
	cryo_auto(cryo_str_release) struct cryo_str key = { 0 };
	const char *equals = strchr(line, '=');

	if (!equals || !cryo_starts_with(line, "RKE2_"))
		return;
	if (cryo_starts_with(line, "RKE2_CONFIG_FILE=")) {
		if (equals[1]) {
			free(n->config_file);
			n->config_file = cryo_strdup(equals + 1);
		}
		return;
	}
	for (const char *c = line + strlen("RKE2_"); c < equals; c++) {
		char low = *c == '_' ? '-' : (char)tolower((unsigned char)*c);

		cryo_str_addn(&key, &low, 1);
	}
	fix_setting(n, cryo_str_get(&key), equals + 1);
}

/* "KEY=VALUE" lines as systemd reads them, plain or in double quotes. */
static void read_env_file(struct cryo_rke2_node *n, const char *path)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s%s", n->root, path);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *save = NULL, *line;

	if (cryo_fs_read_regular(full, 1u << 20, &text, &ignored) < 0 || !text.p)
		return;
	for (line = strtok_r(text.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');
		size_t len = strlen(line);

		if (value && (value[1] == '"' || value[1] == '\'') && line[len - 1] == value[1]) {
			line[len - 1] = '\0';
			memmove(value + 1, value + 2, strlen(value + 2) + 1);
		}
		take_environment(n, line);
	}
}

/* Words after "rke2 server": "--data-dir /x", "--data-dir=/x", "-d /x", "--config=FILE". */
static void take_arguments(struct cryo_rke2_node *n, char *const *arg, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = arg[i] + strspn(arg[i], "-"), *equals = strchr(name, '=');
		cryo_auto(cryo_free) char *key =
		    cryo_strndup(name, equals ? (size_t)(equals - name) : strlen(name));
		const char *value = equals ? equals + 1 : NULL;

		if (name == arg[i])
			continue;
		if (!value && i + 1 < count && arg[i + 1][0] != '-')
			value = arg[++i];
		if (strcmp(key, "config") == 0 || strcmp(key, "c") == 0) {
			if (!n->config_file && value)
				n->config_file = cryo_strdup(value);
		} else {
			fix_setting(n, strcmp(key, "d") == 0 ? "data-dir" : key,
				    value ? value : "true");
		}
	}
}

/* A file of /proc whose words end with NUL. */
static size_t read_words(const struct cryo_rke2_node *n, const char *pid, const char *file,
			 struct cryo_strv *out)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/proc/%s/%s", n->root, pid, file);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read(path, 1u << 20, &text, &ignored) < 0)
		return 0;
	for (size_t at = 0; at < text.len; at += strlen(text.p + at) + 1)
		cryo_strv_add(out, text.p + at);
	return out->n;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *read_exe(const struct cryo_rke2_node *n, const char *pid)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/proc/%s/exe", n->root, pid);
	char target[4096];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	return len > 0 ? cryo_strndup(target, (size_t)len) : NULL;
}

/* 1: this process is the service. */
static bool take_service(struct cryo_rke2_node *n, const char *pid)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 };

	if (read_words(n, pid, "cmdline", &argv) < 2 || strcmp(last_part(argv.v[0]), "rke2") != 0)
		return false;
	if (strcmp(argv.v[1], "server") != 0 && strcmp(argv.v[1], "agent") != 0)
		return false;
	n->role = argv.v[1][0] == 's' ? "server" : "agent";
	n->pid = (pid_t)atoi(pid);
	n->program = read_exe(n, pid);
	read_words(n, pid, "environ", &env);
	for (size_t i = 0; i < env.n; i++)
		take_environment(n, env.v[i]);
	take_arguments(n, argv.v + 2, argv.n - 2);
	return true;
}

static void each_process(struct cryo_rke2_node *n,
			 bool (*visit)(struct cryo_rke2_node *, const char *pid))
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/proc", n->root);
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = isdigit((unsigned char)e->d_name[0]) && visit(n, e->d_name);
	if (d)
		closedir(d);
}

static bool has_unit(const struct cryo_rke2_node *n, const char *role, bool enabled)
{
	for (size_t i = 0; i < (enabled ? 1 : CRYO_ARRAY_LEN(unit_dir)); i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%srke2-%s.service", unit_dir[i],
				  enabled ? "multi-user.target.wants/" : "", role);

		if (is_there(n, path))
			return true;
	}
	return false;
}

/* The archive brings both units: the one that is enabled counts, then the one there is. */
static const char *guess_role(const struct cryo_rke2_node *n)
{
	static const char *const role[] = { "server", "agent" };

	for (int enabled = 1; enabled >= 0; enabled--)
		for (size_t i = 0; i < CRYO_ARRAY_LEN(role); i++)
			if (has_unit(n, role[i], enabled) &&
			    (enabled || !has_unit(n, role[!i], false)))
				return role[i];
	if (is_there(n, CRYO_RKE2_DATA_DIR "/server/db") || has_unit(n, "server", false))
		return "server";
	return is_there(n, CRYO_RKE2_DATA_DIR "/agent") ? "agent" : NULL;
}

static int refuse_node(const struct cryo_rke2_node *n, struct cryo_err *err)
{
	if (is_there(n, "/var/lib/rancher/k3s") || is_there(n, "/usr/local/bin/k3s"))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "this is a k3s node, not an RKE2 node: k3s has containerd, "
				    "runc and the kubelet "
				    "inside its own program, there is no runtime image to replace");
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "this is not an RKE2 node: there is neither a service 'rke2-server' or "
			    "'rke2-agent' nor a directory '" CRYO_RKE2_DATA_DIR "'");
}

static void find_program(struct cryo_rke2_node *n)
{
	for (size_t i = 0; !n->program && i < CRYO_ARRAY_LEN(program_dir); i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s%s/rke2", n->root, program_dir[i]);

		if (access(path, X_OK) == 0)
			n->program = cryo_steal(&path);
	}
}

/* "rke2 version v1.33.5+rke2r1 (0a1b…)" */
static void ask_release(struct cryo_rke2_node *n)
{
	const char *const argv[] = { n->program, "--version", NULL };
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!n->program || cryo_proc_output(argv, VERSION_MS, &text, &ignored) < 0)
		return;
	if (cryo_starts_with(text, "rke2 version v"))
		n->release = cryo_strndup(text + strlen("rke2 version "),
					  strcspn(text + strlen("rke2 version "), " \n"));
}

int rke2_find_service(struct cryo_rke2_node *n, struct cryo_err *err)
{
	each_process(n, take_service);
	if (!n->role)
		n->role = guess_role(n);
	if (!n->role)
		return refuse_node(n, err);
	n->unit = cryo_asprintf("rke2-%s", n->role);
	for (size_t i = 0; n->pid == 0 && i < CRYO_ARRAY_LEN(env_dir); i++) {
		const char *suffix = strstr(env_dir[i], "systemd") ? ".env" : "";
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%s%s", env_dir[i], n->unit, suffix);

		read_env_file(n, path);
	}
	if (!n->config_file)
		n->config_file = cryo_asprintf("%s" CRYO_RKE2_CONFIG_FILE, n->root);
	find_program(n);
	ask_release(n);
	return 0;
}

static bool take_process(struct cryo_rke2_node *n, const char *pid)
{
	static const char *const wanted[] = { "containerd", "kubelet", "containerd-shim-runc-v2" };
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_free) char *exe = read_exe(n, pid);
	struct cryo_rke2_process *p;
	bool ours = false;

	if (!exe || read_words(n, pid, "cmdline", &argv) == 0)
		return false;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(wanted); i++)
		ours = ours || strcmp(last_part(argv.v[0]), wanted[i]) == 0;
	/* Another containerd of the machine (Docker's) is not RKE2's. */
	if (!ours || !cryo_starts_with(exe, n->data_dir))
		return false;
	n->process = cryo_realloc(n->process, n->n_processes + 1, sizeof(*n->process));
	p = &n->process[n->n_processes++];
	p->pid = (pid_t)atoi(pid);
	p->name = cryo_strdup(last_part(argv.v[0]));
	p->exe = cryo_steal(&exe);
	p->id = NULL;
	for (size_t i = 1; i + 1 < argv.n && !p->id; i++)
		if (strcmp(argv.v[i], "-id") == 0)
			p->id = cryo_strdup(argv.v[i + 1]);
	return false;
}

void rke2_find_processes(struct cryo_rke2_node *n)
{
	each_process(n, take_process);
}
