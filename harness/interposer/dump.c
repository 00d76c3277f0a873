/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/dump.h"

#include "base/clock.h"
#include "interposer/pending.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two checks whether it should end: some milliseconds of work. */
#define FEED_BYTES (8u << 20)
#define REST_MS	   2
#define NICE	   5  /* CRIU first: while it works the tasks are frozen */
#define NICE_LATER 19 /* and whoever lets them go on, and then they themselves */

struct followed {
	char *name;
	int fd;
	struct cryo_seal_follow *follow;
	uint64_t consumed;
};

/*
 * While CRIU works, a thread of its own follows the pages, and everything below
 * belongs to it: CRIU's questions must not wait for a piece of sealing, as the
 * tasks are frozen meanwhile. It is ended before anybody else looks.
 */
struct cryo_dump {
	int plain;
	int out, pending; /* -1: nobody waits for its lock */
	enum cryo_dump_when when;
	bool complete;
	struct cryo_seal_writer *writer;
	struct followed *files;
	size_t n;
	int64_t rest_ms;
	uint64_t early, peak;
	pthread_t thread;
	bool following;
	atomic_bool stop, failed;
	struct cryo_err why; /* of failed */
};

int cryo_dump_new(int plain, int out, enum cryo_dump_when when,
		  const struct cryo_seal_writer_opts *o, struct cryo_dump **d, struct cryo_err *err)
{
	struct cryo_seal_writer *writer = NULL;
	int rc = cryo_seal_writer_new(out, o, &writer, err);

	if (rc < 0)
		return rc;
	*d = cryo_alloc(sizeof(**d));
	(*d)->plain = plain;
	(*d)->out = out;
	(*d)->pending = -1;
	(*d)->when = when;
	(*d)->writer = writer;
	return 0;
}

static void end_following_thread(struct cryo_dump *d)
{
	atomic_store(&d->stop, true);
	if (d->following)
		pthread_join(d->thread, NULL);
	d->following = false;
}

void cryo_dump_free(struct cryo_dump *d)
{
	if (!d)
		return;
	end_following_thread(d);
	cryo_seal_writer_free(d->writer);
	for (size_t i = 0; i < d->n; i++) {
		close(d->files[i].fd);
		free(d->files[i].name);
	}
	free(d->files);
	cryo_fd_closep(&d->pending);
	free(d);
}

/* Memory pages: the only images that get big, and that CRIU only ever appends to. */
static bool is_pages_image(const char *name)
{
	return cryo_starts_with(name, "pages-") && cryo_ends_with(name, ".img");
}

static bool is_followed_image(const struct cryo_dump *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (cryo_streq(d->files[i].name, name))
			return true;
	return false;
}

