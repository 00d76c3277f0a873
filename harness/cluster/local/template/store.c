/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/template/template.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define USERS_MS   60000
#define CLOCK_SKEW 60 /* s: a template from the future is one whose age nobody knows */

bool template_is_key(const char *name)
{
	return strspn(name, "0123456789abcdef") == CRYO_HASH_HEX - 1;
}

/* With a dot, the name of no cluster lies there. */
char *template_store(bool snapshots)
{
	return snapshots ? cryo_state_path(CRYO_STATE_SNAPSHOTS)
			 : cryo_cache_path(CRYO_CACHE_TEMPLATES);
}

char *template_path(const char *key, const char *suffix)
{
	cryo_auto(cryo_free) char *store = template_store(!template_is_key(key));

	return cryo_asprintf("%s/%s%s", store, key, suffix);
}

char *template_failed(const char *key)
{
	cryo_auto(cryo_free) char *path = template_path(key, ".failed");
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str why = { 0 };
	struct stat st;

	if (stat(path, &st) < 0 ||
	    cryo_wall_ns() / 1000000000 - st.st_mtime > CRYO_TEMPLATE_MAX_AGE_S ||
	    cryo_fs_read(path, 65536, &why, &ignored) < 0) {
		cryo_str_release(&why);
		return NULL;
	}
	return cryo_str_detach(&why);
}

void template_set_failed(const char *key, const char *why)
{
	cryo_auto(cryo_free) char *path = template_path(key, ".failed");
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_fs_write(path, why, strlen(why), 0600, &ignored);
}

int64_t template_age_s(const json_t *meta)
{
	return (cryo_wall_ns() - cryo_json_int(meta, "created", 0)) / 1000000000;
}

void template_release(struct template *t)
{
	cryo_fd_closep(&t->lock);
	json_decref(t->meta);
	free(t->dir);
	*t = (struct template)TEMPLATE_INIT;
}

static int load_template_meta(struct template *t, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_TEMPLATE_RECORD, t->dir);
	struct stat st;
	int rc = cryo_json_load(path, TEMPLATE_MAX_JSON, &t->meta, err);

	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_TAMPER);
	if (fstat(t->lock, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077))
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is not private", t->dir);
	if (!cryo_streq(cryo_json_str(t->meta, "key"), t->key))
		return cryo_err_set(err, CRYO_E_TAMPER, "it has another key");
	return 0;
}

/* Contents are compared once after each boot; after that inodes and times have to be the same. */
static int check_template_files(struct template *t, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *boot = cryo_boot_id();
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_TEMPLATE_RECORD, t->dir);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	bool same_boot = cryo_streq(boot, cryo_json_str(t->meta, "boot"));
	int rc = template_check(t->dir, json_object_get(t->meta, "files"), same_boot, err);

	if (rc < 0 || same_boot)
		return rc;
	json_object_set_new(t->meta, "boot", json_string(boot));
	cryo_json_dump(t->meta, &text);
	return cryo_fs_write(path, text.p, text.len, 0600, err);
}

int template_open(const char *key, struct template *out, struct cryo_err *err)
{
	struct template t = TEMPLATE_INIT;
	int64_t age;
	int rc;

	snprintf(t.key, sizeof(t.key), "%s", key);
	t.dir = template_path(key, "");
	t.lock = cryo_lock_hold_dir(t.dir); /* as long as it is read */
	rc = t.lock < 0;
	if (rc == 0)
		rc = load_template_meta(&t, err);
	age = rc == 0 ? template_age_s(t.meta) : 0;
	if (rc == 0 && template_is_key(key) && (age < -CLOCK_SKEW || age > CRYO_TEMPLATE_MAX_AGE_S))
		rc = 1;
	if (rc == 0)
		rc = check_template_files(&t, err);
	if (rc == 0)
		cryo_fs_touch(t.dir, false);
	if (rc != 0)
		template_release(&t);
	*out = t;
	if (rc < 0 && !template_is_key(key))
		return cryo_err_wrap(err, rc, "snapshot '%s'", key);
	return rc < 0 ? cryo_err_wrap(err, rc, "template %.12s", key) : rc;
}

