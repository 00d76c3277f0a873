/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/install.h"

#include "conf/json.h"
#include "rke2/digest.h"
#include "rke2/step.h"
#include "sys/fs.h"

#include <string.h>

struct status_look {
	const struct cryo_rke2_node *n;
	const struct cryo_rke2_journal *j;
	json_t *out, *notes, *programs;
	bool drifted;
};

static void add_status_note(struct status_look *l, const char *fmt, ...) CRYO_PRINTF(2, 3);
static void add_status_note(struct status_look *l, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	json_array_append_new(l->notes, json_string(text));
}

/* Digest of the release's own program: of the kept copy, or of what was replaced. */
static const char *original_digest(const struct cryo_rke2_journal *j, const char *name)
{
	cryo_auto(cryo_free) char *key = cryo_asprintf("bin/%s", name);
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(j->plan, "steps"), i, step) {
		const json_t *kept = json_object_get(rke2_journal_result(j, i), key);
		const json_t *was = json_object_get(json_object_get(step, "before"), name);

		if (cryo_streq(cryo_json_str(step, "kind"), "keep") && kept)
			return cryo_json_str(kept, "sha256");
		if (cryo_streq(cryo_json_str(step, "kind"), "swap") && was)
			return cryo_json_str(was, "sha256");
	}
	return NULL;
}

static const char *ours_digest(const struct cryo_rke2_journal *j, const char *name)
{
	json_t *product;
	size_t i;

	json_array_foreach(json_object_get(j->plan, "products"), i, product)
		if (!cryo_json_bool(product, "image") &&
		    cryo_streq(cryo_json_str(product, "name"), name))
			return cryo_json_str(product, "sha256");
	return NULL;
}

static const char *name_content(const struct cryo_rke2_journal *j, const char *name,
				const char *path)
{
	char now[CRYO_HASH_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *original = original_digest(j, name);

	if (cryo_rke2_digest(path, now, &ignored) < 0)
		return "missing";
	if (cryo_streq(now, ours_digest(j, name)))
		return "ours";
	/* Without a journal all there is counts as the release's. */
	return !j->plan || cryo_streq(now, original) ? "original" : "other";
}

static json_t *list_running(const struct status_look *l, const char *name)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->n->n_processes; i++) {
		const struct cryo_rke2_process *p = &l->n->process[i];
		cryo_auto(cryo_free) char *exe =
		    cryo_asprintf("%s/proc/%d/exe", l->n->root, (int)p->pid);

		const char *what = name_content(l->j, name, exe);

		/* Without a journal all that runs from the current release counts as its own. */
		if (!l->j->plan && (!l->n->bin || !cryo_starts_with(p->exe, l->n->bin)))
			what = "other";
		if (strcmp(p->name, name) == 0)
			json_array_append_new(
			    all, json_pack("{si ss}", "pid", (int)p->pid, "what", what));
	}
	return all;
}

static void add_program(struct status_look *l, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/bin/%s", l->n->data_dir, name);
	const char *disk = name_content(l->j, name, path);

	json_array_append_new(l->programs, json_pack("{ss ss so}", "name", name, "disk", disk,
						     "running", list_running(l, name)));
	if (l->j->state == CRYO_RKE2_INSTALLED && strcmp(disk, "ours") != 0)
		l->drifted = true;
}

static void list_programs(struct status_look *l)
{
	static const char *const usual[] = { "containerd", "containerd-shim-runc-v2",
					     "ctr",	   "runc",
					     "kubelet",	   "kubectl",
					     "crictl" };
	json_t *product;
	size_t i;

	json_array_foreach(json_object_get(l->j->plan, "products"), i, product)
		if (!cryo_json_bool(product, "image") &&
		    !strchr(cryo_json_str(product, "name"), '/'))
			add_program(l, cryo_json_str(product, "name"));
	for (i = 0; !l->j->plan && i < CRYO_ARRAY_LEN(usual); i++)
		add_program(l, usual[i]);
}

static void compare_node(struct status_look *l)
{
	const char *release = cryo_json_str(l->j->plan, "node.release");
	const char *into = cryo_json_str(l->j->plan, "into");

	if (release && l->n->release && strcmp(release, l->n->release) != 0) {
		l->drifted = true;
		add_status_note(
		    l,
		    "RKE2 is %s now, it was %s at the install: install again, or roll "
		    "back, which needs the new release's runtime image on the node or in "
		    "a registry",
		    l->n->release, release);
	}
	if (into && !cryo_streq(into, l->n->current)) {
		l->drifted = true;
		add_status_note(l, "'%s/bin' points to '%s', our programs are in '%s'%s",
				l->n->data_dir, l->n->current ? l->n->current : "nothing", into,
				l->n->pid ? "" : " (the service is not running)");
	}
}

static int compare_files(struct status_look *l, struct cryo_err *err)
{
	json_t *changes = NULL;
	int rc;

	if (!l->j->plan)
		return 0;
	rc = cryo_rke2_changes(l->j, &changes, err);
	if (rc < 0)
		return rc;
	l->drifted = l->drifted || json_array_size(changes) > 0 || !cryo_rke2_is_whole(l->j);
	json_object_set_new(l->out, "changes", changes);
	if (l->j->state == CRYO_RKE2_INSTALLED)
		compare_node(l);
	return 0;
}

/* Sandboxes whose shim is not the one that new pods get. */
static void note_old_shims(struct status_look *l)
{
	cryo_auto(cryo_strv_release) struct cryo_strv old = { 0 };
	cryo_auto(cryo_free) char *all = NULL;

	for (size_t i = 0; i < l->n->shims.n; i++)
		if (cryo_rke2_node_shim_is_old(l->n, i))
			cryo_strv_add(&old, l->n->pods.v[i]);
	all = cryo_strv_join(&old, ", ");
	if (old.n)
		add_status_note(l, "pods that keep the previous shim until they are restarted: %s",
				all);
}

static void pack_status(struct status_look *l)
{
	const json_t *plan = l->j->plan;
	bool drifted = l->j->state == CRYO_RKE2_INSTALLED && l->drifted;

	json_object_set_new(l->out, "state",
			    json_string(drifted ? "drifted" : cryo_rke2_state_name(l->j->state)));
	if (plan) {
		json_object_set(l->out, "method", json_object_get(plan, "method"));
		json_object_set(l->out, "build", json_object_get(plan, "build"));
	}
	json_object_set_new(l->out, "node",
			    json_pack("{ss ss* ss ss* ss ss* sb}", "role", l->n->role, "release",
				      l->n->release, "unit", l->n->unit, "name", l->n->name,
				      "dataDir", l->n->data_dir, "current", l->n->current,
				      "running", l->n->pid != 0));
}

int cryo_rke2_status(const char *root, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	cryo_auto(cryo_json_decref) json_t *all = json_object();
	struct status_look l = { .n = &n, .j = &j, .out = all };
	int rc = cryo_rke2_node_look(root, &n, err);

	if (rc == 0)
		rc = cryo_rke2_journal_load(&j, err);
	if (rc < 0)
		return rc;
	l.notes = json_array();
	l.programs = json_array();
	json_object_set_new(all, "programs", l.programs);
	json_object_set_new(all, "notes", l.notes);
	list_programs(&l);
	rc = compare_files(&l, err);
	if (rc < 0)
		return rc;
	note_old_shims(&l);
	pack_status(&l);
	cryo_rke2_digests_save();
	*out = json_incref(all);
	return 0;
}
