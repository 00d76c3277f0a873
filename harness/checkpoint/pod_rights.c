/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_rights.h"

#include "checkpoint/pod_rules.h"

#include <string.h>
#include <strings.h>

#define ANY	    -1
#define KEEP_CAPS   (1u << 4) /* of securebits: any process may set it */
#define CAP_SETPCAP 8
#define BIT(cap)    ((uint64_t)1 << (cap))

/* What containerd gives where a spec says nothing; CRI-O gives some of these. */
static const char *const usual_caps[] = {
	"CHOWN",   "DAC_OVERRIDE", "FSETID",	       "FOWNER",
	"MKNOD",   "NET_RAW",	   "SETGID",	       "SETUID",
	"SETFCAP", "SETPCAP",	   "NET_BIND_SERVICE", "SYS_CHROOT",
	"KILL",	   "AUDIT_WRITE"
};

/* Of one container, its own words before those of its pod. */
struct allowance {
	const json_t *own, *pod; /* securityContext; NULL: none */
	int64_t user, group;	 /* ANY: the image says */
	bool not_root, no_new_privs, seccomp, strict_groups;
	uint64_t caps, added; /* that it may have; that are named for it */
};

static const json_t *get_context_word(const struct allowance *a, const char *key)
{
	const json_t *own = json_object_get(a->own, key);

	return own && !json_is_null(own) ? own : json_object_get(a->pod, key);
}

static int64_t get_context_id(const struct allowance *a, const char *key)
{
	const json_t *id = get_context_word(a, key);

	return json_is_integer(id) ? json_integer_value(id) : ANY;
}

static bool has_cap_word(const json_t *list, const char *word)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (json_is_string(one) && strcasecmp(json_string_value(one), word) == 0)
			return true;
	return false;
}

static uint64_t get_listed_caps(const json_t *list)
{
	uint64_t set = 0;
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		int cap = json_is_string(one) ? cryo_rights_cap_find(json_string_value(one)) : -1;

		if (cap >= 0)
			set |= BIT(cap);
	}
	return set;
}

/* As containerd reads it: first ALL of both lists, then what is added, then what is dropped. */
static void read_allowed_caps(struct allowance *a)
{
	const json_t *caps = json_object_get(a->own, "capabilities");
	const json_t *add = json_object_get(caps, "add"), *drop = json_object_get(caps, "drop");
	uint64_t dropped = get_listed_caps(drop);

	for (size_t i = 0; i < CRYO_ARRAY_LEN(usual_caps); i++)
		a->caps |= BIT(cryo_rights_cap_find(usual_caps[i]));
	if (has_cap_word(add, "ALL"))
		a->caps = a->added = UINT64_MAX;
	if (has_cap_word(drop, "ALL"))
		a->caps = a->added = 0;
	a->added = (a->added | get_listed_caps(add)) & ~dropped;
	a->caps = (a->caps | a->added) & ~dropped;
}

static bool wants_seccomp(const struct allowance *a)
{
	const char *type = cryo_json_str(get_context_word(a, "seccompProfile"), "type");

	return type && strcmp(type, "Unconfined") != 0;
}

static void read_allowance(const json_t *pod, const json_t *container, struct allowance *a)
{
	*a = (struct allowance){ .own = json_object_get(container, "securityContext"),
				 .pod = cryo_json_at(pod, "spec.securityContext") };
	a->user = get_context_id(a, "runAsUser");
	a->group = get_context_id(a, "runAsGroup");
	a->not_root = a->user > 0 || json_is_true(get_context_word(a, "runAsNonRoot"));
	a->no_new_privs = json_is_false(json_object_get(a->own, "allowPrivilegeEscalation"));
	a->seccomp = wants_seccomp(a);
	a->strict_groups = cryo_streq(cryo_json_str(a->pod, "supplementalGroupsPolicy"), "Strict");
	read_allowed_caps(a);
}

static int report_excess(const struct cryo_rights_task *t, const char *what, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "its process %u%s%s%s %s (-f FILE names another spec, "
			    "--allow-privileges restores it all the same)",
			    t->pid, *t->name ? " (" : "", t->name, *t->name ? ")" : "", what);
}

