/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"
#include "net/pki.h"
#include "seal/set.h"
#include "sys/fs.h"
#include "verify/canary.h"
#include "verify/ciphertext.h"
#include "tests/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NONCE "5f3ac0ffee123456"
#define CMS   "\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\xa0\x80"
#define BY    "\x30\x82\x06\x30\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82"

#define MEMORY	    20480		      /* of the plain pages */
#define SEALED	    (40 + MEMORY + 16)	      /* … sealed */
#define SEALED_LONG (40 + (2 << 20) + 3 * 16) /* 2 MiB in three segments */
#define HERE	    500			      /* where a canary is put into a member */

struct member {
	const char *name;
	char first;	  /* its first byte; the others are filler */
	size_t size;	  /* 0: `text` instead */
	const char *text; /* or "canary" to have one at HERE */
};

#define CONFIG                                                                                     \
	{                                                                                          \
		"config.dump", 0, 0, "{}"                                                          \
	}
#define LOG                                                                                        \
	{                                                                                          \
		"container.log", 0, 0, "2026-11-23T22:00:00Z stdout F count=1 nonce=" NONCE "\n"   \
	}
#define SEAL                                                                                       \
	{                                                                                          \
		"checkpoint/seal.cms", 0, 0, CMS                                                   \
	}
#define CORE                                                                                       \
	{                                                                                          \
		"checkpoint/core-1.img", 0x28, 56 + 700, ""                                        \
	}
#define PAGES                                                                                      \
	{                                                                                          \
		"checkpoint/pages-1.img", 0x28, SEALED, ""                                         \
	}

static char *path;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	path = scratch_path("a.tar");
	return 0;
}

static int teardown(void **state)
{
	cryo_freep(&path);
	return scratch_teardown(state);
}

static void put_member(struct cryo_tar_writer *w, const struct member *m)
{
	size_t n = m->size ? m->size : strlen(m->text);
	cryo_auto(cryo_free) char *data = cryo_alloc(n + 1);
	char canary[CRYO_CANARY_LEN];
	struct cryo_err err;

	assert_true(cryo_canary_text(NONCE, canary));
	if (!m->size)
		memcpy(data, m->text, n);
	for (size_t i = 0; i < m->size; i++)
		data[i] = i == 0 ? m->first : (char)(i * 2654435761u >> 13);
	if (m->size && *m->text)
		memcpy(data + HERE, canary, strlen(canary));
	assert_int_equal(cryo_tar_add_data(w, m->name, 0600, data, n, &err), 0);
}

