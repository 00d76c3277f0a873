/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/stream.h"

#include "sys/crew.h"
#include "sys/intr.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTEXT	     "cryopod-seal/1" /* and its NUL: associated data begins so */
#define SALT	     32
#define PREFIX	     7
#define NONCE	     12
#define FIRST_PLAIN  (CRYO_SEAL_SEGMENT - CRYO_SEAL_HEADER - CRYO_SEAL_TAG)
#define PLAIN	     (CRYO_SEAL_SEGMENT - CRYO_SEAL_TAG)
#define MAX_THREADS  64
#define BUFFER_ALIGN 4096

struct cryo_seal_stream {
	char *name;
	unsigned char header[CRYO_SEAL_HEADER]; /* length byte, salt, nonce prefix */
	unsigned char key[CRYO_SEAL_KEY_BYTES];
};

uint64_t cryo_seal_stream_segments(uint64_t plain)
{
	return plain <= FIRST_PLAIN ? 1 : 1 + (plain - FIRST_PLAIN + PLAIN - 1) / PLAIN;
}

uint64_t cryo_seal_stream_size(uint64_t plain)
{
	return CRYO_SEAL_HEADER + plain + cryo_seal_stream_segments(plain) * CRYO_SEAL_TAG;
}

uint64_t cryo_seal_stream_at(uint64_t segment)
{
	return segment == 0 ? 0 : segment * PLAIN - CRYO_SEAL_HEADER;
}

static bool derive_stream_key(const struct cryo_seal_secret *secret, const char *name,
			      struct cryo_seal_stream *s)
{
	cryo_auto(EVP_KDF_free) EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	cryo_auto(EVP_KDF_CTX_free) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	cryo_auto(cryo_str_release) struct cryo_str info = { 0 };
	OSSL_PARAM params[5], *p = params;

	cryo_str_addn(&info, CONTEXT, sizeof(CONTEXT));
	cryo_str_addn(&info, secret->id, sizeof(secret->id));
	cryo_str_addn(&info, "", 1);
	cryo_str_add(&info, name);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret->key,
						 sizeof(secret->key));
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, s->header + 1, SALT);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.p, info.len);
	*p = OSSL_PARAM_construct_end();
	return ctx && EVP_KDF_derive(ctx, s->key, sizeof(s->key), params) == 1;
}

int cryo_seal_stream_new(const struct cryo_seal_secret *secret, const char *name,
			 const unsigned char *header, struct cryo_seal_stream **out,
			 struct cryo_err *err)
{
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = cryo_alloc(sizeof(*s));

	s->name = cryo_strdup(name);
	if (header)
		memcpy(s->header, header, sizeof(s->header));
	else if (RAND_bytes(s->header, sizeof(s->header)) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "cannot get random numbers");
	else
		s->header[0] = CRYO_SEAL_HEADER;
	if (s->header[0] != CRYO_SEAL_HEADER)
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' does not begin like a sealed file",
				    name);
	if (!derive_stream_key(secret, name, s))
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "no key for '%s'", name);
	*out = cryo_steal(&s);
	return 0;
}

void cryo_seal_stream_free(struct cryo_seal_stream *s)
{
	if (!s)
		return;
	OPENSSL_cleanse(s->key, sizeof(s->key));
	free(s->name);
	free(s);
}

