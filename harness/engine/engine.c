/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "base/clock.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	     30000
#define LOAD_MS	     600000
#define MIN_MAJOR    20
#define MIN_MINOR    10
#define PIDFILE	     "/var/run/docker.pid"
#define SYS_RESOURCE 24 /* bit of CAP_SYS_RESOURCE */

static const char *const engine_names[] = { "docker", "podman" };

void cryo_engine_release(struct cryo_engine *e)
{
	free(e->name);
	free(e->program);
	free(e->socket);
	free(e->version);
	*e = (struct cryo_engine){ 0 };
}

bool cryo_engine_version_at_least(const char *version, unsigned major, unsigned minor)
{
	unsigned a = 0, b = 0;

	if (!version || sscanf(version, "%u.%u", &a, &b) < 1)
		return false;
	return a > major || (a == major && b >= minor);
}

void cryo_engine_env(const struct cryo_engine *e, struct cryo_strv *env)
{
	cryo_strv_addf(env, "KIND_EXPERIMENTAL_PROVIDER=%s", e->name);
	if (e->socket)
		cryo_strv_addf(env, "DOCKER_HOST=unix://%s", e->socket);
}

int cryo_engine_call(const struct cryo_engine *e, const char *const *args, int64_t timeout_ms,
		     struct cryo_proc_result *res, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 };
	struct cryo_proc p = { .timeout_ms = cryo_limit_ms(timeout_ms ? timeout_ms : ASK_MS) };

	cryo_strv_add(&argv, e->program);
	cryo_strv_addv(&argv, args);
	cryo_engine_env(e, &env);
	p.argv = cryo_strv_get(&argv);
	p.env = cryo_strv_get(&env);
	return cryo_proc_run(&p, res, err);
}

int cryo_engine_ask(const struct cryo_engine *e, const char *const *args, char **out,
		    struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc = cryo_engine_call(e, args, 0, &res, err);

	if (rc < 0)
		return rc;
	*out = cryo_str_detach(&res.out);
	if (**out && (*out)[strlen(*out) - 1] == '\n')
		(*out)[strlen(*out) - 1] = '\0';
	return 0;
}

/* Why a server does not answer, in words that help. */
static int explain_silence(const struct cryo_engine *e, const char *said, struct cryo_err *err)
{
	if (strstr(said, "permission denied") || strstr(said, "Permission denied"))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "no permission to talk to %s: join its group, or use sudo",
				    e->name);
	return cryo_err_set(err, CRYO_E_UNFIT, "%s does not answer (is its service running?): %s",
			    e->name, said);
}

static int ask_version(struct cryo_engine *e, struct cryo_err *err)
{
	static const char *const docker[] = { "version", "--format", "{{.Server.Version}}", NULL };
	static const char *const podman[] = { "version", "--format", "{{.Version}}", NULL };
	bool is_docker = strcmp(e->name, "docker") == 0;
	cryo_auto(cryo_free) char *said = NULL;
	int rc = cryo_engine_ask(e, is_docker ? docker : podman, &e->version, err);

	if (rc == -(int)CRYO_E_CHILD || rc == -(int)CRYO_E_TIMEOUT) {
		said = cryo_strdup(err->msg);
		return explain_silence(e, said, err);
	}
	if (rc < 0 || !is_docker || cryo_engine_version_at_least(e->version, MIN_MAJOR, MIN_MINOR))
		return rc;
	return cryo_err_set(err, CRYO_E_UNFIT, "docker %s is too old: %d.%d or newer is needed",
			    e->version, MIN_MAJOR, MIN_MINOR);
}

static int try_engine(const char *name, struct cryo_engine *out, struct cryo_err *err)
{
	cryo_auto(cryo_engine_release) struct cryo_engine e = { .name = cryo_strdup(name),
								.program = cryo_fs_which(name) };
	int rc;

	if (!e.program)
		return cryo_err_set(err, CRYO_E_UNFIT, "no program '%s'", name);
	rc = ask_version(&e, err);
	if (rc < 0)
		return rc;
	*out = e;
	e = (struct cryo_engine){ 0 };
	return 0;
}

int cryo_engine_find(const char *name, struct cryo_engine *out, struct cryo_err *err)
{
	struct cryo_err first = CRYO_ERR_INIT;
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(engine_names); i++) {
		cryo_auto(cryo_free) char *there = cryo_fs_which(engine_names[i]);

		if (name ? strcmp(name, engine_names[i]) != 0 : !there)
			continue;
		rc = try_engine(engine_names[i], out, any ? &first : err);
		if (rc == 0)
			return 0;
		any = true;
	}
	if (any)
		return -(int)err->status;
	if (name)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "unknown engine '%s' (valid values: docker, podman)", name);
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "no container engine: install docker (Debian package docker.io) or "
			    "podman");
}

static bool may_raise_limits(const char *status_file)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *caps;

	if (cryo_fs_read(status_file, 65536, &s, &ignored) < 0)
		return true;
	caps = strstr(cryo_str_get(&s), "CapBnd:");
	return !caps || (strtoull(caps + strlen("CapBnd:"), NULL, 16) >> SYS_RESOURCE & 1);
}

bool cryo_engine_is_full(const struct cryo_engine *e)
{
	cryo_auto(cryo_str_release) struct cryo_str pid = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	/* Its containers are made by programs that take it away first. */
	if (e->socket)
		return true;
	if (strcmp(e->name, "docker") != 0 || cryo_fs_read(PIDFILE, 32, &pid, &ignored) < 0)
		return geteuid() != 0 || may_raise_limits("/proc/self/status");
	path = cryo_asprintf("/proc/%ld/status", strtol(cryo_str_get(&pid), NULL, 10));
	return may_raise_limits(path);
}

int cryo_engine_has_image(const struct cryo_engine *e, const char *ref, struct cryo_err *err)
{
	const char *const args[] = { "image", "ls", "--quiet", "--no-trunc", "--", ref, NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	int rc = cryo_engine_ask(e, args, &answer, err);

	return rc < 0 ? rc : *answer != '\0';
}

int cryo_engine_load(const struct cryo_engine *e, const char *archive, struct cryo_err *err)
{
	const char *const args[] = { "load", "--quiet", "--input", archive, NULL };

	return cryo_engine_call(e, args, LOAD_MS, NULL, err);
}
