/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/mman.h>

int cryo_seal_crypto_fail(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	cryo_auto(cryo_free) char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = cryo_vasprintf(fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return cryo_err_set(err, status, "%s: %s", what, reason ? reason : "OpenSSL failed");
}

struct cryo_seal_secret *cryo_seal_secret_new(void)
{
	size_t n = sizeof(struct cryo_seal_secret);
	void *page = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort(); /* out of memory, as in base/util.c */
	/* A limit on locked memory must not be the end of it: a swapped key is the lesser evil. */
	mlock(page, n);
	madvise(page, n, MADV_DONTDUMP);
	return page;
}

int cryo_seal_secret_random(struct cryo_seal_secret *s, struct cryo_err *err)
{
	if (RAND_priv_bytes(s->key, sizeof(s->key)) != 1 || RAND_bytes(s->id, sizeof(s->id)) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "cannot get random numbers");
	return 0;
}

void cryo_seal_secret_free(struct cryo_seal_secret *s)
{
	if (!s)
		return;
	OPENSSL_cleanse(s, sizeof(*s));
	munmap(s, sizeof(*s));
}

void cryo_seal_wipe(struct cryo_str *s)
{
	if (s->p)
		OPENSSL_cleanse(s->p, s->cap);
	cryo_str_release(s);
}
