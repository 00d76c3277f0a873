/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/wire.h"

#include "base/text.h"
#include "conf/json.h"

#include <string.h>

/* A line must fit into what sys/proc.h hands over in one piece, whatever is escaped in it. */
#define MAX_TEXT 8000

static const char *const event_names[] = {
	[CRYO_EVENT_BEGIN] = "begin", [CRYO_EVENT_NOTE] = "note", [CRYO_EVENT_OK] = "ok",
	[CRYO_EVENT_SAME] = "same",   [CRYO_EVENT_FAIL] = "fail", [CRYO_EVENT_SKIP] = "skip",
	[CRYO_EVENT_INFO] = "info",   [CRYO_EVENT_WARN] = "warn", [CRYO_EVENT_DEBUG] = "debug",
};

static const char *const outcome_names[] = { "passed", "failed", "skipped" };

static const char *const status_names[] = {
	[CRYO_OK] = "ok",
	[CRYO_E_CHECK] = "check",
	[CRYO_E_USAGE] = "usage",
	[CRYO_E_CONFIG] = "config",
	[CRYO_E_UNFIT] = "unfit",
	[CRYO_E_PROVISION] = "provision",
	[CRYO_E_TIMEOUT] = "timeout",
	[CRYO_E_TAMPER] = "tamper",
	[CRYO_E_INTERRUPTED] = "interrupted",
	[CRYO_E_SYSTEM] = "system",
	[CRYO_E_CHILD] = "child",
	[CRYO_E_REMOTE] = "remote",
};

static const char *name_outcome(enum cryo_outcome outcome)
{
	return outcome_names[outcome];
}

static int find_wire_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

static json_t *convert_text_to_json(const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str clean = { 0 }, cut = { 0 };

	if (!text)
		return json_null();
	cryo_text_clean(&clean, text);
	if (clean.len <= MAX_TEXT)
		return json_string(cryo_str_get(&clean));
	cryo_text_cut(&cut, clean.p, MAX_TEXT / 4);
	return json_string(cryo_str_get(&cut));
}

static void add_wire_line(json_t *j, struct cryo_str *out)
{
	cryo_json_dump(j, out);
	cryo_str_add(out, "\n");
	json_decref(j);
}

void cryo_wire_event(const struct cryo_event *ev, struct cryo_str *out)
{
	json_t *j = json_pack("{ss}", "event", event_names[ev->kind]);

	if (ev->lane > 0)
		json_object_set_new(j, "lane", json_integer(ev->lane));
	json_object_set_new(j, "depth", json_integer(ev->depth));
	if (*ev->what)
		json_object_set_new(j, "what", convert_text_to_json(ev->what));
	if (*ev->detail)
		json_object_set_new(j, "detail", convert_text_to_json(ev->detail));
	if (cryo_event_ends(ev->kind) && ev->kind != CRYO_EVENT_SKIP)
		json_object_set_new(j, "ms", json_integer(ev->ms));
	add_wire_line(j, out);
}

static json_t *convert_failure_to_json(const struct cryo_err *err)
{
	return json_pack("{ss so si si si}", "status", status_names[err->status], "message",
			 convert_text_to_json(err->msg), "errno", err->sys_errno, "httpCode",
			 err->http_code, "signal", err->signal);
}

static json_t *convert_secrecy_to_json(const struct cryo_secrecy *s)
{
	return json_pack("{sb sb sI sI sb sb}", "plain", s->plain, "sealed", s->sealed,
			 "plainTimes", (json_int_t)s->plain_times, "images", (json_int_t)s->images,
			 "refused", s->refused, "opened", s->opened);
}

static void set_json_text(json_t *j, const char *key, const char *text)
{
	if (text)
		json_object_set_new(j, key, convert_text_to_json(text));
}

static void set_json_millis(json_t *j, const char *key, int64_t ms)
{
	if (ms >= 0)
		json_object_set_new(j, key, json_integer(ms));
}

void cryo_wire_result(const struct cryo_scenario_result *r, struct cryo_str *out)
{
	json_t *j = json_object();

	set_json_text(j, "name", r->name);
	json_object_set_new(j, "outcome", json_string(name_outcome(r->outcome)));
	set_json_millis(j, "ms", r->ms);
	json_object_set_new(j, "steps", json_integer((json_int_t)r->steps));
	if (r->outcome != CRYO_PASSED)
		json_object_set_new(j, "failure", convert_failure_to_json(&r->err));
	set_json_text(j, "kept", r->kept);
	set_json_text(j, "cluster", r->cluster);
	set_json_millis(j, "upMs", r->up_ms);
	set_json_millis(j, "checkpointMs", r->checkpoint_ms);
	set_json_millis(j, "restoreMs", r->restore_ms);
	set_json_text(j, "node", r->node);
	set_json_text(j, "archive", r->archive);
	if (r->archive)
		json_object_set_new(j, "archiveBytes", json_integer((json_int_t)r->archive_bytes));
	json_object_set_new(j, "secrecy", convert_secrecy_to_json(&r->secrecy));
	if (r->judged)
		json_object_set_new(j, "continuity", cryo_continuity_json(&r->continuity));
	add_wire_line(json_pack("{so}", "result", j), out);
}

