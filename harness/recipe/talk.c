/* SPDX-License-Identifier: Apache-2.0 */
/* What a build says on its way: progress while it goes well, the cause when it does not. */
#include "recipe/gobuild.h"

#include "base/event.h"

#include <stdlib.h>
#include <string.h>

/* `go build -v` names each package that it compiles, alone on a line. */
static bool is_package_line(const char *line)
{
	return *line && !line[strcspn(line, " \t:#\"'()")];
}

static void replace_talk_text(char **text, const char *line)
{
	free(*text);
	*text = cryo_strdup(line);
}

/* "kubelet.go:7:2: undefined: x" */
static bool is_compiler_complaint(const char *line)
{
	const char *at = strstr(line, ".go:");

	return at && at[4] >= '0' && at[4] <= '9';
}

/* "go: inconsistent vendoring in DIR:", and the reason on a line of its own. */
static bool complete_talk_cause(struct cryo_build_talk *t, const char *line)
{
	cryo_auto(cryo_free) char *both = NULL;

	if (!t->cause || !cryo_ends_with(t->cause, ":"))
		return false;
	both = cryo_asprintf("%s %s", t->cause, line + strspn(line, " \t"));
	replace_talk_text(&t->cause, both);
	return true;
}

/* The first complaint is the cause, unless Go itself says in the end what is wrong. */
static void look_for_build_cause(struct cryo_build_talk *t, const char *line)
{
	if (complete_talk_cause(t, line))
		return;
	if (cryo_starts_with(line, "go: "))
		replace_talk_text(&t->cause, line);
	else if (!t->cause && (t->cause_next || is_compiler_complaint(line)))
		replace_talk_text(&t->cause, line);
	t->cause_next = cryo_starts_with(line, "# ");
}

void cryo_build_hear(const char *line, int stream, void *talk)
{
	struct cryo_build_talk *t = talk;

	(void)stream;
	if (is_package_line(line)) {
		t->packages++;
		cryo_step_note("%s: %u package%s, %s%s", t->prefix, t->packages,
			       t->packages == 1 ? "" : "s", line, t->suffix);
		return;
	}
	if (cryo_starts_with(line, "go: downloading ")) {
		cryo_step_note("%s: %s%s", t->prefix, line + strlen("go: "), t->suffix);
		return;
	}
	replace_talk_text(&t->tail[t->lines++ % CRYO_TAIL], line);
	look_for_build_cause(t, line);
}

static void show_build_log_tail(const struct cryo_build_talk *t)
{
	unsigned n = t->lines < CRYO_TAIL ? t->lines : CRYO_TAIL;

	for (unsigned i = t->lines - n; i < t->lines; i++)
		cryo_warn("%s", t->tail[i % CRYO_TAIL]);
}

/* "a.go:1:2: module lookup disabled by GOPROXY=off": what a run offline looks like. */
static char *explain_offline_cause(const char *cause)
{
	const char *off = strstr(cause, ": module lookup disabled by GOPROXY=off");

	if (!off)
		return NULL;
	return cryo_asprintf("a required module is not in Go's module cache, and --offline forbids "
			     "fetching it: %.*s",
			     (int)(off - cause), cause);
}

/* "go: download go1.99.0: …": what a source that is too new for this machine looks like. */
static char *explain_old_go_cause(const char *cause)
{
	static const char download[] = "go: download go";
	const char *version = cause + strlen(download) - strlen("go"), *why;

	if (!cryo_starts_with(cause, download) || !(why = strstr(version, ": ")))
		return NULL;
	return cryo_asprintf(
	    "the source requires %.*s, newer than the installed Go, and it cannot be fetched%s",
	    (int)(why - version), version, why);
}

static char *explain_build_cause(const char *cause)
{
	char *text = explain_old_go_cause(cause);

	if (!text)
		text = explain_offline_cause(cause);
	return text ? text : cryo_strdup(cause);
}

int cryo_build_explain(const struct cryo_build_talk *t, const char *log, int rc,
		       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = explain_build_cause(t->cause ? t->cause : err->msg);

	if (rc == 0 || err->status != CRYO_E_CHILD)
		return rc;
	show_build_log_tail(t);
	return cryo_err_set(err, CRYO_E_PROVISION, "%s (log: %s)", text, log);
}

void cryo_build_talk_release(struct cryo_build_talk *t)
{
	for (size_t i = 0; i < CRYO_TAIL; i++)
		free(t->tail[i]);
	free(t->cause);
	*t = (struct cryo_build_talk){ 0 };
}
