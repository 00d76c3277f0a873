/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/journal.h"

#include "base/clock.h"
#include "conf/json.h"
#include "rke2/durable.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_JOURNAL (64u << 20)

static const char *const state_name[] = {
	[CRYO_RKE2_ORIGINAL] = "original",
	[CRYO_RKE2_INSTALLING] = "installing",
	[CRYO_RKE2_INSTALLED] = "installed",
	[CRYO_RKE2_ROLLING_BACK] = "rolling-back",
};

const char *cryo_rke2_state_name(enum cryo_rke2_state s)
{
	return state_name[s];
}

char *cryo_rke2_state_dir(void)
{
	return cryo_state_path(CRYO_STATE_RKE2);
}

void cryo_rke2_journal_release(struct cryo_rke2_journal *j)
{
	free(j->path);
	json_decref(j->plan);
	json_decref(j->results);
	json_decref(j->begun);
	*j = (struct cryo_rke2_journal){ 0 };
}

static void step_key(char out[64], const char *list, size_t step)
{
	snprintf(out, 64, "%s %zu", list, step);
}

static int take_state(struct cryo_rke2_journal *j, const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(state_name); i++)
		if (strcmp(name, state_name[i]) == 0) {
			j->state = (enum cryo_rke2_state)i;
			return 0;
		}
	return -1;
}

static int take_line(struct cryo_rke2_journal *j, json_t *line)
{
	const char *list = cryo_json_str(line, "list"), *state = cryo_json_str(line, "state");
	json_t *plan = json_object_get(line, "plan"), *result = json_object_get(line, "result");
	int64_t step = cryo_json_int(line, "step", -1);
	char key[64];

	if (plan && !j->plan) {
		j->plan = json_incref(plan);
		j->state = CRYO_RKE2_INSTALLING;
		return 0;
	}
	if (!j->plan)
		return -1;
	if (state)
		return take_state(j, state);
	if (!list || step < 0)
		return -1;
	step_key(key, list, (size_t)step);
	if (!cryo_json_bool(line, "end"))
		json_object_set_new(j->begun, key, json_true());
	else
		json_object_set(j->results, key, result ? result : json_true());
	return 0;
}

/* Cuts off what the power cut left of a last line, so that the next one begins on its own. */
static int drop_torn_line(const char *path, size_t whole, struct cryo_err *err)
{
	if (truncate(path, (off_t)whole) < 0)
		return cryo_err_sys(err, errno, "cannot repair '%s'", path);
	return 0;
}

static int read_lines(struct cryo_rke2_journal *j, struct cryo_str *text, struct cryo_err *err)
{
	unsigned number = 1;
	size_t at = 0;

	for (char *end; (end = memchr(text->p + at, '\n', text->len - at)); number++) {
		cryo_auto(cryo_json_decref) json_t *line = NULL;
		size_t len = (size_t)(end - text->p) - at;
		struct cryo_err why = CRYO_ERR_INIT;

		if (cryo_json_parse("line", text->p + at, len, &line, &why) < 0 ||
		    take_line(j, line) < 0)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "journal '%s' is damaged in line %u", j->path, number);
		at = (size_t)(end - text->p) + 1;
	}
	return at < text->len ? drop_torn_line(j->path, at, err) : 0;
}

int cryo_rke2_journal_load(struct cryo_rke2_journal *j, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc;

	cryo_rke2_journal_release(j);
	j->path = cryo_asprintf("%s/journal.jsonl", dir);
	j->results = json_object();
	j->begun = json_object();
	if (!cryo_fs_exists(j->path))
		return 0;
	rc = cryo_fs_read_regular(j->path, MAX_JOURNAL, &text, err);
	if (rc == 0 && text.len)
		rc = read_lines(j, &text, err);
	return rc;
}

static int append_line(struct cryo_rke2_journal *j, json_t *line, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(j->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	json_object_set_new(line, "ns", json_integer(cryo_wall_ns()));
	cryo_json_dump(line, &text);
	json_decref(line);
	cryo_str_add(&text, "\n");
	if (fd < 0 || write(fd, text.p, text.len) != (ssize_t)text.len || fsync(fd) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", j->path);
	rke2_announce_point(j->path);
	return 0;
}

int rke2_journal_begin(struct cryo_rke2_journal *j, json_t *plan, struct cryo_err *err)
{
	const struct rke2_attrs attrs = { 0600, geteuid(), getegid(), NULL };
	cryo_auto(cryo_json_decref) json_t *line = json_pack("{sO}", "plan", plan);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc;

	cryo_json_dump(line, &text);
	cryo_str_add(&text, "\n");
	rc = cryo_fs_mkparents(j->path, 0700, err);
	if (rc == 0)
		rc = rke2_publish_file(j->path, text.p, text.len, &attrs, err);
	return rc < 0 ? rc : cryo_rke2_journal_load(j, err);
}

int rke2_journal_mark(struct cryo_rke2_journal *j, const char *list, size_t step, bool end,
		      const json_t *result, struct cryo_err *err)
{
	json_t *line = json_pack("{ss si sb}", "list", list, "step", (int)step, "end", end);

	if (result)
		json_object_set(line, "result", (json_t *)result);
	take_line(j, line);
	return append_line(j, line, err);
}

int rke2_journal_state(struct cryo_rke2_journal *j, enum cryo_rke2_state s, struct cryo_err *err)
{
	j->state = s;
	return append_line(j, json_pack("{ss}", "state", state_name[s]), err);
}

int rke2_journal_close(struct cryo_rke2_journal *j, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();
	cryo_auto(cryo_free) char *last = cryo_asprintf("%s/last.jsonl", dir);
	int rc = rke2_rename(j->path, last, err);

	if (rc < 0)
		return rc;
	return cryo_rke2_journal_load(j, err);
}

bool rke2_journal_has_begun(const struct cryo_rke2_journal *j, const char *list, size_t step)
{
	char key[64];

	step_key(key, list, step);
	return json_object_get(j->begun, key) != NULL;
}

bool rke2_journal_has_ended(const struct cryo_rke2_journal *j, const char *list, size_t step)
{
	char key[64];

	step_key(key, list, step);
	return json_object_get(j->results, key) != NULL;
}

const json_t *rke2_journal_result(const struct cryo_rke2_journal *j, size_t step)
{
	char key[64];

	step_key(key, "install", step);
	return json_object_get(j->results, key);
}
