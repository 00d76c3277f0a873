/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/intr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_MAX_BYTES ((size_t)8 << 20)
#define LOOK_MS		10000
#define LOOK_LEAST_MS	1000
#define WATCH_S		300 /* then a new one: a connection that died in silence ends here */
#define PAUSE_MS	200 /* before asking again after trouble */

struct watch {
	struct cryo_kube *k;
	const struct cryo_kube_ref *ref;
	cryo_kube_test test;
	void *arg;
	int64_t deadline;
	json_t *last;
	char *version; /* watch from here; NULL: look first */
	char *why;
	int verdict; /* of the test: 1 holds, 0 not yet; negative: err is set */
	struct cryo_err *err;
};

static void watch_releasep(struct watch *w)
{
	json_decref(w->last);
	free(w->version);
	free(w->why);
}

static void replace_watch_text(char **where, const char *text)
{
	free(*where);
	*where = cryo_strdup(text);
}

/* The object changed (NULL: it is not there). Keeps a reference. */
static void judge_watched_object(struct watch *w, json_t *object)
{
	json_decref(w->last);
	w->last = json_incref(object);
	replace_watch_text(&w->why, NULL);
	w->verdict = w->test(object, w->arg, &w->why, w->err);
}

static int make_selected_path(struct watch *w, struct cryo_str *path, struct cryo_err *err)
{
	const struct cryo_kube_ref all = { w->ref->resource, w->ref->ns, NULL };
	cryo_auto(cryo_free) char *selector = cryo_asprintf("metadata.name=%s", w->ref->name);
	int rc = cryo_kube_path(w->k, &all, path, err);

	cryo_kube_query(path, "fieldSelector", selector);
	return rc;
}

static int64_t compute_watch_time(const struct watch *w, int64_t most)
{
	int64_t left = w->deadline - cryo_now_ms();

	return left < 1 ? 1 : left < most ? left : most;
}

static bool is_watched_object(const struct watch *w, const json_t *object)
{
	return cryo_streq(cryo_json_str(object, "metadata.name"), w->ref->name);
}

/* As a list, even of one: it has a version to watch from also when the object is not there. */
static int list_watched_object(struct watch *w, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	int64_t limit = compute_watch_time(w, LOOK_MS);
	json_t *items, *item = NULL;
	int rc = make_selected_path(w, &path, err);

	/* Also without any time left: then it is one look. */
	if (limit < LOOK_LEAST_MS)
		limit = LOOK_LEAST_MS;
	if (rc == 0)
		rc = cryo_kube_raw(w->k, NULL, path.p, NULL, limit, &list, err);
	if (rc < 0)
		return rc;
	items = cryo_kube_items(list);
	replace_watch_text(&w->version, cryo_json_str(list, "metadata.resourceVersion"));
	if (!items || !w->version) {
		cryo_err_set(err, CRYO_E_REMOTE, "the server's answer is not a list of %s",
			     w->ref->resource);
		err->http_code = 200;
		return -(int)CRYO_E_REMOTE;
	}
	for (size_t i = 0; i < json_array_size(items) && !item; i++)
		if (is_watched_object(w, json_array_get(items, i)))
			item = json_array_get(items, i);
	judge_watched_object(w, item);
	return 0;
}

static void take_watch_event(struct watch *w, const char *type, json_t *object)
{
	const char *version = cryo_json_str(object, "metadata.resourceVersion");

	/* ERROR, or a version that got too old: look again. */
	if (!version || cryo_streq(type, "ERROR")) {
		replace_watch_text(&w->version, NULL);
		return;
	}
	replace_watch_text(&w->version, version);
	if (cryo_streq(type, "BOOKMARK") || !is_watched_object(w, object))
		return;
	judge_watched_object(w, cryo_streq(type, "DELETED") ? NULL : object);
}

static int report_bad_event(struct watch *w)
{
	w->verdict = cryo_err_set(w->err, CRYO_E_REMOTE,
				  "the server's watch of %s is not JSON, or too large",
				  w->ref->resource);
	return 1;
}

