/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/interposer.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;

static int parse(const char *text, enum cryo_policy_place place, struct cryo_policy *p,
		 struct cryo_policy_criu *criu)
{
	return cryo_policy_parse("file", text, strlen(text), place, p, criu, &err);
}

static void words(void **state)
{
	struct cryo_policy p = { 0 };

	(void)state;
	assert_int_equal(parse("# comment\n\n encrypt # really\n\ttls-cert  /a/b.crt\n"
			       "tls-key \"/with blank/\\\"k\"\nmemory 64Mi\ncriu /usr/sbin/criu\n"
			       "require-encryption",
			       CRYO_POLICY_OWN, &p, NULL),
			 0);
	assert_true(p.encrypt && p.require && !p.allow_expired);
	assert_string_equal(p.cert, "/a/b.crt");
	assert_string_equal(p.key, "/with blank/\"k");
	assert_string_equal(p.criu, "/usr/sbin/criu");
	assert_int_equal(p.memory, 64 << 20);
	cryo_policy_release(&p);
	cryo_policy_release(&p);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		enum cryo_policy_place place;
		const char *message;
	} row[] = {
		{ "encrypted", CRYO_POLICY_OWN,
		  "'file' line 1: 'encrypted': unknown word; did you "
		  "mean 'encrypt'?" },
		{ "\nzzz 1", CRYO_POLICY_CALL, "'file' line 2: 'zzz': unknown word" },
		{ "encrypt yes", CRYO_POLICY_OWN, "takes no value" },
		{ "tls-cert", CRYO_POLICY_OWN, "needs a value" },
		{ "tls-cert # /a", CRYO_POLICY_OWN, "needs a value" },
		{ "tls-cert rel/path", CRYO_POLICY_OWN, "not an absolute path" },
		{ "tls-cert /a /b", CRYO_POLICY_CALL, "unexpected argument" },
		{ "memory lots", CRYO_POLICY_OWN, "memory" },
		{ "criu /bin/true", CRYO_POLICY_CALL, "only the node's own configuration" },
		{ "criu /bin/true", CRYO_POLICY_CRIU, "only the node's own configuration" },
		{ "run /tmp", CRYO_POLICY_CRIU, "only the node's own configuration" },
		{ "run /tmp", CRYO_POLICY_CALL, "only the node's own configuration" },
		{ "trusted-signers /a", CRYO_POLICY_CRIU, "only the node's own configuration" },
		{ "pod-uid 1", CRYO_POLICY_CRIU, "only the node's own configuration" },
		{ "pod-uid 1", CRYO_POLICY_OWN, "only the node's own configuration" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_policy p = { 0 };
		struct cryo_policy_criu criu = { 0 };

		assert_int_equal(parse(row[i].text, row[i].place, &p,
				       row[i].place == CRYO_POLICY_CRIU ? &criu : NULL),
				 -CRYO_E_CONFIG);
		if (!strstr(err.msg, row[i].message))
			fail_msg("'%s' is not in '%s'", row[i].message, err.msg);
		cryo_policy_release(&p);
		cryo_policy_criu_release(&criu);
	}
	assert_int_equal(cryo_policy_parse("file", "a\0b", 3, CRYO_POLICY_OWN, NULL, NULL, &err),
			 -CRYO_E_CONFIG);
}

