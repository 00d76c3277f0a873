/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for a test's files: a directory of its own (0700, below /tmp), files in it, and
 * environment variables that are set for as long as the test runs. Most tests need no more than
 *
 *	cmocka_unit_test_setup_teardown(t, scratch_setup, scratch_teardown)
 *
 * A setup that does more begins with scratch_setup(), its teardown ends with scratch_teardown().
 * Whatever was made with scratch_make() and not removed is removed when the program ends: by
 * exit(), also after a setup that failed, and by a report of the sanitizers. Forked children leave
 * it alone.
 */
#ifndef CRYO_TESTS_SCRATCH_H
#define CRYO_TESTS_SCRATCH_H

#include "sys/fs.h"
#include "base/util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The directory of the test that runs; NULL outside of scratch_setup() and scratch_teardown(). */
static char *scratch_dir;

#define SCRATCH_MAX 8

static struct {
	pid_t pid;
	char *made[SCRATCH_MAX];
	char *variable[SCRATCH_MAX], *old[SCRATCH_MAX]; /* old NULL: it was not set */
} scratch;

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static inline void scratch_remove_all(void)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	for (size_t i = 0; scratch.pid == getpid() && i < SCRATCH_MAX; i++)
		if (scratch.made[i])
			cryo_fs_rmtree(scratch.made[i], &ignored);
}

static inline char **scratch_slot(const char *path)
{
	for (size_t i = 0; i < SCRATCH_MAX; i++)
		if (path ? scratch.made[i] && strcmp(scratch.made[i], path) == 0 : !scratch.made[i])
			return &scratch.made[i];
	fprintf(stderr, "scratch.h: %s\n", path ? path : "more directories than SCRATCH_MAX");
	abort();
}

/* A new directory below `parent`, named after the program; 0, or -1 with a message on stderr. */
static inline int scratch_make_in(const char *parent, char **path)
{
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s-", program_invocation_short_name);
	char **slot = scratch_slot(NULL);
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_fs_tmpdir(parent, prefix, path, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	*slot = cryo_strdup(*path);
	if (scratch.pid)
		return 0;
	scratch.pid = getpid();
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(scratch_remove_all);
	return atexit(scratch_remove_all);
}

static inline int scratch_make(char **path)
{
	return scratch_make_in("/tmp", path);
}

/* Removes and frees it; a path that is NULL is fine. -1 if something in it cannot be removed. */
static inline int scratch_remove(char **path)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = 0;

	if (!*path)
		return 0;
	if (cryo_fs_rmtree(*path, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		rc = -1;
	}
	free(cryo_steal(scratch_slot(*path)));
	free(cryo_steal(path));
	return rc;
}

/* For as long as the test runs. */
static inline void scratch_setenv(const char *variable, const char *value)
{
	for (size_t i = 0; i < SCRATCH_MAX; i++) {
		if (scratch.variable[i] && strcmp(scratch.variable[i], variable) != 0)
			continue;
		if (!scratch.variable[i]) {
			scratch.variable[i] = cryo_strdup(variable);
			scratch.old[i] = getenv(variable) ? cryo_strdup(getenv(variable)) : NULL;
		}
		setenv(variable, value, 1);
		return;
	}
	fail_msg("more variables than SCRATCH_MAX");
}

static inline void scratch_restore_env(void)
{
	for (size_t i = 0; i < SCRATCH_MAX && scratch.variable[i]; i++) {
		if (scratch.old[i])
			setenv(scratch.variable[i], scratch.old[i], 1);
		else
			unsetenv(scratch.variable[i]);
		free(cryo_steal(&scratch.variable[i]));
		free(cryo_steal(&scratch.old[i]));
	}
}

static inline int scratch_setup(void **state)
{
	(void)state;
	return scratch_make(&scratch_dir);
}

static inline int scratch_teardown(void **state)
{
	(void)state;
	scratch_restore_env();
	return scratch_remove(&scratch_dir);
}

/* `name` in the directory; caller frees. */
static inline char *scratch_path(const char *name)
{
	return cryo_asprintf("%s/%s", scratch_dir, name);
}

/* The same in static memory, valid for the next 15 calls. */
static inline const char *scratch_at(const char *name)
{
	static char path[16][256];
	static unsigned turn;
	char *p = path[turn++ % CRYO_ARRAY_LEN(path)];

	snprintf(p, sizeof(path[0]), "%s/%s", scratch_dir, name);
	return p;
}

static inline void scratch_setenv_path(const char *variable, const char *name)
{
	scratch_setenv(variable, scratch_at(name));
}

/* Programs below `name` are found first from now on. */
static inline void scratch_add_to_path(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s:%s", scratch_at(name), getenv("PATH"));

	scratch_setenv("PATH", path);
}

/* A file in any directory; its parents are made (0755). */
static inline void scratch_put_bytes(const char *root, const char *name, const void *data,
				     size_t len, mode_t mode)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", root, name);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_non_null(root);
	if (cryo_fs_mkparents(path, 0755, &err) < 0 ||
	    cryo_fs_write(path, data, len, mode, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void scratch_put_in(const char *root, const char *name, const char *text)
{
	scratch_put_bytes(root, name, text, strlen(text), 0644);
}

static inline void scratch_put(const char *name, const char *text)
{
	scratch_put_in(scratch_dir, name, text);
}

static inline void scratch_put_program(const char *name, const char *text)
{
	scratch_put_bytes(scratch_dir, name, text, strlen(text), 0755);
}

static inline void scratch_put_script(const char *name, const char *commands)
{
	cryo_auto(cryo_free) char *text = cryo_asprintf("#!/bin/sh\n%s\n", commands);

	scratch_put_program(name, text);
}

/* The whole file, caller frees; one that is not there fails the test. */
static inline char *scratch_get_in(const char *root, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", root, name);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };

	if (cryo_fs_read(path, 1 << 20, &s, &err) < 0)
		fail_msg("%s", err.msg);
	return cryo_str_detach(&s);
}

static inline char *scratch_get(const char *name)
{
	return scratch_get_in(scratch_dir, name);
}

#endif
