/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a container of containerd has without a word in its spec. */
#define USUAL	0xa80425fbull
#define ADMIN	(1ull << 21)
#define SERVICE (1ull << 10)
#define RESTRICTED                                                                                 \
	"{runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, "      \
	"seccompProfile: {type: RuntimeDefault}}"

/* Words without quotes, as in YAML's flow style: only letters, digits and '/' stand in them. */
static json_t *parse_context(const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str quoted = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	json_t *out = NULL;

	while (*text) {
		size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/");
		bool word = n > 0 && strncmp(text, "true", n) != 0 &&
			    strncmp(text, "false", n) != 0;

		cryo_str_addf(&quoted, word ? "\"%.*s\"" : "%.*s", (int)(n ? n : 1), text);
		text += n ? n : 1;
	}
	assert_int_equal(cryo_json_parse("context", cryo_str_get(&quoted), quoted.len, &out, &err),
			 0);
	return out;
}

static json_t *make_pod(const char *of_pod, const char *own)
{
	json_t *pod = json_pack("{s{s[{ss}]}}", "spec", "containers", "name", "main");

	if (of_pod)
		json_object_set_new(cryo_json_at(pod, "spec"), "securityContext",
				    parse_context(of_pod));
	if (own)
		json_object_set_new(cryo_json_at(pod, "spec.containers[0]"), "securityContext",
				    parse_context(own));
	return pod;
}

static int check(const char *of_pod, const char *own, const struct cryo_rights_task *task,
		 struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *pod = make_pod(of_pod, own);
	struct cryo_rights_task copy[2] = { { .pid = 1 }, *task };
	const struct cryo_rights r = { .task = copy + 1, .n = 1 };

	return cryo_pod_rights_check(pod, "main", &r, err);
}

