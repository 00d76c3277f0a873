/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/rights.h"

#include "criu/entry.h"
#include "criu/images.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PSTREE "\x19\x43\x56\x54\x30\x30\x27\x50"
#define CORE   "\x19\x43\x56\x54\x47\x38\x05\x55"
#define INIT   "\x06\0\0\0\x08\x01\x10\x00\x28\x01"	    /* 1, one thread */
#define CHILD  "\x08\0\0\0\x08\x07\x10\x01\x28\x07\x28\x08" /* 7 of 1, two threads */

/* An image of one entry. */
static void make_core(const CoreEntry *core, struct cryo_str *out)
{
	uint8_t entry[1024];
	size_t n = core_entry__pack(core, entry);
	const char size[4] = { (char)n, (char)(n >> 8), 0, 0 };

	cryo_str_clear(out);
	cryo_str_addn(out, CORE, 8);
	cryo_str_addn(out, size, sizeof(size));
	cryo_str_addn(out, entry, n);
}

static void everything_that_a_thread_may_do(void **state)
{
	uint32_t words[] = { 1u << 21, 1u << 8 }, many[] = { 0, 0, 1 }, groups[] = { 7, 8 };
	CredsEntry creds = CREDS_ENTRY__INIT;
	ThreadCoreEntry thread = THREAD_CORE_ENTRY__INIT;
	TaskCoreEntry task = TASK_CORE_ENTRY__INIT;
	CoreEntry core = CORE_ENTRY__INIT;
	cryo_auto(cryo_str_release) struct cryo_str image = { 0 };
	cryo_auto(cryo_rights_release) struct cryo_rights r = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	const struct cryo_rights_task *t;

	(void)state;
	creds.has_uid = creds.has_suid = creds.has_fsgid = creds.has_secbits = true;
	creds.uid = 1;
	creds.suid = 3;
	creds.fsgid = 4;
	creds.secbits = 0x20;
	creds.has_no_new_privs = creds.no_new_privs = 1;
	creds.cap_eff = words;
	creds.n_cap_eff = 2;
	creds.cap_amb = many;
	creds.n_cap_amb = 3;
	creds.groups = groups;
	creds.n_groups = 2;
	thread.creds = &creds;
	task.has_comm = true;
	task.comm = (ProtobufCBinaryData){ 4, (uint8_t *)(uintptr_t) "a\x1b[b" };
	task.has_old_seccomp_mode = true;
	task.old_seccomp_mode = 2;
	core.thread_core = &thread;
	core.tc = &task;
	make_core(&core, &image);
	cryo_rights_take(&r, "core-17.img", &image);
	thread.has_seccomp_mode = true; /* the word of its own counts: none */
	make_core(&core, &image);
	cryo_rights_take(&r, "core-3.img", &image);
	assert_int_equal(cryo_rights_check_whole(&r, &err), 0);
	assert_int_equal(r.n, 2);
	t = &r.task[0];
	assert_int_equal(t->pid, 3);
	assert_int_equal(t->seccomp, 0);
	t = &r.task[1];
	assert_int_equal(t->pid, 17);
	assert_string_equal(t->name, "a?[b");
	assert_int_equal(t->seccomp, 2);
	assert_int_equal(t->uid[0], 1);
	assert_int_equal(t->uid[2], 3);
	assert_int_equal(t->gid[3], 4);
	assert_int_equal(t->securebits, 0x20);
	assert_true(t->no_new_privs);
	assert_false(t->dead);
	assert_true(t->eff == ((uint64_t)1 << 21 | (uint64_t)1 << 40));
	assert_true(t->amb == UINT64_MAX);
	assert_int_equal(t->groups, 2);
	assert_int_equal(t->group[1], 8);
}

#define NONE  "\x02\0\0\0\x1a\0"	   /* a task, and nothing of it */
#define DEAD  "\x04\0\0\0\x1a\x02\x08\x06" /* a zombie */
#define CREDS "\x04\0\0\0\x2a\x02\x52\0"   /* of root */