static const char *read_text_or_empty(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static int read_wire_event(const json_t *j, struct cryo_event *ev, struct cryo_err *err)
{
	int kind =
	    find_wire_name(event_names, CRYO_ARRAY_LEN(event_names), cryo_json_str(j, "event"));
	int64_t depth = cryo_json_int(j, "depth", -1), lane = cryo_json_int(j, "lane", 0),
		ms = cryo_json_int(j, "ms", 0);

	if (kind < 0 || depth < 0 || depth > 100 || lane < 0 || lane > 1000000 || ms < 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "this is not an event");
	*ev = (struct cryo_event){ .kind = (enum cryo_event_kind)kind,
				   .what = read_text_or_empty(j, "what"),
				   .detail = read_text_or_empty(j, "detail"),
				   .ms = ms,
				   .depth = (unsigned)depth,
				   .lane = (unsigned)lane };
	return 0;
}

static void read_wire_failure(const json_t *j, struct cryo_err *out)
{
	int status =
	    find_wire_name(status_names, CRYO_ARRAY_LEN(status_names), cryo_json_str(j, "status"));

	if (!j)
		return;
	cryo_err_set(out, status < 0 ? CRYO_E_CHECK : (enum cryo_status)status, "%s",
		     read_text_or_empty(j, "message"));
	out->sys_errno = (int)cryo_json_int(j, "errno", 0);
	out->http_code = (int)cryo_json_int(j, "httpCode", 0);
	out->signal = (int)cryo_json_int(j, "signal", 0);
}

static void read_wire_secrecy(const json_t *j, struct cryo_secrecy *out)
{
	out->plain = cryo_json_bool(j, "plain");
	out->sealed = cryo_json_bool(j, "sealed");
	out->plain_times = (uint64_t)cryo_json_int(j, "plainTimes", 0);
	out->images = (size_t)cryo_json_int(j, "images", 0);
	out->refused = cryo_json_bool(j, "refused");
	out->opened = cryo_json_bool(j, "opened");
}

/* What reports tell of it, not all of it. */
static bool read_wire_continuity(const json_t *j, struct cryo_continuity *out)
{
	const char *reason = cryo_json_str(j, "reason"), *nonce = read_text_or_empty(j, "nonce"),
		   *text = read_text_or_empty(j, "text");

	if (!reason)
		return false;
	out->reason = CRYO_CONTINUITY_UNPARSABLE;
	for (int i = 0; i < CRYO_CONTINUITY_UNPARSABLE; i++)
		if (strcmp(reason, cryo_continuity_reason_name((enum cryo_continuity_reason)i)) ==
		    0)
			out->reason = (enum cryo_continuity_reason)i;
	memcpy(out->nonce, nonce, strnlen(nonce, sizeof(out->nonce) - 1));
	memcpy(out->text, text, strnlen(text, sizeof(out->text) - 1));
	return true;
}

static int read_wire_result(const json_t *j, struct cryo_scenario_result *r, struct cryo_err *err)
{
	int outcome = find_wire_name(outcome_names, CRYO_ARRAY_LEN(outcome_names),
				     cryo_json_str(j, "outcome"));

	if (outcome < 0 || !cryo_json_str(j, "name"))
		return cryo_err_set(err, CRYO_E_CONFIG, "this is not a result");
	*r = (struct cryo_scenario_result){
		.name = cryo_strdup(cryo_json_str(j, "name")),
		.outcome = (enum cryo_outcome)outcome,
		.ms = cryo_json_int(j, "ms", 0),
		.steps = (size_t)cryo_json_int(j, "steps", 0),
		.kept = cryo_strdup(cryo_json_str(j, "kept")),
		.cluster = cryo_strdup(cryo_json_str(j, "cluster")),
		.up_ms = cryo_json_int(j, "upMs", -1),
		.checkpoint_ms = cryo_json_int(j, "checkpointMs", -1),
		.restore_ms = cryo_json_int(j, "restoreMs", -1),
		.node = cryo_strdup(cryo_json_str(j, "node")),
		.archive = cryo_strdup(cryo_json_str(j, "archive")),
		.archive_bytes = (uint64_t)cryo_json_int(j, "archiveBytes", 0),
	};
	read_wire_failure(json_object_get(j, "failure"), &r->err);
	read_wire_secrecy(json_object_get(j, "secrecy"), &r->secrecy);
	r->judged = read_wire_continuity(json_object_get(j, "continuity"), &r->continuity);
	return 0;
}

int cryo_wire_read(const char *line, struct cryo_wire *out, struct cryo_err *err)
{
	const json_t *result;
	int rc;

	*out = (struct cryo_wire){ 0 };
	rc = cryo_json_parse("line", line, strlen(line), &out->json, err);
	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_CONFIG);
	result = json_object_get(out->json, "result");
	out->is_result = result != NULL;
	rc = result ? read_wire_result(result, &out->result, err)
		    : read_wire_event(out->json, &out->event, err);
	if (rc < 0)
		cryo_wire_release(out);
	return rc;
}

void cryo_wire_release(struct cryo_wire *w)
{
	json_decref(w->json);
	cryo_scenario_result_release(&w->result);
	*w = (struct cryo_wire){ 0 };
}
