/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/paths.h"

#include "patches/apply.h"
#include "patches/mail.h"
#include "sys/fs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* "1\t2\tpath", with a NUL behind it. */
static void add_listed_paths(const struct cryo_str *out, struct cryo_strv *paths)
{
	const char *at = cryo_str_get(out), *end = at + out->len;

	for (; at < end; at += strlen(at) + 1) {
		const char *tab = strchr(at, '\t'), *second = tab ? strchr(tab + 1, '\t') : NULL;

		if (second)
			cryo_strv_add(paths, second + 1);
	}
}

/* Of these diffs; `option` "--reverse": the names that files had before. */
static int list_diff_paths(struct cryo_gitbox *box, const struct cryo_strv *files,
			   const char *option, struct cryo_strv *paths, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_gitrun run = { 0 };
	int rc;

	cryo_strv_addl(&argv, "git", "apply", "--numstat", "-z", option, NULL);
	cryo_strv_addv(&argv, cryo_strv_get(files));
	run.argv = cryo_strv_get(&argv);
	rc = cryo_gitbox_run(box, &run, err);
	if (rc == 0)
		add_listed_paths(&box->last.out, paths);
	return rc;
}

static bool has_old_names(const char *diff)
{
	return strstr(diff, "\nrename from ") || strstr(diff, "\ncopy from ");
}

static int write_diff(const struct cryo_gitbox *box, const struct cryo_mail *m,
		      struct cryo_strv *files, struct cryo_err *err)
{
	static unsigned count;
	char *path = cryo_asprintf("%s/diff-%u", box->dir, count++);

	cryo_strv_take(files, path);
	return cryo_fs_write_scratch(path, cryo_str_get(&m->diff), m->diff.len, err);
}

/* What leads out, or is too long for any file system. */
static bool is_path_refused(const char *path)
{
	cryo_auto(cryo_free) char *framed = cryo_asprintf("/%s/", path);

	return *path == '/' || strlen(path) >= PATH_MAX || strstr(framed, "/../") ||
	       strcasestr(framed, "/.git/");
}

static const char *find_refused_path(const struct cryo_strv *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		if (is_path_refused(paths->v[i]))
			return paths->v[i];
	return NULL;
}

/* In one run of git for all diffs, two if some of them rename or copy. */
static int list_all_paths(struct cryo_gitbox *box, const struct cryo_mail *const *m, size_t n,
			  struct cryo_strv *paths, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv files = { 0 };
	bool old = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = write_diff(box, m[i], &files, err);
		old = old || has_old_names(cryo_str_get(&m[i]->diff));
	}
	if (rc == 0 && n > 0)
		rc = list_diff_paths(box, &files, NULL, paths, err);
	return rc == 0 && old ? list_diff_paths(box, &files, "--reverse", paths, err) : rc;
}

static int judge_mail_paths(struct cryo_gitbox *box, const struct cryo_patch *p,
			    const struct cryo_mail *m, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv paths = { 0 };
	cryo_auto(cryo_free) char *reason = NULL;
	int rc = list_all_paths(box, &m, 1, &paths, err);
	const char *refused = find_refused_path(&paths);

	if (rc < 0 && err->status == CRYO_E_CHILD) {
		reason = cryo_gitbox_reason(box);
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: cannot read its diff: %s", p->path,
				    cryo_mail_diff_line(p, m), reason);
	}
	if (rc == 0 && refused)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: refuses to touch '%.200s'", p->path,
				    cryo_mail_diff_line(p, m), refused);
	return rc;
}

/* One mail after the other: which of them is at fault. */
static int find_bad_mail(struct cryo_gitbox *box, const struct cryo_series *s, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++)
		for (size_t j = 0; rc == 0 && j < s->patch[i].mails.n; j++)
			rc = judge_mail_paths(box, &s->patch[i], &s->patch[i].mails.v[j], err);
	return rc;
}

int cryo_paths_list(struct cryo_gitbox *box, const struct cryo_series *s, struct cryo_strv *paths,
		    struct cryo_err *err)
{
	const struct cryo_mail **all = NULL;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < s->n; i++) {
		all = cryo_realloc(all, n + s->patch[i].mails.n, sizeof(*all));
		for (size_t j = 0; j < s->patch[i].mails.n; j++)
			all[n++] = &s->patch[i].mails.v[j];
	}
	rc = list_all_paths(box, all, n, paths, err);
	free(all);
	if ((rc < 0 && err->status == CRYO_E_CHILD) || (rc == 0 && find_refused_path(paths)))
		return find_bad_mail(box, s, err);
	return rc;
}

int cryo_series_paths(const struct cryo_series *s, struct cryo_strv *paths, struct cryo_err *err)
{
	cryo_auto(cryo_gitbox_close) struct cryo_gitbox box = { 0 };
	int rc = cryo_gitbox_open(NULL, &box, err);

	if (rc == 0)
		rc = cryo_mails_read(&box, s, err);
	return rc < 0 ? rc : cryo_paths_list(&box, s, paths, err);
}