/* What CRIU could read in another way than we do is refused. */
static void images_that_do_not_tell(void **state)
{
	static const struct {
		const char *what;
		struct {
			const char *name, *data;
			size_t len;
		} image[3];
		const char *says; /* NULL: whole */
	} row[] = {
#define I(name, data) { name, data, sizeof(data) - 1 }
		{ "nothing", { { NULL, NULL, 0 } }, NULL },
		{ "one process",
		  { I("pstree.img", PSTREE INIT), I("core-1.img", CORE CREDS) },
		  NULL },
		{ "a zombie", { I("pstree.img", PSTREE INIT), I("core-1.img", CORE DEAD) }, NULL },
		{ "a zombie's thread, which CRIU 4.2.1 has made up",
		  { I("pstree.img", PSTREE CHILD), I("core-7.img", CORE DEAD) },
		  NULL },
		{ "its image is missing",
		  { I("pstree.img", PSTREE INIT) },
		  "'core-1.img' is missing" },
		{ "that of a thread is",
		  { I("pstree.img", PSTREE CHILD), I("core-7.img", CORE CREDS) },
		  "'core-8.img' is missing" },
		{ "credentials elsewhere (creds-1.img)",
		  { I("pstree.img", PSTREE INIT), I("core-1.img", CORE NONE) },
		  "'core-1.img' is damaged, or does not say" },
		{ "the form of old times",
		  { I("core-1.img", "\x47\x38\x05\x55" CREDS) },
		  "damaged" },
		{ "the tree in that form",
		  { I("pstree.img", "\x30\x30\x27\x50" INIT) },
		  "damaged" },
		{ "cut", { I("core-1.img", CORE "\x04\0\0\0\x2a") }, "damaged" },
		{ "more of the tree than can be read",
		  { I("pstree.img", PSTREE INIT "\x02\0\0\0\xff\xff"),
		    I("core-1.img", CORE CREDS) },
		  "'pstree.img' is damaged" },
		{ "no number", { I("core-x.img", CORE CREDS) }, "damaged" },
		{ "one of two is not whole",
		  { I("core-1.img", CORE CREDS), I("core-1.img", CORE NONE) },
		  "damaged" },
#undef I
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_rights_release) struct cryo_rights r = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		int rc;

		print_message("# %s\n", row[i].what);
		for (size_t k = 0; k < CRYO_ARRAY_LEN(row[i].image) && row[i].image[k].name; k++) {
			cryo_auto(cryo_str_release) struct cryo_str image = { 0 };

			assert_true(cryo_rights_is_told_by(row[i].image[k].name));
			cryo_str_addn(&image, row[i].image[k].data, row[i].image[k].len);
			cryo_rights_take(&r, row[i].image[k].name, &image);
		}
		rc = cryo_rights_check_whole(&r, &err);
		assert_int_equal(rc, row[i].says ? -CRYO_E_CONFIG : 0);
		if (row[i].says && !strstr(err.msg, row[i].says))
			fail_msg("%s", err.msg);
	}
}

static void an_image_too_large(void **state)
{
	cryo_auto(cryo_rights_release) struct cryo_rights r = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str image = { 0 };

	(void)state;
	cryo_str_addn(&image, CORE CREDS, 16);
	while (image.len <= CRYO_CRIU_IMAGE_MAX)
		cryo_str_addn(&image, CORE CREDS CORE CREDS CORE CREDS, 48);
	cryo_rights_take(&r, "core-1.img", &image);
	assert_string_equal(r.damaged, "core-1.img");
}

static void names_of_capabilities(void **state)
{
	static const struct {
		const char *name;
		int cap;
	} row[] = { { "CHOWN", 0 },
		    { "NET_ADMIN", 12 },
		    { "cap_sys_admin", 21 },
		    { "SETFCAP", 31 },
		    { "CHECKPOINT_RESTORE", 40 },
		    { "AUDIT_READ", 37 },
		    { "ALL", -1 },
		    { "", -1 } };
	cryo_auto(cryo_free) char *unknown = cryo_rights_cap_name(63);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		assert_int_equal(cryo_rights_cap_find(row[i].name), row[i].cap);
		if (row[i].cap >= 0) {
			cryo_auto(cryo_free) char *name =
			    cryo_rights_cap_name((unsigned)row[i].cap);

			assert_int_equal(cryo_rights_cap_find(name), row[i].cap);
		}
	}
	assert_string_equal(unknown, "63");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_that_a_thread_may_do),
		cmocka_unit_test(images_that_do_not_tell),
		cmocka_unit_test(an_image_too_large),
		cmocka_unit_test(names_of_capabilities),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
