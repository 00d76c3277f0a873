/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NEWEST 8

/* Old and new style of events fill in different fields. RFC 3339 in UTC sorts as text. */
static const char *get_event_time(const json_t *event)
{
	static const char *const field[] = { "series.lastObservedTime", "lastTimestamp",
					     "eventTime", "metadata.creationTimestamp" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(field); i++)
		if (cryo_json_str(event, field[i]))
			return cryo_json_str(event, field[i]);
	return "";
}

static int compare_event_times(const void *a, const void *b)
{
	return strcmp(get_event_time(*(json_t *const *)a), get_event_time(*(json_t *const *)b));
}

static void add_event_line(struct cryo_str *out, const json_t *event)
{
	const char *type = cryo_json_str(event, "type"), *reason = cryo_json_str(event, "reason");
	const char *message = cryo_json_str(event, "message");
	int64_t count = cryo_json_int(event, "count", cryo_json_int(event, "series.count", 1));
	cryo_auto(cryo_free) char *line = cryo_kube_first_line(message ? message : "");

	cryo_str_addf(out, "%s%s %s: %s", out->len ? "\n" : "", type ? type : "Event",
		      reason ? reason : "?", line);
	if (count > 1)
		cryo_str_addf(out, " (%" PRId64 " times)", count);
}

static void add_newest_events(struct cryo_str *out, const json_t *items)
{
	size_t n = json_array_size(items);
	cryo_auto(cryo_free) const json_t **sorted = cryo_alloc((n + 1) * sizeof(*sorted));

	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(items, i);
	qsort(sorted, n, sizeof(*sorted), compare_event_times);
	for (size_t i = n > NEWEST ? n - NEWEST : 0; i < n; i++)
		add_event_line(out, sorted[i]);
}

char *cryo_kube_events(struct cryo_kube *k, const char *ns, const char *kind, const char *name)
{
	/* Events of objects without a namespace are kept in "default". */
	const struct cryo_kube_ref ref = { "events", ns ? ns : "default", NULL };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	cryo_auto(cryo_free) char *selector =
	    cryo_asprintf("involvedObject.kind=%s,involvedObject.name=%s", kind, name);
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str out = { 0 };

	if (cryo_kube_path(k, &ref, &path, &ignored) == 0) {
		cryo_kube_query(&path, "fieldSelector", selector);
		if (cryo_kube_raw(k, NULL, path.p, NULL, 0, &list, &ignored) == 0)
			add_newest_events(&out, cryo_json_at(list, "items"));
	}
	return cryo_str_detach(&out);
}
