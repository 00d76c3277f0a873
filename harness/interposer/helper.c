/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/helper.h"

#include "base/clock.h"
#include "interposer/dump.h"
#include "interposer/fds.h"
#include "interposer/group.h"
#include "interposer/relay.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CRIU_ENDS_MS 10000

static void append_log_file(int dir, const char *name, int flags, const char *text)
{
	cryo_auto(cryo_fd_close) int fd = openat(
	    dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		dprintf(fd, "%s", text);
}

/* The name of a log in our own directory; NULL: it is elsewhere. Borrowed. */
static const char *find_own_log_name(const struct cryo_session *s, const char *path)
{
	size_t n = strlen(s->logs);

	return cryo_starts_with(path, s->logs) && path[n] == '/' && !strchr(path + n + 1, '/') &&
		       cryo_ends_with(path, ".log")
		   ? path + n + 1
		   : NULL;
}

bool cryo_helper_may_log(const struct cryo_session *s, const char *path)
{
	return !strchr(path, '/') || find_own_log_name(s, path);
}

/* Where CRIU's configuration wants its log, if that is there and ours. */
static void log_to_named(const struct cryo_session *s, const char *text)
{
	const char *name = s->criu_conf.log_file ? find_own_log_name(s, s->criu_conf.log_file)
						 : NULL;
	cryo_auto(cryo_fd_close) int dir = -1;

	if (!name)
		return;
	dir = open(s->logs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0)
		append_log_file(dir, name, 0, text);
}

/*
 * To CRIU's log, which is kept with a checkpoint and quoted when a dump fails.
 * After a failed restore nobody keeps it, and runc passes on no more than a
 * number; so also to where CRIU's configuration for this restore says, and to a
 * log of our own, if there is to be one.
 */
static void write_helper_log(const struct cryo_session *s, const char *level, const char *text)
{
	static const char *const work[] = { "relayed", "sealed", "opened", "fed" };
	cryo_auto(cryo_free) char *line = cryo_asprintf("%s(cryopod-criu): %s\n", level, text);
	cryo_auto(cryo_free) char *time = cryo_rfc3339(cryo_wall_ns());
	cryo_auto(cryo_free) char *own = cryo_asprintf(
	    "%s %s container=%s pid=%d: %s\n", time, *level ? "refused" : work[s->work_to_do],
	    *s->container ? s->container : "?", s->req.pid, text);

	if (s->work >= 0 && s->req.log_file && !strchr(s->req.log_file, '/'))
		append_log_file(s->work, s->req.log_file, O_CREAT, line);
	log_to_named(s, line);
	if (s->policy.log)
		append_log_file(AT_FDCWD, s->policy.log, O_CREAT, own);
}

/* All that the kubelet's message will show. */
static int choose_error_number(const struct cryo_err *why)
{
	if (why->sys_errno)
		return why->sys_errno;
	switch (why->status) {
	case CRYO_E_TAMPER:
		return EBADMSG;
	case CRYO_E_UNFIT:
		return ENOMEM;
	case CRYO_E_CONFIG:
		return ENOKEY;
	default:
		return EIO;
	}
}

void cryo_helper_refuse(const struct cryo_session *s, const struct cryo_err *why)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	struct cryo_err ignored;

	write_helper_log(s, "Error ", why->msg);
	cryo_rpc_pack_refusal(s->req.type, choose_error_number(why), why->msg, &p.data);
	cryo_packet_send(s->client, &p, &ignored);
}

static void close_unneeded_fds(const struct cryo_session *s)
{
	const int keep[] = { s->client, s->criu,      s->pidfd,	      s->ready,	     s->images,
			     s->work,	s->store.dir, s->store.mount, s->feed.source };

	cryo_fds_close_others(keep, CRYO_ARRAY_LEN(keep));
}

/* CRIU has not started yet, and will begin its log anew. */
static void log_images_made(const struct cryo_session *s, uint64_t bytes, int64_t ms)
{
	cryo_auto(cryo_free) char *size = cryo_size_show(bytes);
	cryo_auto(cryo_free) char *text = cryo_asprintf("%s in %lld ms", size, (long long)ms);

	write_helper_log(s, "", text);
}

static int open_sealed_set(struct cryo_session *s, struct cryo_err *err)
{
	const struct cryo_seal_reader_opts o = { .key = s->key,
						 .trusted = s->trusted,
						 .part = s->feed.part,
						 .parts = s->feed.pages.n,
						 .source = s->feed.source };
	struct cryo_seal_reader *reader = NULL;
	int64_t start = cryo_now_ms();
	uint64_t need;
	int rc = cryo_seal_reader_new(s->images, &o, &reader, err);

	if (rc < 0)
		return rc;
	need = cryo_seal_reader_plain_bytes(reader);
	rc = cryo_store_check(need, s->policy.memory, err);
	if (rc == 0)
		rc = cryo_seal_reader_all(reader, s->store.dir, err);
	cryo_seal_reader_free(reader);
	if (rc == 0)
		log_images_made(s, need, cryo_now_ms() - start);
	return rc;
}

static int feed_images(struct cryo_session *s, struct cryo_err *err)
{
	uint64_t need = cryo_feed_bytes(&s->feed);
	int64_t start = cryo_now_ms();
	int rc = cryo_store_check(need, s->policy.memory, err);

	if (rc == 0)
		rc = cryo_feed_copy(&s->feed, s->images, s->store.dir, err);
	if (rc == 0)
		log_images_made(s, need, cryo_now_ms() - start);
	return rc;
}