static void put_archive(const struct member *m)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;

	assert_int_equal(cryo_tar_add_dir(w, "checkpoint", 0700, &err), 0);
	for (; m->name; m++)
		put_member(w, m);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static const struct {
	const char *title;
	struct member m[8];
	const char *nonce, *reason, *text; /* text: part of it */
	uint64_t hits;
} row[] = {
	{ "sealed",
	  { CONFIG, LOG, SEAL, CORE, PAGES, { "checkpoint/descriptors.json", 0, 0, "[]" } },
	  NONCE,
	  "ok",
	  "2 images sealed, the canary is nowhere in the archive",
	  0 },
	{ "sealed and signed",
	  { CONFIG, { "checkpoint/seal.cms", 0, 0, BY }, CORE },
	  NONCE,
	  "ok",
	  "1 image sealed",
	  0 },
	{ "an empty image", { SEAL, { "checkpoint/x.img", 0x28, 56, "" } }, NONCE, "ok", "", 0 },
	{ "segments",
	  { SEAL, { "checkpoint/pages-1.img", 0x28, SEALED_LONG, "" } },
	  NONCE,
	  "ok",
	  "",
	  0 },
	{ "a sealed one, but of whom?", { SEAL, CORE }, "", "no-canary", "no nonce is known", 0 },
	{ "plain",
	  { CONFIG, LOG, { "checkpoint/pages-1.img", 0, MEMORY, "canary" } },
	  NONCE,
	  "readable",
	  "the canary can be read 1 time, first at byte 500 of 'checkpoint/pages-1.img'",
	  1 },
	{ "plain, another process",
	  { CONFIG, LOG, { "checkpoint/pages-1.img", 0, MEMORY, "canary" } },
	  "5f3ac0ffee123457",
	  "not-sealed",
	  "'checkpoint/seal.cms' is not there",
	  0 },
	{ "sealed for show",
	  { SEAL, CORE, { "checkpoint/pages-1.img", 0x28, SEALED, "canary" } },
	  NONCE,
	  "readable",
	  "'checkpoint/pages-1.img'",
	  1 },
	{ "twice, and one of them elsewhere",
	  { SEAL, { "spec.dump", '{', 2000, "canary" }, { "status", '{', 2000, "canary" } },
	  NONCE,
	  "readable",
	  "2 times, first at byte 500 of 'spec.dump'",
	  2 },
	{ "a CMS of another kind",
	  { { "checkpoint/seal.cms", 0, 0, "\x30\x03\x02\x01\x01" }, CORE },
	  NONCE,
	  "bad-cms",
	  "'checkpoint/seal.cms' is not a CMS",
	  0 },
	{ "no CMS",
	  { { "checkpoint/seal.cms", 0, 0, "-----BEGIN CMS-----" }, CORE },
	  NONCE,
	  "bad-cms",
	  "",
	  0 },
	{ "one plain image",
	  { SEAL, CORE, PAGES, { "checkpoint/fs-1.img", 0x19, 200, "" } },
	  NONCE,
	  "plain-member",
	  "'checkpoint/fs-1.img' does not begin like",
	  0 },
	{ "an empty file",
	  { SEAL, { "checkpoint/fs-1.img", 0, 0, "" }, CORE },
	  NONCE,
	  "plain-member",
	  "",
	  0 },
	{ "something unknown",
	  { SEAL, CORE, { "checkpoint/notes.txt", 0, 0, "x" } },
	  NONCE,
	  "plain-member",
	  "'checkpoint/notes.txt'",
	  0 },
	{ "a folder in it",
	  { SEAL, CORE, { "checkpoint/a/descriptors.json", 0, 0, "x" } },
	  NONCE,
	  "plain-member",
	  "",
	  0 },
	{ "an image beside its place",
	  { SEAL, CORE, { "pages-2.img", 0, MEMORY, "" } },
	  NONCE,
	  "plain-member",
	  "'pages-2.img'",
	  0 },
	{ "memory that begins with 0x28",
	  { SEAL, CORE, { "checkpoint/pages-1.img", 0x28, MEMORY, "" } },
	  NONCE,
	  "bad-size",
	  "'checkpoint/pages-1.img' has a size",
	  0 },
	{ "shorter than header and tag",
	  { SEAL, { "checkpoint/x.img", 0x28, 55, "" } },
	  NONCE,
	  "bad-size",
	  "",
	  0 },
	{ "a last segment without content",
	  { SEAL, { "checkpoint/x.img", 0x28, (1 << 20) + 16, "" } },
	  NONCE,
	  "bad-size",
	  "",
	  0 },
	{ "nothing in it",
	  { CONFIG, SEAL },
	  NONCE,
	  "no-images",
	  "'checkpoint/seal.cms' exists",
	  0 },
};

static void verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_ciphertext v;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].title);
		put_archive(row[i].m);
		assert_int_equal(cryo_ciphertext_judge(path, row[i].nonce, &v, &err), 0);
		assert_string_equal(cryo_ciphertext_reason_name(v.reason), row[i].reason);
		assert_non_null(strstr(v.text, row[i].text));
		assert_int_equal(v.hits, row[i].hits);
	}
}

static void sealed_or_not(void **state)
{
	static const struct member plain[] = { CONFIG, CORE, { 0 } },
				   sealed[] = { SEAL, CORE, { 0 } };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_ciphertext v;

	(void)state;
	put_archive(plain);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), 0);
	assert_false(v.sealed);
	put_archive(sealed);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), 0);
	assert_true(v.sealed);
	assert_int_equal(v.images, 1);
}

/* Behind the end marker no reader of archives looks. */
static void behind_the_end(void **state)
{
	static const struct member m[] = { SEAL, CORE, { 0 } };
	char canary[CRYO_CANARY_LEN];
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_ciphertext v;
	int fd;

	(void)state;
	put_archive(m);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(cryo_canary_text(NONCE, canary));
	assert_int_equal(write(fd, canary, strlen(canary)), strlen(canary));
	close(fd);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), 0);
	assert_int_equal(v.reason, CRYO_CIPHERTEXT_READABLE);
	assert_int_equal(v.hits, 1);
	assert_non_null(strstr(v.text, "of the archive, outside of its members"));
}

