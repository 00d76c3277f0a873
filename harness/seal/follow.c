/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/writer.h"

#include "seal/stream.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Few and large holes: each costs a system call, and a lock that the writer of the
 * file wants. Not smaller than a large page of tmpfs: of a part of one the bytes
 * might only be zeroed.
 */
#define PUNCH (UINT64_C(4) << 20)

struct cryo_seal_follow {
	struct cryo_seal_follow *next;
	struct cryo_seal_writer *w;
	struct cryo_seal_stream *s;
	char *name;
	int in, out;	  /* in is borrowed */
	uint64_t segment; /* the next one to be sealed */
	bool punch;
	uint64_t punched; /* a hole up to here */
};

static void free_seal_follow(struct cryo_seal_follow *f)
{
	cryo_seal_stream_free(f->s);
	cryo_fd_closep(&f->out);
	free(f->name);
	free(f);
}

static void free_following_list(struct cryo_seal_follow *list)
{
	while (list) {
		struct cryo_seal_follow *next = list->next;

		free_seal_follow(list);
		list = next;
	}
}

int cryo_seal_follow_new(struct cryo_seal_writer *w, const char *name, int fd, bool punch,
			 struct cryo_seal_follow **out, struct cryo_err *err)
{
	struct cryo_seal_follow *f = cryo_alloc(sizeof(*f));
	int rc;

	*f = (struct cryo_seal_follow){ .w = w, .in = fd, .out = -1, .punch = punch };
	f->name = cryo_strdup(name);
	rc = cryo_seal_stream_new(w->secret, name, NULL, &f->s, err);
	if (rc == 0)
		rc = cryo_seal_writer_create(w, name, &f->out, err);
	if (rc < 0) {
		w->broken = true;
		free_seal_follow(f);
		return rc;
	}
	f->next = w->following;
	w->following = f;
	w->free_following = free_following_list;
	*out = f;
	return 0;
}

/* Smaller than what was sealed: somebody cut it. */
static int read_followed_size(const struct cryo_seal_follow *f, uint64_t *size,
			      struct cryo_err *err)
{
	int rc = cryo_seal_file_size(f->name, f->in, size, err);

	if (rc == 0 && f->segment > 0 && *size <= cryo_seal_stream_at(f->segment))
		rc = cryo_err_set(err, CRYO_E_TAMPER, "'%s' shrank while it was sealed", f->name);
	return rc;
}

static int seal_followed_until(struct cryo_seal_follow *f, uint64_t end, uint64_t plain,
			       struct cryo_err *err)
{
	const struct cryo_seal_run run = { .in = f->in,
					   .out = f->out,
					   .first = f->segment,
					   .end = end,
					   .plain = plain,
					   .threads = f->w->opts.threads };
	int rc = cryo_seal_stream_seal(f->s, &run, err);

	if (rc == 0)
		f->segment = end;
	return rc;
}

/* Whoever writes where we have been makes data out of the hole: then the seal is not the file. */
static int check_punched_hole(const struct cryo_seal_follow *f, struct cryo_err *err)
{
	off_t data = f->punched ? lseek(f->in, 0, SEEK_DATA) : 0;

	if (f->punched == 0 || (data < 0 && errno == ENXIO) || data >= (off_t)f->punched)
		return 0;
	if (data < 0)
		return cryo_err_sys(err, errno, "cannot look for holes in '%s'", f->name);
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "'%s' was changed in a part that was already sealed", f->name);
}

static int punch_sealed_hole(struct cryo_seal_follow *f, struct cryo_err *err)
{
	uint64_t to = cryo_seal_stream_at(f->segment);

	to -= to % PUNCH;
	if (!f->punch || to <= f->punched)
		return 0;
	if (fallocate(f->in, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->punched,
		      (off_t)(to - f->punched)) < 0)
		return cryo_err_sys(err, errno, "cannot punch a hole into '%s'", f->name);
	f->punched = to;
	return 0;
}

int cryo_seal_follow_feed(struct cryo_seal_follow *f, uint64_t max_bytes, uint64_t *consumed,
			  struct cryo_err *err)
{
	uint64_t size, end, most = max_bytes / CRYO_SEAL_SEGMENT;
	int rc = read_followed_size(f, &size, err);

	if (rc == 0) {
		end = cryo_seal_stream_segments(size) - 1;
		if (max_bytes && end > f->segment + (most ? most : 1))
			end = f->segment + (most ? most : 1);
		if (end > f->segment)
			rc = seal_followed_until(f, end, UINT64_MAX, err);
	}
	if (rc == 0)
		rc = punch_sealed_hole(f, err);
	if (rc < 0)
		f->w->broken = true;
	else if (consumed)
		*consumed = cryo_seal_stream_at(f->segment);
	return rc;
}

static void unlink_seal_follow(struct cryo_seal_follow *f)
{
	struct cryo_seal_follow **p = &f->w->following;

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	free_seal_follow(f);
}

static int finish_seal_follow(struct cryo_seal_follow *f, struct cryo_err *err)
{
	uint64_t size, after;
	int rc = read_followed_size(f, &size, err);

	if (rc == 0)
		rc = seal_followed_until(f, cryo_seal_stream_segments(size), size, err);
	if (rc == 0)
		rc = check_punched_hole(f, err);
	if (rc == 0)
		rc = cryo_seal_file_size(f->name, f->in, &after, err);
	if (rc == 0 && after != size)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "'%s' changed while it was sealed", f->name);
	if (rc == 0)
		cryo_seal_manifest_find(&f->w->manifest, f->name)->plain = size;
	return rc;
}

int cryo_seal_follow_finish(struct cryo_seal_follow *f, struct cryo_err *err)
{
	int rc = finish_seal_follow(f, err);

	if (rc < 0)
		f->w->broken = true;
	else
		unlink_seal_follow(f);
	return rc;
}
