/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/forked.h"

#include <string.h>

#define IMG_COMMON_MAGIC 0x54564319u
#define CIPHER_MAGIC	 0x50034653u
#define EXTRA		 28 /* a tag and a nonce beside each ciphertext */
#define PAGE		 4096
#define PACKET		 (EXTRA + 4 + 8 + PAGE)

struct image {
	const char *p;
	size_t have;   /* of it */
	uint64_t size; /* all of it */
};

static uint32_t read_le32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint64_t read_le64(const char *p)
{
	return read_le32(p) | (uint64_t)read_le32(p + 4) << 32;
}

/* The magic words in front: two, inventory.img has one. */
static size_t measure_header(const struct image *i)
{
	if (i->have < 4)
		return i->have;
	return read_le32(i->p) == IMG_COMMON_MAGIC ? 8 : 4;
}

/* --- records: u32 size | message, or ciphertext of that size and EXTRA --- */

enum framing { FRAMES_END, FRAMES_CUT, FRAMES_BROKEN };

/* *full: records that hold something. */
static enum framing walk_records(const struct image *i, size_t extra, size_t *full)
{
	uint64_t at = measure_header(i);

	*full = 0;
	while (at < i->size) {
		uint32_t n;

		if (at + 4 > i->have)
			return i->have < i->size ? FRAMES_CUT : FRAMES_BROKEN;
		n = read_le32(i->p + at);
		at += 4 + (n ? n + (uint64_t)extra : 0);
		*full += n > 0;
	}
	return at == i->size ? FRAMES_END : FRAMES_BROKEN;
}

static enum cryo_forked_form judge_records(const struct image *i)
{
	size_t full, plain;
	enum framing ours = walk_records(i, EXTRA, &full);

	if (ours == FRAMES_BROKEN)
		return CRYO_FORKED_PLAIN;
	if (full == 0)
		return CRYO_FORKED_EMPTY;
	/* Of a long image only the begin is here: read in the wrong way it soon jumps far. */
	if (ours == FRAMES_CUT && walk_records(i, 0, &plain) == FRAMES_CUT && plain > full)
		return CRYO_FORKED_PLAIN;
	return CRYO_FORKED_ENCRYPTED;
}

/* Every message of CRIU's begins with its field 1, and can be read to its end. */
static bool is_protobuf(const char *p, size_t n)
{
	size_t at = 0;

	if (n == 0 || (unsigned char)p[0] >> 3 != 1)
		return false;
	while (at < n) {
		unsigned char tag = (unsigned char)p[at++], byte;
		uint64_t value = 0;
		unsigned shift = 0;

		while (tag & 0x80 && at < n && p[at] & 0x80)
			at++;
		at += tag & 0x80 ? 1 : 0;
		if ((tag & 7) == 5 || (tag & 7) == 1) {
			at += (tag & 7) == 5 ? 4 : 8;
			continue;
		}
		do {
			if (at >= n || shift > 63 || ((tag & 7) != 0 && (tag & 7) != 2))
				return false;
			byte = (unsigned char)p[at++];
			value |= (uint64_t)(byte & 0x7f) << shift;
			shift += 7;
		} while (byte & 0x80);
		if ((tag & 7) == 2 && value > n - at)
			return false;
		at += (tag & 7) == 2 ? value : 0;
	}
	return at == n;
}

/* Records with data of other lengths behind them: by the first record. *end: behind it. */
static enum cryo_forked_form judge_first_record(const struct image *i, uint64_t *end)
{
	size_t at = measure_header(i), n;

	*end = at;
	if (at + 4 > i->have)
		return i->size == at ? CRYO_FORKED_EMPTY : CRYO_FORKED_PLAIN;
	n = read_le32(i->p + at);
	*end = at + 4 + (n ? n + (uint64_t)EXTRA : 0);
	if (*end > i->size || (n <= i->have - at - 4 && is_protobuf(i->p + at + 4, n)))
		return CRYO_FORKED_PLAIN;
	return CRYO_FORKED_ENCRYPTED;
}

/* A small deleted file: tag, nonce, s64 length, ciphertext, to the end. */
static bool is_chunked(const struct image *i, uint64_t at)
{
	while (at + EXTRA + 8 <= i->have) {
		uint64_t n = read_le64(i->p + at + EXTRA);

		if (n == 0 || n > PAGE)
			return false;
		at += EXTRA + 8 + n;
	}
	return at == i->size;
}

static enum cryo_forked_form judge_ghost(const struct image *i)
{
	uint64_t end;
	enum cryo_forked_form form = judge_first_record(i, &end);

	if (form != CRYO_FORKED_ENCRYPTED || is_chunked(i, end))
		return form;
	return CRYO_FORKED_CLEAR;
}

static enum cryo_forked_form judge_data(const struct image *i)
{
	uint64_t end;

	return judge_first_record(i, &end);
}

/* --- without records --- */