static int check_users(const struct allowance *a, const struct cryo_rights_task *t,
		       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *what = NULL;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(t->uid) && !what; i++) {
		if (a->user > 0 && t->uid[i] != a->user)
			what =
			    cryo_asprintf("is user %u, and the new pod's spec says runAsUser %lld",
					  t->uid[i], (long long)a->user);
		else if (a->not_root && t->uid[i] == 0)
			what = cryo_strdup("is root, and the new pod's spec says runAsNonRoot");
	}
	return what ? report_excess(t, what, err) : 0;
}

static bool is_group_of_pod(const struct allowance *a, uint32_t gid)
{
	const json_t *one, *list = json_object_get(a->pod, "supplementalGroups");
	const json_t *fs = json_object_get(a->pod, "fsGroup");
	size_t i;

	json_array_foreach(list, i, one)
		if (json_is_integer(one) && json_integer_value(one) == gid)
			return true;
	return (json_is_integer(fs) && json_integer_value(fs) == gid) || a->group == gid;
}

/* Root may take any group; whose image says which groups a user has (policy Merge) may, too. */
static int check_groups(const struct allowance *a, const struct cryo_rights_task *t,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *what = NULL;
	uint32_t wrong = 0;
	bool found = false;

	for (size_t i = 0; a->group != ANY && i < CRYO_ARRAY_LEN(t->gid) && !found; i++)
		if (!is_group_of_pod(a, t->gid[i])) {
			wrong = t->gid[i];
			found = true;
		}
	for (size_t i = 0; a->strict_groups && i < t->groups && !found; i++)
		if (t->group[i] != t->gid[0] && !is_group_of_pod(a, t->group[i])) {
			wrong = t->group[i];
			found = true;
		}
	if (!a->not_root || !found)
		return 0;
	what = cryo_asprintf("is in group %u, which the new pod's spec does not give it", wrong);
	return report_excess(t, what, err);
}

/* "NET_ADMIN, SYS_ADMIN". Caller frees. */
static char *show_caps(uint64_t set)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	for (unsigned cap = 0; cap < 64; cap++)
		if (set & BIT(cap))
			cryo_strv_take(&names, cryo_rights_cap_name(cap));
	if (names.n > 8)
		return cryo_asprintf("%s, %s and %zu more", names.v[0], names.v[1], names.n - 2);
	return cryo_strv_join(&names, ", ");
}

/* Who begins as a user and can gain nothing has none that count but those that were named. */
static int check_caps(const struct allowance *a, const struct cryo_rights_task *t,
		      struct cryo_err *err)
{
	uint64_t counting = t->prm | t->eff | t->amb;
	uint64_t excess = (counting | t->inh | t->bnd) & ~a->caps;
	cryo_auto(cryo_free) char *names = NULL, *what = NULL;

	if (a->not_root && a->no_new_privs)
		excess |= counting & ~a->added;
	if (!excess)
		return 0;
	names = show_caps(excess);
	what = cryo_asprintf("has the capabilities %s, which the new pod's spec does not give it",
			     names);
	return report_excess(t, what, err);
}

static int check_confinement(const struct allowance *a, const struct cryo_rights_task *t,
			     struct cryo_err *err)
{
	if (a->no_new_privs && !t->no_new_privs)
		return report_excess(t,
				     "may gain privileges, and the new pod's spec says "
				     "allowPrivilegeEscalation: false",
				     err);
	if (a->seccomp && !t->seccomp)
		return report_excess(
		    t, "has no seccomp filter, and the new pod's spec has a seccompProfile", err);
	if ((t->securebits & ~KEEP_CAPS) && !(a->caps & BIT(CAP_SETPCAP)))
		return report_excess(
		    t, "has securebits that the new pod's spec does not let it set", err);
	return 0;
}

static int check_task(const struct allowance *a, const struct cryo_rights_task *t,
		      struct cryo_err *err)
{
	int rc = check_users(a, t, err);

	if (rc == 0)
		rc = check_groups(a, t, err);
	if (rc == 0)
		rc = check_caps(a, t, err);
	return rc < 0 ? rc : check_confinement(a, t, err);
}

int cryo_pod_rights_check(const json_t *pod, const char *container, const struct cryo_rights *r,
			  struct cryo_err *err)
{
	const json_t *c = cryo_pod_container(pod, container);
	struct allowance a;
	int rc = 0;

	read_allowance(pod, c, &a);
	if (json_is_true(json_object_get(a.own, "privileged")))
		return 0;
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		if (!r->task[i].dead)
			rc = check_task(&a, &r->task[i], err);
	return rc;
}
