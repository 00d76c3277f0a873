/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/expired.h"
#include "tests/local/local_world.h"

#include <dirent.h>
#include <sys/stat.h>

#define LIMIT_MS 20000

/* Pairs, and what `openssl verify -purpose` must say of each. */
static const struct {
	const char *file, *subject;
	bool server, client;
} pairs[] = {
	{ "apiserver", "subject=CN=kube-apiserver", true, false },
	{ "apiserver-kubelet-client", "subject=CN=kube-apiserver-kubelet-client,O=system:masters",
	  false, true },
	{ "admin", "subject=CN=kubernetes-admin,O=system:masters", false, true },
	{ "controller-manager", "subject=CN=system:kube-controller-manager", false, true },
	{ "scheduler", "subject=CN=system:kube-scheduler", false, true },
	{ "kube-proxy", "subject=CN=system:kube-proxy", false, true },
	{ "coredns", "subject=CN=system:coredns", false, true },
	{ "node1", "subject=CN=system:node:node1,O=system:nodes", true, true },
};

static size_t count_files(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, e->d_name);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		if (!S_ISREG(st.st_mode))
			continue;
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_true(st.st_size > 0);
		n++;
	}
	closedir(d);
	return n;
}

static void whole_set(void **state)
{
	cryo_auto(cryo_free) char *pki = world_path("pki");
	cryo_auto(cryo_free) char *tmp = world_path("pki.new");
	cryo_auto(cryo_str_release) struct cryo_str first = { 0 }, again = { 0 };

	(void)state;
	assert_int_equal(local_certs_make(world.l, &world.err), 0);
	/* each with its key, the authority, and the keys of ServiceAccounts */
	assert_int_equal(count_files(pki), 2 * CRYO_ARRAY_LEN(pairs) + 4);
	assert_false(cryo_fs_exists(tmp));
	assert_int_equal(local_certs_read(world.l, "ca.crt", &first, &world.err), 0);
	assert_true(cryo_starts_with(first.p, "-----BEGIN CERTIFICATE-----\n"));
	assert_int_equal(local_certs_make(world.l, &world.err), 0);
	assert_int_equal(local_certs_read(world.l, "ca.crt", &again, &world.err), 0);
	assert_string_equal(first.p, again.p);
	assert_true(local_certs_read(world.l, "none.crt", &again, &world.err) < 0);
}

static void over_or_not(void **state)
{
	(void)state;
	assert_false(local_certs_over(world.t->dir)); /* there is none */
	assert_int_equal(local_certs_make(world.l, &world.err), 0);
	assert_false(local_certs_over(world.t->dir));
	world_put("pki/apiserver.crt", expired_pem);
	assert_true(local_certs_over(world.t->dir));
	world_put("pki/apiserver.crt", "no PEM"); /* is somebody else's error */
	assert_false(local_certs_over(world.t->dir));
}

/* Killed half way: what lies there is not taken for the set, and is replaced. */
static void half_a_set(void **state)
{
	cryo_auto(cryo_free) char *pki = world_path("pki");
	cryo_auto(cryo_free) char *tmp = world_path("pki.new");
	cryo_auto(cryo_free) char *stale = world_path("pki.new/stale");
	cryo_auto(cryo_free) char *taken = world_path("pki/stale");

	(void)state;
	assert_int_equal(cryo_fs_mkdirs(tmp, 0700, &world.err), 0);
	assert_int_equal(cryo_fs_write(stale, "x", 1, 0600, &world.err), 0);
	assert_int_equal(local_certs_make(world.l, &world.err), 0);
	assert_false(cryo_fs_exists(tmp));
	assert_false(cryo_fs_exists(taken));
	assert_int_equal(count_files(pki), 2 * CRYO_ARRAY_LEN(pairs) + 4);
}

static void nothing_at_all(void **state)
{
	cryo_auto(cryo_free) char *pki = world_path("pki");

	(void)state;
	world_put("pki", "a file in place of the directory");
	assert_true(local_certs_make(world.l, &world.err) < 0);
	assert_true(cryo_starts_with(world.err.msg, "certificates: "));
	assert_false(cryo_fs_is_dir(pki));
}

/* What `openssl …` prints; fails the test if it says no. Caller frees. */
static char *ask(const char *const *argv)
{
	char *out = NULL;

	if (cryo_proc_output(argv, LIMIT_MS, &out, &world.err) < 0)
		fail_msg("%s", world.err.msg);
	return out;
}

static bool verifies(const char *ca, const char *crt, const char *purpose)
{
	const char *const argv[] = { "openssl", "verify", "-x509_strict",
				     "-CAfile", ca,	  "-purpose",
				     purpose,	crt,	  NULL };
	cryo_auto(cryo_free) char *out = NULL;

	return cryo_proc_output(argv, LIMIT_MS, &out, &world.err) == 0;
}

static void another_judge(void **state)
{
	cryo_auto(cryo_free) char *openssl = cryo_fs_which("openssl");
	cryo_auto(cryo_free) char *ca = world_path("pki/ca.crt");

	(void)state;
	if (!openssl) {
		print_message("# skipped: no openssl here\n");
		skip();
	}
	assert_int_equal(local_certs_make(world.l, &world.err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(pairs); i++) {
		cryo_auto(cryo_free) char *crt =
		    cryo_asprintf("%s/pki/%s.crt", world.t->dir, pairs[i].file);
		cryo_auto(cryo_free) char *key =
		    cryo_asprintf("%s/pki/%s.key", world.t->dir, pairs[i].file);
		const char *const subject[] = { "openssl", "x509", "-noout", "-subject", "-nameopt",
						"RFC2253", "-in",  crt,	     NULL };
		const char *const of_crt[] = { "openssl", "x509", "-noout", "-pubkey",
					       "-in",	  crt,	  NULL };
		const char *const of_key[] = { "openssl", "pkey", "-pubout", "-in", key, NULL };
		cryo_auto(cryo_free) char *name = ask(subject);
		cryo_auto(cryo_free) char *crt_pub = ask(of_crt);
		cryo_auto(cryo_free) char *key_pub = ask(of_key);

		print_message("# %s\n", name);
		assert_int_equal(verifies(ca, crt, "sslserver"), pairs[i].server);
		assert_int_equal(verifies(ca, crt, "sslclient"), pairs[i].client);
		assert_string_equal(crt_pub, key_pub);
		assert_string_equal(name, pairs[i].subject);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_set, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(over_or_not, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(half_a_set, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nothing_at_all, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(another_judge, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