static int watch_on_event(const char *line, size_t n, void *arg)
{
	struct watch *w = arg;
	cryo_auto(cryo_json_decref) json_t *event = json_loadb(line, n, 0, NULL);
	const char *type = cryo_json_str(event, "type");

	if (!type)
		return report_bad_event(w);
	take_watch_event(w, type, json_object_get(event, "object"));
	return w->verdict != 0 || !w->version;
}

static int watch_on_data(const char *data, size_t n, void *arg)
{
	struct cryo_kube_lines *l = arg;
	int rc = cryo_kube_lines_add(l, data, n);

	return rc == 0 && l->cut ? report_bad_event(l->arg) : rc;
}

static int watch_for_events(struct watch *w, struct cryo_err *err)
{
	struct cryo_kube_lines lines = { .max = EVENT_MAX_BYTES,
					 .on_line = watch_on_event,
					 .arg = w };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	struct cryo_http_req req = { .timeout_ms = compute_watch_time(w, INT64_MAX),
				     .on_data = watch_on_data,
				     .on_data_arg = &lines };
	int rc = make_selected_path(w, &path, err);

	cryo_str_addf(&path, "&watch=true&allowWatchBookmarks=true&timeoutSeconds=%d", WATCH_S);
	cryo_kube_query(&path, "resourceVersion", w->version);
	req.path = path.p;
	if (rc == 0)
		rc = cryo_kube_do(w->k, &req, &resp, err);
	cryo_str_release(&lines.partial);
	return rc;
}

/* Trouble that passes: a server that restarts, is busy, or forgot the version. */
static bool is_passing_trouble(int rc, const struct cryo_err *err)
{
	int code = err->http_code;

	return rc == -CRYO_E_TIMEOUT ||
	       (rc == -CRYO_E_REMOTE &&
		(code == 0 || code == 408 || code == 410 || code == 429 || code >= 500));
}

/* One look or one watch. 0, also after trouble that passes. */
static int look_or_watch_once(struct watch *w, struct cryo_err *err)
{
	struct cryo_err trouble = CRYO_ERR_INIT;
	int rc = w->version ? watch_for_events(w, &trouble) : list_watched_object(w, &trouble);

	if (rc < 0 && !is_passing_trouble(rc, &trouble)) {
		*err = trouble;
		return rc;
	}
	if (rc == -CRYO_E_REMOTE) {
		replace_watch_text(&w->why, trouble.msg);
		replace_watch_text(&w->version, NULL);
	}
	/* A server that ends each watch at once must not keep us busy. */
	return w->verdict == 0 ? cryo_intr_sleep(compute_watch_time(w, PAUSE_MS), err) : 0;
}

static int report_wait_timeout(const struct watch *w, int64_t timeout_ms, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *noun = cryo_kube_noun(w->ref->resource);
	cryo_auto(cryo_free) char *shown = cryo_duration_show(timeout_ms);

	return cryo_err_set(err, CRYO_E_TIMEOUT, "waited %s for %s '%s': %s", shown, noun,
			    w->ref->name, w->why ? w->why : "not yet");
}

int cryo_kube_wait(struct cryo_kube *k, const struct cryo_kube_ref *ref, cryo_kube_test test,
		   void *arg, int64_t timeout_ms, json_t **last, struct cryo_err *err)
{
	cryo_auto(watch_release) struct watch w = { .k = k,
						    .ref = ref,
						    .test = test,
						    .arg = arg,
						    .deadline = cryo_now_ms() + timeout_ms,
						    .err = err };
	/* The first look must succeed: a server that was never there will not come. */
	int rc = list_watched_object(&w, err);

	while (rc == 0 && w.verdict == 0 && cryo_now_ms() < w.deadline)
		rc = look_or_watch_once(&w, err);
	if (rc == 0 && w.verdict == 0)
		rc = report_wait_timeout(&w, timeout_ms, err);
	if (rc == 0 && w.verdict < 0)
		rc = w.verdict;
	if (last)
		*last = cryo_steal(&w.last);
	return rc;
}
