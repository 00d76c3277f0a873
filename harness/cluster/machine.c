/* SPDX-License-Identifier: Apache-2.0 */
/* What all checks of a machine share; which there are is a matter of the kind of cluster. */
#include "cluster/machine.h"

#include "cluster/kind.h"
#include "cluster/machine_checks.h"

#include <stdlib.h>
#include <string.h>

static void look_at_machine_tools(struct machine_look *k)
{
	for (int cgo = 0; cgo < 2; cgo++)
		k->tool_rc[cgo] = cryo_toolchain_find(cgo, &k->tool[cgo], &k->tool_err[cgo]);
}

/* A plan that fails because this machine is not fit is a finding, anything else is an error. */
static int look_at_machine_stack(struct machine_look *k, struct cryo_err *err)
{
	int rc = cryo_stack_load(k->m->stack, &k->stack, err);

	if (rc < 0)
		return rc;
	k->plan_rc = cryo_build_plan_nodes(&k->stack, &k->build, &k->plan_err);
	if (k->plan_rc < 0 && k->plan_rc != -(int)CRYO_E_UNFIT) {
		*err = k->plan_err;
		return k->plan_rc;
	}
	k->complete = k->plan_rc == 0;
	for (size_t i = 0; i < k->build.n; i++)
		k->complete &= k->build.item[i].up_to_date;
	return 0;
}

static void look_release(struct machine_look *k)
{
	free(k->release);
	cryo_build_release(&k->build);
	cryo_stack_release(&k->stack);
	cryo_toolchain_release(&k->tool[0]);
	cryo_toolchain_release(&k->tool[1]);
}
#define look_releasep look_release

static int find_machine_checks(const struct cryo_machine *m, const struct machine_check_row **out,
			       struct cryo_err *err)
{
	const struct cryo_cluster_ops *ops;
	int rc = cryo_cluster_find_kind(m->kind, &ops, err);

	if (rc == 0 && !ops->checks)
		return cryo_cluster_lacks(ops, "checks of this machine", err);
	if (rc == 0)
		*out = ops->checks;
	return rc;
}

static const char *name_cluster_state(const char *name)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_cluster_open(NULL, name, &t, &ignored) < 0 ? "damaged" : cryo_cluster_state(t);
}

static void check_known_clusters(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 }, list = { 0 };
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)k;
	if (cryo_cluster_list(&names, &err) < 0) {
		machine_say(f, CRYO_VERDICT_NOTE, NULL, "%s", err.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		cryo_strv_addf(&list, "%s (%s)", names.v[i], name_cluster_state(names.v[i]));
	text = cryo_strv_join(&list, ", ");
	machine_say(f, CRYO_VERDICT_OK, NULL, "%s", list.n ? text : "none");
}

static void run_machine_check(struct cryo_machine *m, struct machine_look *k,
			      const struct machine_check_row *row)
{
	struct cryo_finding *f = &m->finding[m->n++];

	f->check = row->name;
	row->run(k, f);
}

int cryo_machine_check(struct cryo_machine *m, struct cryo_err *err)
{
	static const struct machine_check_row clusters = { "clusters", check_known_clusters };
	cryo_auto(look_release) struct machine_look k = { .m = m };
	const struct machine_check_row *checks = NULL;
	size_t n = 0;
	int rc = find_machine_checks(m, &checks, err);

	if (rc == 0)
		rc = look_at_machine_stack(&k, err);
	if (rc < 0)
		return rc;
	while (checks[n].name)
		n++;
	look_at_machine_tools(&k);
	k.release = machine_proc(&k, "sys/kernel/osrelease");
	k.release[strcspn(k.release, "\n")] = '\0';
	m->finding = cryo_alloc((n + 1) * sizeof(*m->finding));
	for (size_t i = 0; i < n; i++)
		run_machine_check(m, &k, &checks[i]);
	run_machine_check(m, &k, &clusters);
	return 0;
}

size_t cryo_machine_count(const struct cryo_machine *m, enum cryo_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->finding[i].verdict == verdict;
	return n;
}

const char *cryo_verdict_name(enum cryo_verdict verdict)
{
	static const char *const name[] = { "ok", "note", "fail" };

	return name[verdict];
}

json_t *cryo_machine_json(const struct cryo_machine *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n; i++) {
		const struct cryo_finding *f = &m->finding[i];

		json_array_append_new(list, json_pack("{ss ss ss ss?}", "check", f->check,
						      "verdict", cryo_verdict_name(f->verdict),
						      "detail", f->detail, "fix", f->fix));
	}
	return json_pack("{sb ss so}", "fit", cryo_machine_count(m, CRYO_VERDICT_FAIL) == 0,
			 "stack", m->stack, "checks", list);
}

void cryo_machine_release(struct cryo_machine *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->finding[i].detail);
		free(m->finding[i].fix);
	}
	free(m->finding);
	m->finding = NULL;
	m->n = 0;
}
