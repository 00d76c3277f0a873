/* SPDX-License-Identifier: Apache-2.0 */
#include "git/box.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS (10 * 60 * 1000)
#define MAX_OUTPUT (64u << 20)
#define CONFIG	   "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"

/* All it gets besides PATH and its places: nobody else's settings have a say. */
static const char *const fixed_environment[] = { "GIT_CONFIG_NOSYSTEM=1",
						 "GIT_CONFIG_GLOBAL=/dev/null",
						 "GIT_ATTR_NOSYSTEM=1",
						 "GIT_NO_REPLACE_OBJECTS=1",
						 "GIT_TERMINAL_PROMPT=0",
						 "GIT_ADVICE=0",
						 "GIT_PAGER=cat",
						 "LC_ALL=C",
						 "TZ=UTC",
						 NULL };

char *cryo_gitbox_path(const struct cryo_gitbox *box, const char *name)
{
	return cryo_asprintf("%s/%s", box->dir, name);
}

static int write_box_file(const struct cryo_gitbox *box, const char *name, const char *text,
			  struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_gitbox_path(box, name);

	return cryo_fs_write_scratch(path, text, strlen(text), err);
}

static int make_box_repository(const struct cryo_gitbox *box, struct cryo_err *err)
{
	static const char *const dirs[] = { "git/objects", "git/refs", "empty" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(dirs); i++) {
		cryo_auto(cryo_free) char *path = cryo_gitbox_path(box, dirs[i]);

		rc = cryo_fs_mkdirs(path, 0700, err);
	}
	if (rc == 0)
		rc = write_box_file(box, "git/HEAD", "ref: refs/heads/none\n", err);
	return rc < 0 ? rc : write_box_file(box, "git/config", CONFIG, err);
}

static void set_box_environment(struct cryo_gitbox *box)
{
	const char *path = getenv("PATH");

	if (path)
		cryo_strv_addf(&box->env, "PATH=%s", path);
	cryo_strv_addv(&box->env, fixed_environment);
	cryo_strv_addf(&box->env, "HOME=%s/empty", box->dir);
	cryo_strv_addf(&box->env, "XDG_CONFIG_HOME=%s/empty", box->dir);
	cryo_strv_addf(&box->env, "GIT_DIR=%s/git", box->dir);
	if (box->repo)
		cryo_strv_addf(&box->env, "GIT_OBJECT_DIRECTORY=%sobjects",
			       git_repository_commondir(box->repo));
}

int cryo_gitbox_open(git_repository *repo, struct cryo_gitbox *out, struct cryo_err *err)
{
	const char *parent = getenv("TMPDIR");
	struct cryo_gitbox box = { .repo = repo };
	int rc =
	    cryo_fs_tmpdir(parent && *parent == '/' ? parent : "/tmp", "cryo-git-", &box.dir, err);

	if (rc == 0)
		rc = make_box_repository(&box, err);
	if (rc == 0)
		set_box_environment(&box);
	*out = box;
	return rc;
}

void cryo_gitbox_close(struct cryo_gitbox *box)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (box->dir)
		cryo_fs_rmtree(box->dir, &ignored);
	free(box->dir);
	cryo_strv_release(&box->env);
	cryo_proc_result_release(&box->last);
	*box = (struct cryo_gitbox){ 0 };
}

int cryo_gitbox_run(struct cryo_gitbox *box, const struct cryo_gitrun *run, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv env = { 0 };
	cryo_auto(cryo_free) char *cwd = cryo_gitbox_path(box, "empty");
	struct cryo_proc p = CRYO_PROC_INIT;

	cryo_strv_addv(&env, cryo_strv_get(&box->env));
	cryo_strv_addf(&env, "GIT_INDEX_FILE=%s/%s", box->dir, run->index ? run->index : "index");
	cryo_strv_addv(&env, run->env);
	p.argv = run->argv;
	p.env = cryo_strv_get(&env);
	p.only_env = true;
	p.cwd = cwd;
	p.input = run->input;
	p.timeout_ms = TIMEOUT_MS;
	p.capture_max = MAX_OUTPUT;
	cryo_proc_result_release(&box->last);
	box->last = (struct cryo_proc_result){ 0 };
	return cryo_proc_run(&p, &box->last, err);
}

int cryo_gitbox_id(struct cryo_gitbox *box, const struct cryo_gitrun *run, git_oid *id,
		   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *hex = NULL;
	int rc = cryo_gitbox_run(box, run, err);

	if (rc < 0)
		return rc;
	hex = cryo_strdup(cryo_str_get(&box->last.out));
	hex[strcspn(hex, "\n")] = '\0';
	if (!cryo_git_is_full(hex) || git_oid_fromstr(id, hex) < 0)
		return cryo_err_set(err, CRYO_E_PROVISION, "git %s: no id in its answer",
				    run->argv[1]);
	return 0;
}

char *cryo_gitbox_reason(const struct cryo_gitbox *box)
{
	const char *text = cryo_str_get(&box->last.err), *found = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (cryo_starts_with(line, "error: ") || cryo_starts_with(line, "fatal: "))
			found = line + strlen("error: ");
	if (!found)
		found = text;
	return cryo_strndup(found, strcspn(found, "\n"));
}
