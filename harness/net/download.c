/* SPDX-License-Identifier: Apache-2.0 */
#include "net/download.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 30000
#define MAX_REDIRECTS	   10
#define NOTE_EVERY	   200
#define NOTHING_LEFT	   416 /* we have all of it */

struct download {
	const struct cryo_download *d;
	CURL *easy;
	int fd, write_errno;
	int64_t have, begin, noted, moved_at;
	curl_off_t moved;
	struct cryo_err err; /* why we ended it */
	bool too_large;
	char message[CURL_ERROR_SIZE];
};

static size_t download_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct download *x = arg;
	size_t left = size * n;

	x->too_large = (uint64_t)x->have + left > x->d->max;
	if (x->too_large)
		return 0;
	while (left > 0) {
		ssize_t w = write(x->fd, data, left);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			x->write_errno = errno;
			return 0;
		}
		data += w;
		left -= (size_t)w;
		x->have += w;
	}
	return size * n;
}

static void note_download_progress(struct download *x, int64_t now, curl_off_t total,
				   curl_off_t done)
{
	cryo_auto(cryo_free) char *have = cryo_size_show((uint64_t)x->have);
	int64_t ms = now - x->begin;
	double rate = ms > 0 ? (double)done / 1048.576 / (double)ms : 0.0;

	x->noted = now;
	if (total > 0) {
		cryo_auto(cryo_free) char *all = cryo_size_show((uint64_t)(x->have - done + total));

		cryo_step_note("%s of %s, %.1f MiB/s", have, all, rate);
	} else {
		cryo_step_note("%s, %.1f MiB/s", have, rate);
	}
}

/* At least once a second, also while nothing comes. */
static int download_on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up_total,
				curl_off_t up)
{
	struct download *x = arg;
	int64_t now = cryo_now_ms();

	(void)up_total;
	(void)up;
	if (done != x->moved) {
		x->moved = done;
		x->moved_at = now;
	}
	if (now - x->moved_at > x->d->quiet_ms) {
		cryo_auto(cryo_free) char *limit = cryo_duration_show(x->d->quiet_ms);

		cryo_err_set(&x->err, CRYO_E_TIMEOUT, "'%s' sent nothing for %s", x->d->url, limit);
		return 1;
	}
	if (done > 0 && now - x->noted >= NOTE_EVERY)
		note_download_progress(x, now, total, done);
	return cryo_intr_check(&x->err) < 0;
}

static void prepare_download(struct download *x)
{
	CURL *easy = x->easy;

	curl_easy_setopt(easy, CURLOPT_URL, x->d->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "cryopod");
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->message);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, download_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, download_on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)x->have);
}

static int judge_download(struct download *x, CURLcode code, struct cryo_err *err)
{
	const char *why = *x->message ? x->message : curl_easy_strerror(code);
	const char *url = x->d->url;
	long http = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &http);
	if (code == CURLE_OK || (x->have > 0 && http == NOTHING_LEFT))
		return 0;
	if (x->err.status != CRYO_OK) {
		*err = x->err;
		return -(int)err->status;
	}
	if (x->too_large)
		return cryo_err_set(err, CRYO_E_REMOTE, "'%s' is larger than %llu bytes", url,
				    (unsigned long long)x->d->max);
	if (x->write_errno == ENOSPC)
		return cryo_err_set(err, CRYO_E_UNFIT, "no space left for '%s'", x->d->path);
	if (x->write_errno)
		return cryo_err_sys(err, x->write_errno, "cannot write '%s'", x->d->path);
	cryo_err_set(err, CRYO_E_REMOTE, "cannot fetch '%s': %s", url, why);
	err->http_code = (int)(code == CURLE_HTTP_RETURNED_ERROR ? http : 0);
	return -(int)CRYO_E_REMOTE;
}

static CURLcode attempt_download(struct download *x)
{
	CURLcode code;

	x->begin = x->moved_at = cryo_now_ms();
	x->moved = 0;
	prepare_download(x);
	code = curl_easy_perform(x->easy);
	if (code != CURLE_RANGE_ERROR || x->have == 0)
		return code;
	/* The server cannot go on in the middle: from the start, then. */
	if (ftruncate(x->fd, 0) < 0 || lseek(x->fd, 0, SEEK_SET) < 0)
		return code;
	x->have = 0;
	prepare_download(x);
	return curl_easy_perform(x->easy);
}

int cryo_download(const struct cryo_download *d, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd =
	    open(d->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct download x = { .d = d, .fd = fd };
	int rc;

	if (fd < 0 || (x.have = lseek(fd, 0, SEEK_END)) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", d->path);
	x.easy = curl_easy_init();
	if (!x.easy)
		abort();
	rc = judge_download(&x, attempt_download(&x), err);
	curl_easy_cleanup(x.easy);
	if (rc == 0 && fsync(fd) < 0)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", d->path);
	return rc;
}