static bool is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* What a tool wrote into a pipe; *padding: packets are filled up with something. */
static enum cryo_forked_form judge_packets(const struct image *i, bool *padding)
{
	if (i->size == 0)
		return CRYO_FORKED_EMPTY;
	if (i->size % PACKET)
		return CRYO_FORKED_PLAIN;
	for (size_t at = 0; at + PACKET <= i->have; at += PACKET) {
		uint64_t n = read_le64(i->p + at + EXTRA + 4);

		if (n == 0 || n > PAGE)
			return CRYO_FORKED_PLAIN;
		*padding = *padding || !is_zero(i->p + at + EXTRA, 4) ||
			   !is_zero(i->p + at + PACKET - PAGE + n, PAGE - n);
	}
	return CRYO_FORKED_ENCRYPTED;
}

/* Whole pages look the same in clear; a canary tells. */
static enum cryo_forked_form judge_pages(const struct image *i)
{
	if (i->size == 0)
		return CRYO_FORKED_EMPTY;
	return i->size % PAGE ? CRYO_FORKED_PLAIN : CRYO_FORKED_ENCRYPTED;
}

/* --- which is which --- */

enum kind { RECORDS, DATA, GHOST, PACKETS, PAGES, CLEAR };

static const struct {
	const char *prefix;
	enum kind kind;
	const char *shows;
} row[] = {
	{ "pages-", PAGES, NULL },
	{ "ghost-file-", GHOST, "the content of a deleted file of 12 KiB or more" },
	{ "pipes-data", DATA, NULL },
	{ "fifo-data", DATA, NULL },
	{ "sk-queues", DATA, NULL },
	{ "tcp-stream-", DATA, NULL },
	{ "ipcns-sem-", DATA, NULL },
	{ "ipcns-msg-", DATA, NULL },
	{ "bpfmap-data", DATA, NULL },
	{ "tmpfs-", PACKETS, NULL },
	{ "iptables-", PACKETS, NULL },
	{ "ip6tables-", PACKETS, NULL },
	{ "ifaddr-", CLEAR, "network addresses" },
	{ "route-", CLEAR, "routes" },
	{ "route6-", CLEAR, "routes" },
	{ "rule-", CLEAR, "routing rules" },
	{ "nftables-", CLEAR, "firewall rules" },
};

static enum cryo_forked_form judge_image(struct cryo_forked *f, const char *name,
					 const struct image *i, const char **shows)
{
	enum kind kind = RECORDS;

	for (size_t k = 0; k < CRYO_ARRAY_LEN(row); k++)
		if (cryo_starts_with(name, row[k].prefix)) {
			kind = row[k].kind;
			*shows = row[k].shows;
		}
	switch (kind) {
	case DATA:
		return judge_data(i);
	case GHOST:
		return judge_ghost(i);
	case PACKETS:
		return judge_packets(i, &f->padding);
	case PAGES:
		return judge_pages(i);
	case CLEAR:
		return i->size > 0 ? CRYO_FORKED_CLEAR : CRYO_FORKED_EMPTY;
	case RECORDS:
		break;
	}
	return judge_records(i);
}

/* Its token, the first field, is as long as the modulus. */
static void read_cipher_image(struct cryo_forked *f, const struct image *i)
{
	size_t n = 0, at = 13, shift = 0;

	if (i->have < 16 || read_le32(i->p) != IMG_COMMON_MAGIC ||
	    read_le32(i->p + 4) != CIPHER_MAGIC || i->p[12] != 0x0a)
		return;
	do
		n |= (size_t)(i->p[at] & 0x7f) << shift, shift += 7;
	while (i->p[at++] & 0x80 && at < 16);
	if (n >= 64 && n <= 2048 && at + n <= i->have)
		f->key_bits = (unsigned)n * 8;
}

enum cryo_forked_form cryo_forked_take(struct cryo_forked *f, const char *name, const char *head,
				       size_t have, uint64_t size)
{
	const struct image i = { head, have, size };
	const char *shows = NULL;
	enum cryo_forked_form form;

	if (strcmp(name, "cipher.img") == 0) {
		read_cipher_image(f, &i);
		return CRYO_FORKED_EMPTY;
	}
	form = judge_image(f, name, &i, &shows);
	if (form == CRYO_FORKED_ENCRYPTED)
		f->encrypted++;
	else if (form == CRYO_FORKED_CLEAR)
		cryo_strv_addf(&f->clear, "%s: %s", name, shows);
	else if (form == CRYO_FORKED_PLAIN)
		cryo_strv_add(&f->plain, name);
	return form;
}

const char *const *cryo_forked_weaknesses(void)
{
	static const char *const all[] = {
		"equal memory pages can be recognized, also across processes",
		"it has no proof of origin: anyone with the certificate can make one",
		"parts can be exchanged, repeated or left out without being noticed",
		"the digest over memory does not bind pages to processes",
		"file names and the sizes of records can be read",
		NULL
	};

	return all;
}

void cryo_forked_release(struct cryo_forked *f)
{
	cryo_strv_release(&f->clear);
	cryo_strv_release(&f->plain);
	*f = (struct cryo_forked){ 0 };
}
