/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/mail.h"

#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATCH  (16u << 20)
#define MAX_SERIES 1000

static bool is_patch_name(const char *name)
{
	return strspn(name, "0123456789") == 4 && name[4] == '-';
}

static int compare_patch_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_patch_names(const char *dir, struct cryo_strv *names, struct cryo_err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int rc = 0;

	if (!d)
		return cryo_err_set(err, CRYO_E_CONFIG, "cannot read patches '%s': %s", dir,
				    strerror(errno));
	while (rc == 0 && (e = readdir(d))) {
		if (!cryo_ends_with(e->d_name, ".patch") || e->d_name[0] == '.')
			continue;
		if (!is_patch_name(e->d_name))
			rc = cryo_err_set(err, CRYO_E_CONFIG,
					  "'%s/%s' is not named NNNN-what-it-does.patch", dir,
					  e->d_name);
		cryo_strv_add(names, e->d_name);
	}
	closedir(d);
	if (rc == 0 && names->n > MAX_SERIES)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "more than %d patches in '%s'", MAX_SERIES,
				  dir);
	if (rc == 0 && names->n > 0)
		qsort(names->v, names->n, sizeof(*names->v), compare_patch_names);
	return rc;
}

/* Two with one number: a new version of a patch beside the old one, most likely. */
static int check_numbers(const char *dir, const struct cryo_strv *names, struct cryo_err *err)
{
	for (size_t i = 1; i < names->n; i++)
		if (memcmp(names->v[i - 1], names->v[i], 4) == 0)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "'%s' and '%s' in '%s' have the same number",
					    names->v[i - 1], names->v[i], dir);
	return 0;
}

static int load_series_patch(const char *dir, const char *name, struct cryo_patch *p,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, MAX_PATCH, &text, err);

	if (rc == 0)
		cryo_patch_make(path, cryo_str_get(&text), text.len, p);
	return rc;
}

int cryo_series_load_any(const char *dir, struct cryo_series *out, struct cryo_err *err)
{
	cryo_auto(cryo_series_release) struct cryo_series s = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_fs_exists(dir) ? list_patch_names(dir, &names, err) : 0;

	if (rc == 0)
		rc = check_numbers(dir, &names, err);
	if (rc < 0)
		return rc;
	s.dir = cryo_strdup(dir);
	s.patch = cryo_alloc((names.n + 1) * sizeof(*s.patch));
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = load_series_patch(dir, names.v[i], &s.patch[s.n++], err);
	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cryo_series){ 0 };
	return 0;
}

int cryo_series_load(const char *dir, struct cryo_series *out, struct cryo_err *err)
{
	int rc = cryo_series_load_any(dir, out, err);

	if (rc < 0 || out->n > 0)
		return rc;
	cryo_series_release(out);
	if (!cryo_fs_exists(dir))
		return cryo_err_set(err, CRYO_E_CONFIG, "no directory '%s'", dir);
	return cryo_err_set(err, CRYO_E_CONFIG, "no patch in '%s'", dir);
}

void cryo_patch_make(const char *path, const char *text, size_t len, struct cryo_patch *out)
{
	const char *slash = strrchr(path, '/');

	*out = (struct cryo_patch){ .path = cryo_strdup(path),
				    .name = cryo_strdup(slash ? slash + 1 : path) };
	cryo_str_addn(&out->text, text, len);
	cryo_hash_bytes(text, len, out->sha256);
}

void cryo_patch_release(struct cryo_patch *p)
{
	free(p->name);
	free(p->path);
	cryo_str_release(&p->text);
	cryo_mails_release(&p->mails);
	*p = (struct cryo_patch){ 0 };
}

void cryo_series_release(struct cryo_series *s)
{
	for (size_t i = 0; i < s->n; i++)
		cryo_patch_release(&s->patch[i]);
	free(s->patch);
	free(s->dir);
	*s = (struct cryo_series){ 0 };
}

void cryo_series_hash(const struct cryo_series *s, struct cryo_hash *h)
{
	for (size_t i = 0; i < s->n; i++) {
		cryo_hash_item(h, s->patch[i].name);
		cryo_hash_item(h, s->patch[i].sha256);
	}
}