/* Words that CRIU does not know must not reach it; all others must, as they are. */
static void criu_files(void **state)
{
	static const struct {
		const char *text, *rest, *diverts, *unsafe;
		bool ours;
	} row[] = {
		{ "", "", NULL, NULL, false },
		{ "tcp-established\n", "tcp-established\n", NULL, NULL, false },
		{ "no-tcp-established", "no-tcp-established\n", NULL, NULL, false },
		{ "# x\nencrypt\nskip-mnt /a b\n", "# x\nskip-mnt /a b\n", NULL, "skip-mnt", true },
		{ "tls-cert /a\nencrypt", "tls-cert /a\n", NULL, NULL, true },
		{ "images-dir /tmp", "images-dir /tmp\n", "images-dir", "images-dir", false },
		{ "images-dir=/tmp", "images-dir=/tmp\n", "images-dir=/tmp", "images-dir=/tmp",
		  false },
		{ "image /tmp", "image /tmp\n", "image", "image", false },
		{ "\t lazy-pages", "\t lazy-pages\n", "lazy-pages", "lazy-pages", false },
		{ "page-server\nwork-dir /x", "page-server\nwork-dir /x\n", "page-server",
		  "page-server", false },
		/* What runs a program, opens a library or hands out a descriptor. */
		{ "action-script /x", "action-script /x\n", NULL, "action-script", false },
		{ "action-s=/x", "action-s=/x\n", NULL, "action-s=/x", false },
		{ "libdir /x", "libdir /x\n", NULL, "libdir", false },
		{ "exec-cmd", "exec-cmd\n", NULL, "exec-cmd", false },
		{ "inherit-fd fd[7]:a", "inherit-fd fd[7]:a\n", NULL, "inherit-fd", false },
		{ "status-fd 5", "status-fd 5\n", NULL, "status-fd", false },
		{ "join-ns net:/x", "join-ns net:/x\n", NULL, "join-ns", false },
		{ "config /x", "config /x\n", NULL, "config", false },
		{ "word-of-tomorrow", "word-of-tomorrow\n", NULL, "word-of-tomorrow", false },
		/* What CRIU reads differently. */
		{ "tcp-close --libdir /x", "tcp-close --libdir /x\n", NULL, "tcp-close", false },
		{ "ghost-limit -D/x", "ghost-limit -D/x\n", NULL, "ghost-limit", false },
		{ "\"images-dir\" /x", "\"images-dir\" /x\n", "images-dir", "images-dir", false },
		{ "tls-key \"/a\\\" -D /x\"", "tls-key \"/a\\\" -D /x\"\n", NULL, "tls-key",
		  false },
		{ "timeout 3\r--libdir\r/x", "timeout 3\r--libdir\r/x\n", NULL, "timeout", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_policy p = { 0 };
		struct cryo_policy_criu criu = { 0 };

		assert_int_equal(parse(row[i].text, CRYO_POLICY_CRIU, &p, &criu), 0);
		assert_string_equal(cryo_str_get(&criu.rest), row[i].rest);
		assert_int_equal(criu.ours, row[i].ours);
		assert_true(cryo_streq(criu.diverts, row[i].diverts));
		if (!cryo_streq(criu.unsafe, row[i].unsafe))
			fail_msg("'%s': %s", row[i].text, criu.unsafe ? criu.unsafe : "harmless");
		assert_int_equal(p.encrypt, row[i].ours);
		cryo_policy_release(&p);
		cryo_policy_criu_release(&criu);
	}
}

static void order(void **state)
{
	struct cryo_rpc_req req = { .encrypt = true,
				    .tls_cert = "/req.crt",
				    .tls_key = "/req.key" };
	struct cryo_policy p = { 0 }, own = { 0 };

	(void)state;
	assert_int_equal(parse("tls-cert /call.crt", CRYO_POLICY_CALL, &p, NULL), 0);
	assert_int_equal(parse("require-encryption\ntls-cert /o\ntls-key /o\nlog /o",
			       CRYO_POLICY_OWN, &own, NULL),
			 0);
	cryo_policy_request(&req, &p);
	cryo_policy_merge(&p, &own);
	assert_true(p.encrypt && p.require);
	assert_string_equal(p.cert, "/call.crt");
	assert_string_equal(p.key, "/req.key");
	assert_string_equal(p.log, "/o");
	cryo_policy_release(&p);
	cryo_policy_release(&own);
}

static void files(void **state)
{
	struct cryo_policy p = { 0 };
	char *path;

	(void)state;
	path = scratch_path("criu.conf");
	assert_int_equal(cryo_policy_load(path, CRYO_POLICY_OWN, &p, NULL, &err), 0);
	assert_int_equal(cryo_fs_write(path, "encrypt\n", 8, 0644, &err), 0);
	assert_int_equal(cryo_policy_load(path, CRYO_POLICY_OWN, &p, NULL, &err), 0);
	assert_true(p.encrypt);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(cryo_policy_load(path, CRYO_POLICY_OWN, &p, NULL, &err), -CRYO_E_CONFIG);
	free(path);
}

/* One that is no good leaves the usual places, and is reported. */
static void places(void **state)
{
	static const struct {
		const char *text, *run;
		mode_t mode;
		int rc;
	} row[] = {
		{ NULL, "/run/cryopod", 0, 0 },
		{ "encrypt\n", "/run/cryopod", 0644, 0 },
		{ "encrypt\nrun /run/mine\n", "/run/mine", 0644, 0 },
		{ "run /run/mine\n", "/run/cryopod", 0666, -CRYO_E_CONFIG },
		{ "run mine\n", "/run/cryopod", 0644, -CRYO_E_CONFIG },
	};
	cryo_auto(cryo_free) char *conf = scratch_path("criu.conf");

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *calls = cryo_asprintf("%s/calls", row[i].run);
		cryo_auto(cryo_free) char *dumps = cryo_asprintf("%s/dumps", row[i].run);
		struct cryo_interposer where = { .conf = conf };

		if (row[i].text) {
			assert_int_equal(
			    cryo_fs_write(conf, row[i].text, strlen(row[i].text), 0644, &err), 0);
			assert_int_equal(chmod(conf, row[i].mode), 0);
		}
		assert_int_equal(cryo_interposer_find_places(&where, &err), row[i].rc);
		assert_string_equal(where.logs, row[i].run);
		assert_string_equal(where.calls, calls);
		assert_string_equal(where.dumps, dumps);
		free((char *)where.logs);
		free((char *)where.calls);
		free((char *)where.dumps);
	}
}

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void containers(void **state)
{
	static const struct {
		const char *text, *id;
	} row[] = {
		{ "0::/kubepods/besteffort/pod1234/" ID "\n", ID },
		{ "0::/system.slice/cri-containerd-" ID ".scope\n", ID },
		{ "1:cpu:/docker/" ID "/kubepods/" ID2 "\n", ID2 },
		{ "/var/lib/containerd/" ID "/ctrd-restore/checkpoint", ID },
		{ "0::/" ID "0\n", NULL },
		{ "0::/user.slice\n", NULL },
		{ "", NULL },
	};
	char id[65];

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		assert_int_equal(cryo_policy_container(row[i].text, id), row[i].id != NULL);
		if (row[i].id)
			assert_string_equal(id, row[i].id);
	}
}

int main(void)
{
	const struct CMUnitTest policy[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(refused),
		cmocka_unit_test(criu_files),
		cmocka_unit_test(order),
		cmocka_unit_test_setup_teardown(files, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(places, scratch_setup, scratch_teardown),
		cmocka_unit_test(containers),
	};

	return cmocka_run_group_tests(policy, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