static void put_image(int at, const char *name, size_t n, bool canary)
{
	cryo_auto(cryo_free) char *data = cryo_alloc(n + 1);
	int fd = openat(at, name, O_WRONLY | O_CREAT, 0600);

	if (canary)
		assert_true(cryo_canary_text(NONCE, data + HERE));
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static void archive_of(const char *from)
{
	static const char *const name[] = { "core-1.img", "none.img", "pages-1.img", "pages-2.img",
					    "seal.cms" };
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *file = cryo_asprintf("%s/%s", from, name[i]);
		cryo_auto(cryo_free) char *as = cryo_asprintf("checkpoint/%s", name[i]);

		if (cryo_fs_exists(file))
			assert_int_equal(cryo_tar_add_file(w, as, 0600, file, &err), 0);
	}
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static void seal(int from, int to, const struct cryo_pki_pair *pair, bool sign)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL, *maker = NULL;
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_seal_writer_free) struct cryo_seal_writer *w = NULL;
	const char *pem = pair->cert_pem;
	struct cryo_seal_writer_opts o = { 0 };
	struct cryo_err err;

	assert_int_equal(
	    cryo_seal_cert_parse("c", pem, strlen(pem), CRYO_SEAL_ENCRYPT, &cert, &err), 0);
	assert_int_equal(cryo_seal_cert_parse("m", pem, strlen(pem), CRYO_SEAL_SIGN, &maker, &err),
			 0);
	assert_int_equal(cryo_seal_key_parse("k", pair->key_pem, strlen(pair->key_pem), &key, &err),
			 0);
	o.recipient = cert;
	o.signer_cert = sign ? maker : NULL;
	o.signer_key = sign ? key : NULL;
	assert_int_equal(cryo_seal_writer_new(to, &o, &w, &err), 0);
	assert_int_equal(cryo_seal_writer_dir(w, from, &err), 0);
	assert_int_equal(cryo_seal_writer_finish(w, &err), 0);
}

/* What the sealing library makes is what is described here, for each kind of key. */
static void real_sets(void **state)
{
	static const struct {
		unsigned bits;
		bool sign;
	} kind[] = { { 2048, false }, { 2048, true }, { 0, false }, { 0, true } };
	cryo_auto(cryo_free) char *from = scratch_path("from");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_ciphertext v;
	int in;

	(void)state;
	assert_int_equal(cryo_fs_mkdirs(from, 0700, &err), 0);
	in = open(from, O_RDONLY | O_DIRECTORY);
	put_image(in, "core-1.img", 777, false);
	put_image(in, "none.img", 0, false);
	put_image(in, "pages-1.img", 700 * 4096, true);
	put_image(in, "pages-2.img", 4096, true);
	archive_of(from);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), 0);
	assert_int_equal(v.reason, CRYO_CIPHERTEXT_READABLE);
	assert_int_equal(v.hits, 2);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kind); i++) {
		const struct cryo_pki_spec spec = { .cn = "x", .encrypt = true };
		cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
		cryo_auto(cryo_free) char *to = cryo_asprintf("%s/to-%zu", scratch_dir, i);
		int out;

		assert_int_equal(cryo_pki_self_signed(&spec, kind[i].bits, &pair, &err), 0);
		assert_int_equal(cryo_fs_mkdirs(to, 0700, &err), 0);
		out = open(to, O_RDONLY | O_DIRECTORY);
		seal(in, out, &pair, kind[i].sign);
		close(out);
		archive_of(to);
		assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), 0);
		assert_string_equal(cryo_ciphertext_reason_name(v.reason), "ok");
		assert_int_equal(v.images, 4);
	}
	close(in);
}

static void no_archive(void **state)
{
	static const struct member m[] = { SEAL, PAGES, { 0 } };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_ciphertext v;

	(void)state;
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), -CRYO_E_CONFIG);
	put_archive(m);
	assert_int_equal(truncate(path, 9000), 0);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_fs_write(path, "text", 4, 0600, &err), 0);
	assert_int_equal(cryo_ciphertext_judge(path, NONCE, &v, &err), -CRYO_E_CONFIG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed_or_not, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(real_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(no_archive, setup, teardown),
	};

	return cmocka_run_group_tests_name("ciphertext", tests, NULL, NULL) ? EXIT_FAILURE
									    : EXIT_SUCCESS;
}