struct work {
	struct cryo_session *s;
	struct cryo_dump *dump;
};

static void log_set_sealed(const struct work *w, const char *when)
{
	cryo_auto(cryo_free) char *text = NULL, *size = NULL;
	struct cryo_dump_numbers n;

	cryo_dump_numbers(w->dump, &n);
	size = cryo_size_show(n.early);
	text = cryo_asprintf(
	    "sealed %s while criu dumped, the rest in %lld ms, with at most %llu kB of memory%s",
	    size, (long long)n.rest_ms, (unsigned long long)n.peak_kb, when);
	write_helper_log(w->s, "", text);
}

static int helper_on_resp(void *arg, const struct cryo_rpc_resp *resp, struct cryo_err *err)
{
	struct work *w = arg;
	int rc = cryo_dump_on_resp(w->dump, resp, err);

	if (rc < 0 || resp->type == CRYO_RPC_NOTIFY || !resp->success)
		return rc;
	if (!cryo_dump_is_due(w->dump))
		log_set_sealed(w, "");
	return 0;
}

/* Only whoever asks for it waits for the lock. And who is killed after the dump is never asked for.
 */
static enum cryo_dump_when choose_sealing_time(const struct cryo_session *s)
{
	if (!s->req.leave_running)
		return CRYO_DUMP_AT_POST_DUMP;
	return s->req.encrypt_later ? CRYO_DUMP_AFTER_ANSWER : CRYO_DUMP_BEFORE_ANSWER;
}

static int begin_helper_work(struct work *w, struct cryo_err *err)
{
	struct cryo_session *s = w->s;
	const struct cryo_seal_writer_opts o = { .recipient = s->cert,
						 .signer_cert = s->sign_cert,
						 .signer_key = s->sign_key };
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	int rc = 0;

	if (s->work_to_do == CRYO_OPENING)
		rc = open_sealed_set(s, err);
	if (s->work_to_do == CRYO_FEEDING)
		rc = feed_images(s, err);
	if (s->work_to_do == CRYO_SEALING)
		rc = cryo_dump_new(s->store.dir, s->images, choose_sealing_time(s), &o, &w->dump,
				   err);
	if (rc == 0 && w->dump)
		rc = cryo_dump_start(w->dump, err);
	if (rc < 0)
		return rc;
	cryo_rpc_req_pack(&s->req, &p.data);
	return cryo_packet_send(s->criu, &p, err);
}

static int run_helper_work(struct work *w, struct cryo_err *err)
{
	struct cryo_session *s = w->s;
	const struct cryo_relay relay = {
		.client = s->client,
		.criu = s->criu,
		.pidfd = s->pidfd,
		.client_notified = s->client_notified,
		.on_resp = w->dump ? helper_on_resp : NULL,
		.arg = w,
	};

	if (write(s->ready, "g", 1) != 1)
		return cryo_err_set(err, CRYO_E_CHILD, "criu disconnected");
	close(s->ready);
	s->ready = -1;
	return cryo_relay_run(&relay, err);
}

/*
 * CRIU found the container paused, by whoever called runc, and puts it back to
 * that when it gives up. That has to be over before anybody hears of the
 * failure and lets the container go on, or it stands still for good. Where nobody
 * is left to do that it is the guard's (guard.h).
 */
static void let_criu_end(struct cryo_session *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	if (s->work_to_do != CRYO_SEALING || s->ready >= 0)
		return;
	cryo_fd_closep(&s->criu);
	poll(&p, 1, CRIU_ENDS_MS);
}

/* The client hears of a failure when nothing is left of what was begun. */
static void refuse_helper_client(struct work *w, const struct cryo_err *why)
{
	cryo_dump_free(cryo_steal(&w->dump));
	cryo_store_remove(&w->s->store);
	let_criu_end(w->s);
	cryo_helper_refuse(w->s, why);
}

/* runc has its answer, and CRIU's end is waited for: nothing must wait for ours. */
static void finish_pending_dump(struct work *w)
{
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_fd_closep(&w->s->client);
	cryo_fd_closep(&w->s->criu);
	if (cryo_dump_later(w->dump, &err) < 0)
		write_helper_log(w->s, "Error ", err.msg);
	else
		log_set_sealed(w, ", after its answer");
}

static int run_helper_process(struct cryo_session *s)
{
	struct work w = { .s = s };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc;

	prctl(PR_SET_NAME, "cryopod-seal");
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	close_unneeded_fds(s);
	/*
	 * On a restore we are in the cgroup of the new container: plain images would
	 * count against its memory limit, on top of the memory they become. So go to
	 * where runc is; where that fails, only the limit is felt.
	 */
	if (s->work_to_do == CRYO_OPENING || s->work_to_do == CRYO_FEEDING)
		cryo_group_join_memory(s->peer);
	rc = begin_helper_work(&w, &err);
	if (rc == 0)
		rc = run_helper_work(&w, &err);
	if (rc < 0)
		refuse_helper_client(&w, &err);
	else if (w.dump && cryo_dump_is_due(w.dump))
		finish_pending_dump(&w);
	cryo_dump_free(w.dump);
	cryo_store_remove(&s->store);
	return EXIT_SUCCESS;
}

int cryo_helper_start(struct cryo_session *s)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_helper_process(s));
	return pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