static void rows(void **state)
{
	static uint32_t groups[] = { 5 };
	static const struct {
		const char *what, *pod, *own;
		struct cryo_rights_task task;
		const char *says; /* NULL: it may */
	} row[] = {
		{ "an ordinary pod of root",
		  NULL,
		  NULL,
		  { .eff = USUAL, .prm = USUAL, .bnd = USUAL },
		  NULL },
		{ "its program became another user",
		  NULL,
		  NULL,
		  { .uid = { 33, 33, 33, 33 }, .gid = { 33, 33, 33, 33 }, .bnd = USUAL },
		  NULL },
		{ "and keeps a capability",
		  NULL,
		  NULL,
		  { .uid = { 33, 33, 33, 33 },
		    .eff = SERVICE,
		    .prm = SERVICE,
		    .amb = SERVICE,
		    .inh = SERVICE,
		    .bnd = USUAL,
		    .securebits = 0x10 },
		  NULL },
		{ "hardened by itself", NULL, NULL, { .no_new_privs = true, .seccomp = 2 }, NULL },
		{ "of root, said so", NULL, "{runAsUser: 0}", { .eff = USUAL }, NULL },
		{ "effective", NULL, NULL, { .eff = ADMIN }, "the capabilities SYS_ADMIN" },
		{ "permitted", NULL, NULL, { .prm = ADMIN }, "the capabilities SYS_ADMIN" },
		{ "inheritable", NULL, NULL, { .inh = ADMIN }, "the capabilities SYS_ADMIN" },
		{ "ambient", NULL, NULL, { .amb = ADMIN }, "the capabilities SYS_ADMIN" },
		{ "bounding", NULL, NULL, { .bnd = ADMIN }, "the capabilities SYS_ADMIN" },
		{ "all of them",
		  NULL,
		  NULL,
		  { .bnd = UINT64_MAX },
		  "DAC_READ_SEARCH, LINUX_IMMUTABLE and 48 more" },
		{ "privileged",
		  NULL,
		  "{privileged: true}",
		  { .bnd = UINT64_MAX, .eff = UINT64_MAX },
		  NULL },
		{ "added",
		  NULL,
		  "{capabilities: {add: [SYS_ADMIN]}}",
		  { .eff = USUAL | ADMIN },
		  NULL },
		{ "added with its long name",
		  NULL,
		  "{capabilities: {add: [CAP_SYS_ADMIN]}}",
		  { .eff = ADMIN },
		  NULL },
		{ "all added", NULL, "{capabilities: {add: [ALL]}}", { .eff = UINT64_MAX }, NULL },
		{ "all added but one",
		  NULL,
		  "{capabilities: {add: [ALL], drop: [SYS_ADMIN]}}",
		  { .eff = ADMIN },
		  "SYS_ADMIN" },
		{ "dropped",
		  NULL,
		  "{capabilities: {drop: [CHOWN]}}",
		  { .bnd = USUAL },
		  "the capabilities CHOWN" },
		{ "all dropped",
		  NULL,
		  "{capabilities: {drop: [ALL]}}",
		  { .bnd = SERVICE },
		  "NET_BIND_SERVICE" },
		{ "all dropped but one",
		  NULL,
		  "{capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}",
		  { .bnd = SERVICE, .eff = SERVICE },
		  NULL },
		{ "what the pod says of capabilities is nothing",
		  "{capabilities: {add: [SYS_ADMIN]}}",
		  NULL,
		  { .eff = ADMIN },
		  "SYS_ADMIN" },
		{ "the user of the pod",
		  "{runAsUser: 1000}",
		  NULL,
		  { .uid = { 1000, 1000, 1000, 1000 } },
		  NULL },
		{ "root instead",
		  "{runAsUser: 1000}",
		  NULL,
		  { .bnd = USUAL },
		  "is user 0, and the new pod's spec says runAsUser 1000" },
		{ "root saved",
		  "{runAsUser: 1000}",
		  NULL,
		  { .uid = { 1000, 1000, 0, 1000 } },
		  "is user 0" },
		{ "root of the file system",
		  "{runAsUser: 1000}",
		  NULL,
		  { .uid = { 1000, 1000, 1000, 0 } },
		  "is user 0" },
		{ "another user",
		  "{runAsUser: 1000}",
		  NULL,
		  { .uid = { 1001, 1001, 1001, 1001 } },
		  "is user 1001" },
		{ "the container's word counts",
		  "{runAsUser: 1000}",
		  "{runAsUser: 0}",
		  { .eff = USUAL },
		  NULL },
		{ "not root", NULL, "{runAsNonRoot: true}", { .uid = { 5, 5, 5, 5 } }, NULL },
		{ "root all the same",
		  NULL,
		  "{runAsNonRoot: true}",
		  { .uid = { 5, 0, 5, 5 } },
		  "is root, and the new pod's spec says runAsNonRoot" },
		{ "the group",
		  "{runAsUser: 1, runAsGroup: 2}",
		  NULL,
		  { .uid = { 1, 1, 1, 1 }, .gid = { 2, 2, 2, 2 } },
		  NULL },
		{ "another group",
		  "{runAsUser: 1, runAsGroup: 2}",
		  NULL,
		  { .uid = { 1, 1, 1, 1 }, .gid = { 2, 2, 2, 0 } },
		  "is in group 0" },
		{ "that of its files",
		  "{runAsUser: 1, runAsGroup: 2, fsGroup: 3}",
		  NULL,
		  { .uid = { 1, 1, 1, 1 }, .gid = { 3, 3, 3, 3 } },
		  NULL },
		{ "groups of the image",
		  "{runAsUser: 1, runAsGroup: 2}",
		  NULL,
		  { .uid = { 1, 1, 1, 1 }, .gid = { 2, 2, 2, 2 }, .group = groups, .groups = 1 },
		  NULL },
		{ "groups of the image are none",
		  "{runAsUser: 1, runAsGroup: 2, supplementalGroupsPolicy: Strict}",
		  NULL,
		  { .uid = { 1, 1, 1, 1 }, .gid = { 2, 2, 2, 2 }, .group = groups, .groups = 1 },
		  "is in group 5" },
		{ "root takes any group",
		  "{runAsGroup: 2}",
		  NULL,
		  { .gid = { 7, 7, 7, 7 } },
		  NULL },
		{ "restricted",
		  NULL,
		  RESTRICTED,
		  { .uid = { 5, 5, 5, 5 }, .no_new_privs = true, .seccomp = 2 },
		  NULL },
		{ "restricted, new privileges",
		  NULL,
		  RESTRICTED,
		  { .uid = { 5, 5, 5, 5 }, .seccomp = 2 },
		  "may gain privileges" },
		{ "restricted, no filter",
		  NULL,
		  RESTRICTED,
		  { .uid = { 5, 5, 5, 5 }, .no_new_privs = true },
		  "has no seccomp filter" },
		{ "restricted, securebits",
		  NULL,
		  RESTRICTED,
		  { .uid = { 5, 5, 5, 5 }, .no_new_privs = true, .seccomp = 2, .securebits = 0x2f },
		  "securebits" },
		{ "restricted, its own leave to keep capabilities",
		  NULL,
		  RESTRICTED,
		  { .uid = { 5, 5, 5, 5 }, .no_new_privs = true, .seccomp = 2, .securebits = 0x10 },
		  NULL },
		{ "no root and nothing to gain: only a bound",
		  NULL,
		  "{runAsUser: 5, allowPrivilegeEscalation: false}",
		  { .uid = { 5, 5, 5, 5 }, .bnd = USUAL, .inh = USUAL, .no_new_privs = true },
		  NULL },
		{ "no root and nothing to gain: none that counts",
		  NULL,
		  "{runAsUser: 5, allowPrivilegeEscalation: false}",
		  { .uid = { 5, 5, 5, 5 }, .bnd = USUAL, .prm = SERVICE, .no_new_privs = true },
		  "NET_BIND_SERVICE" },
		{ "the pod's profile",
		  "{seccompProfile: {type: Localhost, localhostProfile: p/x}}",
		  NULL,
		  { .seccomp = 0 },
		  "no seccomp" },
		{ "the container's is none",
		  "{seccompProfile: {type: RuntimeDefault}}",
		  "{seccompProfile: {type: Unconfined}}",
		  { .seccomp = 0 },
		  NULL },
		{ "a zombie", NULL, RESTRICTED, { .dead = true }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = check(row[i].pod, row[i].own, &row[i].task, &err);

		print_message("# %s: %s\n", row[i].what, err.msg);
		assert_int_equal(rc, row[i].says ? -CRYO_E_CONFIG : 0);
		if (row[i].says)
			assert_non_null(strstr(err.msg, row[i].says));
		if (row[i].says)
			assert_non_null(strstr(err.msg, "--allow-privileges"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rows) };

	return cmocka_run_group_tests_name("pod_rights", tests, NULL, NULL) ? EXIT_FAILURE
									    : EXIT_SUCCESS;
}