int template_begin(const char *key, struct template *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock = template_path(key, ".lock");
	struct template t = TEMPLATE_INIT;
	int rc = cryo_fs_mkparents(lock, 0700, err);

	if (rc == 0)
		rc = cryo_lock_take(lock, 0, &t.lock, err);
	if (rc < 0)
		return rc == -(int)CRYO_E_TIMEOUT ? 1 : rc;
	snprintf(t.key, sizeof(t.key), "%s", key);
	t.dir = template_path(key, ".new");
	rc = cryo_fs_rmtree(t.dir, err);
	if (rc == 0 && mkdir(t.dir, 0700) < 0)
		rc = cryo_err_sys(err, errno, "cannot make '%s'", t.dir);
	if (rc < 0)
		template_abandon(&t);
	*out = t;
	return rc;
}

void template_abandon(struct template *t)
{
	cryo_auto(cryo_free) char *lock = template_path(t->key, ".lock");
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (t->lock < 0)
		return;
	cryo_intr_hold();
	cryo_fs_rmtree(t->dir, &ignored);
	cryo_intr_release();
	cryo_lock_remove(lock, &t->lock);
	template_release(t);
}

uint64_t template_bytes(const json_t *files)
{
	uint64_t n = 0;
	size_t i;
	json_t *f;

	json_array_foreach((json_t *)files, i, f)
		n += (uint64_t)cryo_json_int(f, "disk", 0);
	return n;
}

static int describe_new_template(struct template *t, const json_t *inputs,
				 const struct local_record *r, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *boot = cryo_boot_id();
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_TEMPLATE_RECORD, t->dir);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	json_t *files = NULL;
	int rc = template_files(t->dir, true, &files, err);

	if (rc < 0)
		return rc;
	t->meta = json_pack("{ss ss* ss* sO* sI sI ss sO* sO so sO*}", "key", t->key, "stack",
			    r->stack, "stamp", r->stamp, "flags", r->flags, "created",
			    (json_int_t)cryo_wall_ns(), "bytes", (json_int_t)template_bytes(files),
			    "boot", boot, "builds", r->builds, "inputs", (json_t *)inputs, "files",
			    files, "holds", (json_t *)t->holds);
	cryo_json_dump(t->meta, &text);
	return cryo_fs_write(path, text.p, text.len, 0600, err);
}

int template_publish(struct template *t, const json_t *inputs, const struct local_record *r,
		     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock = template_path(t->key, ".lock");
	cryo_auto(cryo_free) char *failed = template_path(t->key, ".failed");
	cryo_auto(cryo_free) char *there = template_path(t->key, "");
	int rc = describe_new_template(t, inputs, r, err);

	if (rc == 0)
		rc = template_discard(t->key, err);
	if (rc == 0 && rename(t->dir, there) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish '%s'", there);
	if (rc < 0)
		return rc;
	unlink(failed);
	cryo_lock_remove(lock, &t->lock);
	return 0;
}

/* Wait until nobody reads it. */
static int exclude_template_readers(const char *dir, int fd, struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + USERS_MS;
	int rc = 0;

	while (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (cryo_now_ms() >= end)
			return cryo_err_set(err, CRYO_E_TIMEOUT, "'%s' is in use", dir);
		rc = cryo_intr_sleep(50, err);
	}
	return rc;
}

int template_discard(const char *key, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = template_path(key, "");
	cryo_auto(cryo_free) char *old = template_path(key, ".old");
	cryo_auto(cryo_fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : cryo_err_sys(err, errno, "cannot open '%s'", dir);
	rc = exclude_template_readers(dir, fd, err);
	if (rc == 0)
		rc = cryo_fs_rmtree(old, err);
	/* First out of sight: half a template must not be found under its name. */
	if (rc == 0 && rename(dir, old) < 0)
		rc = cryo_err_sys(err, errno, "cannot remove '%s'", dir);
	return rc < 0 ? rc : cryo_fs_rmtree(old, err);
}