int cryo_seal_pread(int fd, void *buf, size_t n, uint64_t at, size_t *got, struct cryo_err *err)
{
	for (*got = 0; *got < n;) {
		ssize_t k = pread(fd, (char *)buf + *got, n - *got, (off_t)(at + *got));

		if (k < 0 && errno != EINTR)
			return cryo_err_sys(err, errno, "cannot read");
		if (k == 0)
			break;
		*got += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

int cryo_seal_pwrite(int fd, const void *buf, size_t n, uint64_t at, struct cryo_err *err)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = pwrite(fd, (const char *)buf + done, n - done, (off_t)(at + done));

		if (k < 0 && errno != EINTR)
			return cryo_err_sys(err, errno, "cannot write");
		done += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

/* What the threads of one run share. */
struct work {
	const struct cryo_seal_stream *s;
	const struct cryo_seal_run *run;
	bool open;
	_Atomic uint64_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* of rc and err: the first failure counts */
	struct cryo_err *err;
	int rc;
};

/* One thread's own. */
struct worker {
	EVP_CIPHER_CTX *ctx;
	unsigned char *buf; /* a segment as it is sealed, in segment 0 with the header */
};

/* Where segment i lies and how long it is. */
struct place {
	uint64_t plain_at;
	size_t n, head; /* bytes of plaintext; of the header in front */
	bool last;
};

static struct place find_segment_place(const struct cryo_seal_run *run, uint64_t i)
{
	struct place p = { .plain_at = cryo_seal_stream_at(i),
			   .n = i == 0 ? FIRST_PLAIN : PLAIN,
			   .head = i == 0 ? CRYO_SEAL_HEADER : 0 };

	if (run->plain != UINT64_MAX && i + 1 == cryo_seal_stream_segments(run->plain)) {
		p.last = true;
		p.n = run->plain - p.plain_at;
	}
	return p;
}

static void make_segment_nonce(const struct cryo_seal_stream *s, uint64_t i, bool last,
			       unsigned char nonce[NONCE])
{
	memcpy(nonce, s->header + 1 + SALT, PREFIX);
	for (int k = 0; k < 4; k++)
		nonce[PREFIX + k] = (unsigned char)(i >> (24 - 8 * k));
	nonce[NONCE - 1] = last;
}

static int seal_stream_segment(const struct work *w, struct worker *me, uint64_t i,
			       struct cryo_err *err)
{
	const struct cryo_seal_run *run = w->run;
	const struct place p = find_segment_place(run, i);
	unsigned char *data = me->buf + p.head, nonce[NONCE];
	size_t got;
	int n, rc = cryo_seal_pread(run->in, data, p.n, run->in_base + p.plain_at, &got, err);

	if (rc == 0 && got < p.n)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "shrank while it was sealed");
	if (rc < 0)
		return rc;
	memcpy(me->buf, w->s->header, p.head);
	make_segment_nonce(w->s, i, p.last, nonce);
	if (EVP_EncryptInit_ex(me->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    (p.n > 0 && EVP_EncryptUpdate(me->ctx, data, &n, data, (int)p.n) != 1) ||
	    EVP_EncryptFinal_ex(me->ctx, data + p.n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(me->ctx, EVP_CTRL_AEAD_GET_TAG, CRYO_SEAL_TAG, data + p.n) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "cannot encrypt");
	return cryo_seal_pwrite(run->out, me->buf, p.head + p.n + CRYO_SEAL_TAG,
				run->out_base + i * CRYO_SEAL_SEGMENT, err);
}

static int open_stream_segment(const struct work *w, struct worker *me, uint64_t i,
			       struct cryo_err *err)
{
	const struct cryo_seal_run *run = w->run;
	const struct place p = find_segment_place(run, i);
	unsigned char *data = me->buf + p.head, nonce[NONCE];
	size_t got, want = p.head + p.n + CRYO_SEAL_TAG;
	int n, rc = cryo_seal_pread(run->in, me->buf, want, run->in_base + i * CRYO_SEAL_SEGMENT,
				    &got, err);

	if (rc == 0 && got < want)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "is truncated");
	if (rc < 0)
		return rc;
	make_segment_nonce(w->s, i, p.last, nonce);
	if (EVP_DecryptInit_ex(me->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(me->ctx, EVP_CTRL_AEAD_SET_TAG, CRYO_SEAL_TAG, data + p.n) != 1 ||
	    (p.n > 0 && EVP_DecryptUpdate(me->ctx, data, &n, data, (int)p.n) != 1))
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "cannot decrypt");
	if (EVP_DecryptFinal_ex(me->ctx, data + p.n, &n) != 1)
		return cryo_err_set(err, CRYO_E_TAMPER,
				    "is not what was sealed under this name in this set");
	return cryo_seal_pwrite(run->out, data, p.n, run->out_base + p.plain_at, err);
}

static int init_stream_worker(const struct work *w, struct worker *me, struct cryo_err *err)
{
	cryo_auto(EVP_CIPHER_free) EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	const struct cryo_seal_run *run = w->run;
	size_t room = CRYO_SEAL_SEGMENT;

	if (run->plain < PLAIN - CRYO_SEAL_HEADER)
		room = (size_t)run->plain + CRYO_SEAL_HEADER + CRYO_SEAL_TAG;
	me->ctx = EVP_CIPHER_CTX_new();
	me->buf =
	    aligned_alloc(BUFFER_ALIGN, (room + BUFFER_ALIGN - 1) & ~(size_t)(BUFFER_ALIGN - 1));
	/* The key schedule is made once; each segment only sets its nonce. */
	if (!gcm || !me->ctx || !me->buf ||
	    EVP_CipherInit_ex(me->ctx, gcm, NULL, w->s->key, NULL, !w->open) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_SYSTEM, "no AES-256-GCM");
	return 0;
}

static void note_stream_failure(struct work *w, int rc, const struct cryo_err *err)
{
	pthread_mutex_lock(&w->lock);
	if (w->rc == 0) {
		w->rc = rc;
		*w->err = *err;
	}
	pthread_mutex_unlock(&w->lock);
	atomic_store(&w->failed, true);
}

static void *run_stream_worker(void *arg)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct worker me = { 0 };
	struct work *w = arg;
	int rc = init_stream_worker(w, &me, &err);

	while (rc == 0 && !atomic_load(&w->failed)) {
		uint64_t i = atomic_fetch_add(&w->next, 1);

		if (i >= w->run->end)
			break;
		rc = cryo_intr_check(&err);
		if (rc == 0)
			rc = (w->open ? open_stream_segment : seal_stream_segment)(w, &me, i, &err);
	}
	if (rc < 0)
		note_stream_failure(w, rc, &err);
	EVP_CIPHER_CTX_free(me.ctx);
	free(me.buf); /* plaintext of the user's, not ours to wipe: it was in the page cache */
	return NULL;
}

static unsigned choose_thread_count(const struct cryo_seal_run *run)
{
	unsigned threads = run->threads ? run->threads : cryo_processors();
	uint64_t n = run->end - run->first;

	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	return n < threads ? (unsigned)n : threads;
}

/* The caller works too; where no more threads are to be had, it works alone. */
static int run_all_workers(struct work *w)
{
	pthread_t thread[MAX_THREADS];
	unsigned n = choose_thread_count(w->run), started = 0;

	while (started + 1 < n && pthread_create(&thread[started], NULL, run_stream_worker, w) == 0)
		started++;
	if (n > 0)
		run_stream_worker(w);
	while (started > 0)
		pthread_join(thread[--started], NULL);
	pthread_mutex_destroy(&w->lock);
	return cryo_err_wrap(w->err, w->rc, "'%s'", w->s->name);
}

int cryo_seal_stream_seal(const struct cryo_seal_stream *s, const struct cryo_seal_run *run,
			  struct cryo_err *err)
{
	struct work w = { .s = s, .run = run, .next = run->first, .err = err };

	pthread_mutex_init(&w.lock, NULL);
	return run_all_workers(&w);
}

int cryo_seal_stream_open(const struct cryo_seal_stream *s, const struct cryo_seal_run *run,
			  struct cryo_err *err)
{
	struct work w = { .s = s, .run = run, .open = true, .next = run->first, .err = err };

	pthread_mutex_init(&w.lock, NULL);
	return run_all_workers(&w);
}
