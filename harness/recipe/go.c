/* SPDX-License-Identifier: Apache-2.0 */
/* Running the go program: its environment, at home or in the build root. */
#include "recipe/toolchain.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <unistd.h>

static void make_go_environment(const struct cryo_toolchain *t, const struct cryo_go_call *c,
				struct cryo_strv *env)
{
	/* auto: a newer Go than the host's is fetched where a module asks for it */
	cryo_strv_addl(env, "GOTOOLCHAIN=auto", "GO111MODULE=on", "GOOS", "GOARCH", "LC_ALL=C",
		       NULL);
	cryo_strv_addf(env, "GOFLAGS=%s", c->flags);
	cryo_strv_addf(env, "GOCACHE=%s", t->gocache);
	cryo_strv_addf(env, "GOMODCACHE=%s", t->gomodcache);
	cryo_strv_addf(env, "GOTMPDIR=%s", c->work);
	cryo_strv_addf(env, "CGO_ENABLED=%d", c->cgo);
	if (c->offline)
		cryo_strv_add(env, "GOPROXY=off");
	if (!c->workspace)
		cryo_strv_add(env, "GOWORK=off");
	if (!t->root)
		return;
	cryo_strv_addl(env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GOROOT", "CC", "CXX", NULL);
	cryo_strv_addf(env, "TMPDIR=%s", c->work);
	cryo_strv_addf(env, "GOPATH=%s/gopath", c->work);
	if (t->goenv)
		cryo_strv_addf(env, "GOENV=%s", t->goenv);
}

/* What the build root must see of the host: caches, names, the certificates of a proxy. */
static void list_go_binds(const struct cryo_toolchain *t, const struct cryo_go_call *c,
			  struct cryo_strv *list)
{
	const char *cert = getenv("SSL_CERT_FILE");

	cryo_strv_addl(list, cryo_dir_cache(), t->gocache, t->gomodcache, "/etc/resolv.conf",
		       "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", NULL);
	if (t->goenv)
		cryo_strv_add(list, t->goenv);
	if (cert && *cert == '/')
		cryo_strv_add(list, cert);
	if (c->bind)
		cryo_strv_add(list, c->bind);
}

static void touch_go_cache(const char *cache)
{
	if (cryo_starts_with(cache, cryo_dir_cache()))
		cryo_fs_touch(cache, false);
}

int cryo_go_run(const struct cryo_toolchain *t, const struct cryo_go_call *call,
		struct cryo_proc_result *res, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 }, bound = { 0 };
	struct cryo_proc p = CRYO_PROC_INIT;
	int rc = cryo_fs_mkdirs(t->gocache, 0755, err);

	if (rc == 0)
		rc = cryo_fs_mkdirs(t->gomodcache, 0755, err);
	if (rc < 0)
		return rc;
	touch_go_cache(t->gocache);
	touch_go_cache(t->gomodcache);
	cryo_strv_add(&argv, t->go);
	cryo_strv_addv(&argv, call->args);
	make_go_environment(t, call, &env);
	p.argv = cryo_strv_get(&argv);
	p.env = cryo_strv_get(&env);
	p.cwd = call->cwd;
	p.log_path = call->log_path;
	p.on_line = call->on_line;
	p.on_line_arg = call->on_line_arg;
	p.isolate = geteuid() == 0;
	if (t->root) {
		list_go_binds(t, call, &bound);
		p.chroot = t->root;
		p.binds = cryo_strv_get(&bound);
	}
	return cryo_proc_run(&p, res, err);
}
