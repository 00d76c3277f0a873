/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables today keeps its rules as nftables', in a form of its own. CRIU takes all of
 * them for nftables' rules; restored they work, but iptables refuses to touch them
 * ("table `nat' is incompatible"), and with it whoever uses it: the portmap plugin of
 * hostPorts, kube-proxy where it has no nftables, network plugins that people bring. So
 * they are put away before a dump, as text, and come back after a restore.
 */
#include "cluster/local/local.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <string.h>
#include <unistd.h>

#define RULES_MS  10000
#define MAX_RULES (4u << 20)

/* The files are in the node's state, which goes with a template or snapshot. */
static const struct {
	const char *save, *restore, *kept, *none;
} family[] = {
	{ "iptables-save", "iptables-restore", "iptables.rules", "iptables.none" },
	{ "ip6tables-save", "ip6tables-restore", "ip6tables.rules", "ip6tables.none" },
};

static char *make_state_path(const struct local *l, const char *file)
{
	return cryo_asprintf("%s/%s", l->node->state, file);
}

void local_rules_nothing(const char *saved, struct cryo_str *out)
{
	for (const char *at = saved; *at; at += strcspn(at, "\n"), at += *at != 0)
		if (*at == '*')
			cryo_str_addf(out, "%.*s\nCOMMIT\n", (int)strcspn(at, "\n"), at);
}

static int restore_rules_file(const struct local *l, const char *program, const char *file,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf(LOCAL_STATE "/%s", file);
	cryo_auto(cryo_free) char *own = make_state_path(l, file);
	const char *const argv[] = { program, path, NULL };
	int rc = local_run(l, l->node, argv, cryo_limit_ms(RULES_MS), NULL, err);

	if (rc == 0)
		unlink(own);
	return rc;
}

static int put_text(const struct local *l, const char *file, const struct cryo_str *text,
		    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = make_state_path(l, file);

	return cryo_fs_write(path, text->p, text->len, 0600, err);
}

/* Nothing to say: there are none, or the node has no such program. Output appended. */
static void read_rules(const struct local *l, const char *program, struct cryo_str *out)
{
	const struct cryo_cluster_node *node = &l->base.node[0];
	const char *const argv[] = { program, NULL };
	const struct cryo_exec x = { .argv = argv,
				     .timeout_ms = cryo_limit_ms(RULES_MS),
				     .capture_max = MAX_RULES };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (local_exec((struct cryo_cluster *)&l->base, node, &x, &res, &ignored) == 0)
		cryo_str_add(out, cryo_str_get(&res.out));
}

int local_rules_put_away(const struct local *l, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(family); i++) {
		cryo_auto(cryo_str_release) struct cryo_str saved = { 0 }, nothing = { 0 };

		read_rules(l, family[i].save, &saved);
		local_rules_nothing(cryo_str_get(&saved), &nothing);
		if (nothing.len == 0)
			continue;
		rc = put_text(l, family[i].kept, &saved, err);
		if (rc == 0)
			rc = put_text(l, family[i].none, &nothing, err);
		if (rc == 0)
			rc = restore_rules_file(l, family[i].restore, family[i].none, err);
	}
	return cryo_err_wrap(err, rc, "rules of iptables");
}

/* Without them the node works but for what they were made for. */
void local_rules_bring_back(const struct local *l)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(family); i++) {
		cryo_auto(cryo_free) char *path = make_state_path(l, family[i].kept);
		struct cryo_err err = CRYO_ERR_INIT;

		if (cryo_fs_exists(path) &&
		    restore_rules_file(l, family[i].restore, family[i].kept, &err) < 0)
			cryo_warn(
			    "rules of %s did not come back (they are in the node, " LOCAL_STATE
			    "/%s): %s",
			    family[i].save, family[i].kept, err.msg);
	}
}
