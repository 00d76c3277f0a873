/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* type 1; opts { images_dir 5, pid 42, leave_running, log_file "d", work_dir 6, field 99 = 7,
 * encrypt, encrypt_later }; field 15 = 3 */
static const unsigned char dump[] = "\x08\x01"
				    "\x12\x15"
				    "\x08\x05\x10\x2a\x18\x01\x52\x01"
				    "d"
				    "\x88\x01\x06\x98\x06\x07\xc0\x04\x01\x80\x43\x01"
				    "\x78\x03";
#define DUMP_LEN (sizeof(dump) - 1)

static struct cryo_err err;

static void a_request(void **state)
{
	struct cryo_rpc_req r;

	(void)state;
	assert_int_equal(cryo_rpc_req_parse(dump, DUMP_LEN, &r, &err), 0);
	assert_int_equal(r.type, CRYO_RPC_DUMP);
	assert_int_equal(r.images_dir, 5);
	assert_int_equal(r.work_dir, 6);
	assert_int_equal(r.status_fd, -1);
	assert_int_equal(r.pid, 42);
	assert_string_equal(r.log_file, "d");
	assert_true(r.leave_running && r.encrypt && r.encrypt_later && !r.keep_open &&
		    !r.notify_scripts);
	assert_null(r.config_file);
	cryo_rpc_req_release(&r);
	cryo_rpc_req_release(&r);
}

static void packed_again(void **state)
{
	struct cryo_str out = { 0 };
	struct cryo_rpc_req r, again;

	(void)state;
	assert_int_equal(cryo_rpc_req_parse(dump, DUMP_LEN, &r, &err), 0);
	r.images_dir = 300;
	r.work_dir = -1;
	r.notify_scripts = true;
	r.auto_dedup = true;
	r.config_file = "/x";
	cryo_rpc_req_pack(&r, &out);
	assert_non_null(memmem(out.p, out.len, "\x98\x06\x07", 3)); /* unknown ones stay */
	assert_non_null(memmem(out.p, out.len, "\x78\x03", 2));
	assert_null(memmem(out.p, out.len, "\xc0\x04", 2)); /* ours do not */
	assert_null(memmem(out.p, out.len, "\x80\x43", 2));
	assert_int_equal(cryo_rpc_req_parse(out.p, out.len, &again, &err), 0);
	assert_int_equal(again.images_dir, 300);
	assert_int_equal(again.work_dir, -1);
	assert_true(again.notify_scripts && again.leave_running && again.auto_dedup);
	assert_string_equal(again.config_file, "/x");
	cryo_rpc_req_release(&again);
	cryo_rpc_req_release(&r);
	cryo_str_release(&out);
}

static void answers(void **state)
{
	struct cryo_rpc_resp resp;
	struct cryo_rpc_req req;
	struct cryo_str out = { 0 };
	char *longer = cryo_alloc(5000);

	(void)state;
	memset(longer, 'x', 4999);
	cryo_rpc_pack_refusal(CRYO_RPC_DUMP, 13, longer, &out);
	assert_int_equal(cryo_rpc_resp_parse(out.p, out.len, &resp, &err), 0);
	assert_int_equal(resp.type, CRYO_RPC_DUMP);
	assert_false(resp.success);
	assert_int_equal(resp.cr_errno, 13);
	assert_int_equal(strlen(resp.errmsg), 1023);
	cryo_str_clear(&out);
	for (int yes = 0; yes <= 1; yes++) {
		cryo_str_clear(&out);
		cryo_rpc_pack_notified(yes, &out);
		assert_int_equal(cryo_rpc_req_parse(out.p, out.len, &req, &err), 0);
		assert_int_equal(req.type, CRYO_RPC_NOTIFY);
		assert_int_equal(req.notify_success, yes);
		cryo_rpc_req_release(&req);
	}
	assert_int_equal(
	    cryo_rpc_resp_parse("\x08\x06\x10\x01\x2a\x06\x0a\x04post", 12, &resp, &err), 0);
	assert_string_equal(resp.script, "post");
	cryo_str_release(&out);
	free(longer);
}

/* Cut anywhere it is refused, or (between two fields) a shorter request: never read behind. */
static void cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < DUMP_LEN; n++) {
		unsigned char *exact = cryo_alloc(n ? n : 1);
		struct cryo_rpc_req r;
		int rc;

		memcpy(exact, dump, n);
		rc = cryo_rpc_req_parse(exact, n, &r, &err);
		assert_true(rc == 0 || rc == -CRYO_E_CONFIG);
		if (n > 2 && n < 22)
			assert_int_equal(rc, -CRYO_E_CONFIG);
		if (rc == 0)
			cryo_rpc_req_release(&r);
		free(exact);
	}
}

static void hostile(void **state)
{
	static const struct {
		const char *data;
		size_t n;
	} row[] = {
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 },
		{ "\x12\xff\xff\xff\xff\x0f", 6 },
		{ "\x12\x7f\x08", 3 },
		{ "\x0f", 1 },
		{ "\x08", 1 },
		{ "e\n\0\0\0\x80\0e", 8 }, /* field 0 in two bytes: cannot be read again */
	};
	struct cryo_rpc_req r;
	char *big = cryo_alloc(CRYO_RPC_MAX + 1);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_int_equal(cryo_rpc_req_parse(row[i].data, row[i].n, &r, &err),
				 -CRYO_E_CONFIG);
	assert_int_equal(cryo_rpc_req_parse(big, CRYO_RPC_MAX + 1, &r, &err), -CRYO_E_CONFIG);
	free(big);
}

int main(void)
{
	const struct CMUnitTest rpc[] = {
		cmocka_unit_test(a_request), cmocka_unit_test(packed_again),
		cmocka_unit_test(answers),   cmocka_unit_test(cut),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(rpc, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
