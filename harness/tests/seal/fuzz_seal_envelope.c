/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as seal.cms, as an archive, and as the manifest that an envelope
 * would hold: no crash. A manifest that is taken for sound can be written and
 * read again.
 */
#include "seal/archive.h"
#include "seal/envelope.h"
#include "seal/manifest.h"
#include "sys/fs.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cryo_seal_key *key(void)
{
	static struct cryo_seal_key k;

	if (!k.pkey)
		k.pkey = EVP_EC_gen("P-256");
	return &k;
}

static void try_manifest(const char *text, size_t size)
{
	cryo_auto(cryo_seal_manifest_release) struct cryo_seal_manifest m = { 0 }, again = { 0 };
	cryo_auto(cryo_seal_secret_free) struct cryo_seal_secret *s = cryo_seal_secret_new();
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_manifest_parse(text, size, &m, s, &err) < 0)
		return;
	cryo_seal_manifest_text(&m, s, NULL, &out);
	if (cryo_seal_manifest_parse(out.p, out.len, &again, s, &err) < 0 || again.n != m.n)
		abort();
}

static void try_archive(const uint8_t *data, size_t size, const struct cryo_seal_reader_opts *o)
{
	cryo_auto(cryo_fd_close) int in = memfd_create("in", MFD_CLOEXEC);
	cryo_auto(cryo_fd_close) int out = memfd_create("out", MFD_CLOEXEC);
	struct cryo_err err = CRYO_ERR_INIT;

	if (in < 0 || out < 0 || write(in, data, size) != (ssize_t)size)
		abort();
	if (cryo_seal_archive_open(in, out, o, &err) == 0)
		abort(); /* nobody guesses the key */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cryo_seal_reader_opts o = { .key = key() };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	char recipient[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	if (size > 0 && data[0] == '{')
		try_manifest((const char *)data, size);
	else if (cryo_seal_envelope_open(data, size, &o, &text, recipient, &err) == 0)
		abort();
	if (size > 512)
		try_archive(data, size, &o);
	return 0;
}