static int follow_pages_image(struct cryo_dump *d, const char *name, struct cryo_err *err)
{
	struct followed f = { .fd = openat(d->plain, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) };
	int rc;

	if (f.fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", name);
	rc = cryo_seal_follow_new(d->writer, name, f.fd, true, &f.follow, err);
	if (rc < 0) {
		close(f.fd);
		return rc;
	}
	f.name = cryo_strdup(name);
	d->files = cryo_realloc(d->files, d->n + 1, sizeof(*d->files));
	d->files[d->n++] = f;
	return 0;
}

static int find_pages_images(struct cryo_dump *d, struct cryo_err *err)
{
	int fd = openat(d->plain, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return cryo_err_sys(err, errno, "cannot list the images");
	for (struct dirent *e; rc == 0 && (e = readdir(dir));)
		if (is_pages_image(e->d_name) && !is_followed_image(d, e->d_name))
			rc = follow_pages_image(d, e->d_name, err);
	closedir(dir);
	return rc;
}

/* What the plain images take now. */
static uint64_t sum_plain_bytes(const struct cryo_dump *d)
{
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < d->n; i++)
		if (fstat(d->files[i].fd, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	return sum;
}

/* A piece of each file. *more: there may be another one already. */
static int feed_followed_images(struct cryo_dump *d, bool *more, struct cryo_err *err)
{
	int rc = find_pages_images(d, err);
	uint64_t held = sum_plain_bytes(d);

	if (held > d->peak)
		d->peak = held;
	for (size_t i = 0; rc == 0 && i < d->n; i++) {
		struct followed *f = &d->files[i];
		uint64_t before = f->consumed;

		rc = cryo_seal_follow_feed(f->follow, FEED_BYTES, &f->consumed, err);
		*more |= f->consumed - before >= FEED_BYTES / 2;
		d->early += f->consumed - before;
	}
	return rc;
}

/* Of this thread, and of those that it starts to seal with. */
static void lower_priority(int by)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + by);
}

static void *run_following_thread(void *arg)
{
	struct cryo_dump *d = arg;
	int rc = 0;

	lower_priority(NICE);
	while (rc == 0 && !atomic_load(&d->stop)) {
		bool more = false;

		rc = feed_followed_images(d, &more, &d->why);
		if (rc == 0 && !more)
			usleep(REST_MS * 1000);
	}
	if (rc < 0)
		atomic_store(&d->failed, true);
	return NULL;
}

int cryo_dump_start(struct cryo_dump *d, struct cryo_err *err)
{
	int e;

	/* The pause is over sooner without: nothing is left to be done in it, and CRIU has the
	 * processors for itself. */
	if (d->when == CRYO_DUMP_AFTER_ANSWER)
		return 0;
	e = pthread_create(&d->thread, NULL, run_following_thread, d);

	d->following = e == 0;
	return e ? cryo_err_sys(err, e, "cannot start a thread") : 0;
}

/* What the thread came across is told at the next question. */
static int check_following(struct cryo_dump *d, struct cryo_err *err)
{
	if (!atomic_load(&d->failed))
		return 0;
	*err = d->why;
	return cryo_err_wrap(err, -(int)err->status, "cannot seal");
}

static int complete_sealed_set(struct cryo_dump *d, struct cryo_err *err)
{
	int64_t start = cryo_now_ms();
	int rc;

	end_following_thread(d);
	rc = check_following(d, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < d->n; i++)
		rc = cryo_seal_follow_finish(d->files[i].follow, err);
	if (rc == 0)
		rc = cryo_seal_writer_dir(d->writer, d->plain, err);
	if (rc == 0)
		rc = cryo_seal_writer_finish(d->writer, err);
	d->complete = rc == 0;
	d->rest_ms = cryo_now_ms() - start;
	return cryo_err_wrap(err, rc, "cannot seal");
}

/* CRIU has finished its work, and says so. */
static int handle_dump_answer(struct cryo_dump *d, struct cryo_err *err)
{
	switch (d->when) {
	case CRYO_DUMP_AT_POST_DUMP:
		return cryo_err_set(err, CRYO_E_CHILD,
				    "criu ended the dump without asking at post-dump: not sealed");
	case CRYO_DUMP_AFTER_ANSWER:
		return cryo_pending_begin(d->out, &d->pending, err);
	case CRYO_DUMP_BEFORE_ANSWER:
		break;
	}
	return complete_sealed_set(d, err);
}

int cryo_dump_on_resp(void *dump, const struct cryo_rpc_resp *resp, struct cryo_err *err)
{
	struct cryo_dump *d = dump;
	int rc = check_following(d, err);

	if (rc < 0)
		return rc;
	if (resp->type == CRYO_RPC_NOTIFY) {
		bool now = d->when == CRYO_DUMP_AT_POST_DUMP &&
			   cryo_streq(resp->script, "post-dump");

		return now && !d->complete ? complete_sealed_set(d, err) : 0;
	}
	return resp->success && !d->complete ? handle_dump_answer(d, err) : 0;
}

bool cryo_dump_is_due(const struct cryo_dump *d)
{
	return d->pending >= 0 && !d->complete;
}

/* In pieces, so that the plain pages go as the sealed ones come. */
static int seal_pages_image(struct cryo_dump *d, struct cryo_err *err)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		more = false;
		rc = feed_followed_images(d, &more, err);
	}
	d->early = 0;
	return cryo_err_wrap(err, rc, "cannot seal");
}

int cryo_dump_later(struct cryo_dump *d, struct cryo_err *err)
{
	int64_t start = cryo_now_ms();
	int rc;

	lower_priority(NICE_LATER);
	rc = seal_pages_image(d, err);
	if (rc == 0)
		rc = complete_sealed_set(d, err);
	d->rest_ms = cryo_now_ms() - start;
	if (rc < 0)
		cryo_pending_failed(d->pending, err->msg);
	return rc;
}

void cryo_dump_numbers(const struct cryo_dump *d, struct cryo_dump_numbers *out)
{
	struct rusage usage = { .ru_maxrss = 0 };

	getrusage(RUSAGE_SELF, &usage);
	*out = (struct cryo_dump_numbers){ .early = d->early,
					   .rest_ms = d->rest_ms,
					   .peak_kb = (d->peak >> 10) + (uint64_t)usage.ru_maxrss };
}
