/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CRIU that dumps nothing but speaks `swrk` like the real one, for
 * test_relay.c. $FAKE_CRIU tells it what to do; what it did lies as files in
 * the work directory.
 */
#ifndef CRYO_TESTS_INTERPOSER_FAKE_CRIU_H
#define CRYO_TESTS_INTERPOSER_FAKE_CRIU_H

#include "criu/rpc.h"
#include "criu/rpc.pb-c.h"
#include "interposer/relay.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARKER	   "this-was-in-memory"
#define PAGES_MIB  5
#define LARGE_MIB  256
#define MIB	   (1u << 20)
#define FAKE_ERROR "fake criu: it cannot be done"

struct fake {
	int sock, images, work;
	struct cryo_rpc_req req;
};

static inline bool fake_does(const char *what)
{
	const char *mode = getenv("FAKE_CRIU");

	return mode && strcmp(mode, what) == 0;
}

static inline bool fake_put(int dir, const char *name, const void *data, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	bool ok = fd >= 0 && write(fd, data, n) == (ssize_t)n;

	close(fd);
	return ok;
}

static inline void fake_send(const struct fake *f, CriuResp *resp, int fd)
{
	struct cryo_packet p = { 0 };
	struct cryo_err err;
	uint8_t buf[2048];

	resp->has_type = resp->has_success = true;
	cryo_str_addn(&p.data, buf, criu_resp__pack(resp, buf));
	if (fd >= 0)
		p.fds[p.n_fds++] = fd;
	cryo_packet_send(f->sock, &p, &err);
	cryo_str_release(&p.data);
}

/* A child that has our socket and does not end with us, before "release" is in the work directory.
 */
static inline void fake_leave_orphan(const struct fake *f)
{
	if (fork() > 0)
		raise(SIGKILL);
	for (int i = 0; i < 3000 && faccessat(f->work, "release", F_OK, 0) < 0; i++)
		usleep(10000);
	_exit(0);
}

static inline bool fake_ask(const struct fake *f, const char *script)
{
	CriuNotify notify = CRIU_NOTIFY__INIT;
	CriuResp resp = CRIU_RESP__INIT;
	struct cryo_packet p = { 0 };
	struct cryo_rpc_req answer = { 0 };
	struct cryo_err err;
	bool ok;

	if (!f->req.notify_scripts)
		return true;
	notify.script = (char *)script;
	resp.type = CRYO_RPC_NOTIFY;
	resp.success = true;
	resp.notify = &notify;
	if (fake_does(script))
		raise(SIGKILL);
	if (fake_does("orphan"))
		fake_leave_orphan(f);
	fake_send(f, &resp, cryo_streq(script, "pre-dump") ? f->work : -1);
	ok = cryo_packet_receive(f->sock, &p, &err) == 1 &&
	     cryo_rpc_req_parse(p.data.p, p.data.len, &answer, &err) == 0 &&
	     answer.type == CRYO_RPC_NOTIFY && answer.notify_success;
	cryo_rpc_req_release(&answer);
	cryo_packet_release(&p);
	return ok;
}

static inline bool fake_write_pages(const struct fake *f)
{
	char *mib = cryo_alloc(MIB);
	bool ok = true;

	for (size_t i = 0; i + sizeof(MARKER) < MIB; i += 4096)
		memcpy(mib + i, MARKER, sizeof(MARKER));
	for (int i = 0; ok && i < PAGES_MIB; i++) {
		ok = fake_put(f->images, "pages-1.img", mib, MIB);
		usleep(3000);
	}
	free(mib);
	return ok;
}

/* An image that takes some time to be sealed, and none to be dumped. "link": one that cannot be. */
static inline bool fake_write_more(const struct fake *f)
{
	int fd;
	bool ok;

	if (fake_does("link"))
		return symlinkat("core-1.img", f->images, "link.img") == 0;
	if (!fake_does("large"))
		return true;
	fd = openat(f->images, "large.img", O_WRONLY | O_CREAT, 0600);
	ok = fd >= 0 && ftruncate(fd, (off_t)LARGE_MIB * MIB) == 0;
	close(fd);
	return ok;
}

static inline bool fake_dump(const struct fake *f)
{
	bool ok = fake_ask(f, "pre-dump") && fake_ask(f, "network-lock") && fake_write_pages(f) &&
		  fake_put(f->images, "core-1.img", MARKER, sizeof(MARKER)) && !fake_does("fail") &&
		  fake_write_more(f) && fake_ask(f, "post-dump");

	if (fake_does("slow"))
		usleep(300000);
	if (!ok || f->req.leave_running)
		fake_put(f->work, "resumed", "", 0);
	fake_ask(f, "network-unlock");
	return ok;
}

/* What it gets to see of the pages is in "pages-seen". */
static inline void fake_keep_pages(const struct fake *f)
{
	int fd = openat(f->images, "pages-1.img", O_RDONLY);
	char *mib = cryo_alloc(MIB);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, mib, MIB)) > 0)
		fake_put(f->work, "pages-seen", mib, (size_t)n);
	free(mib);
	close(fd);
}

static inline bool fake_restore(const struct fake *f)
{
	char text[sizeof(MARKER)] = "";
	int fd = openat(f->images, "core-1.img", O_RDONLY);
	bool ok = fd >= 0 && read(fd, text, sizeof(text)) > 0 && cryo_streq(text, MARKER);

	close(fd);
	ok = ok && fake_ask(f, "pre-restore") && fake_ask(f, "post-restore");
	if (ok)
		fake_put(f->work, "restored", "", 0);
	fake_keep_pages(f);
	if (f->req.auto_dedup)
		fake_put(f->work, "dedup", "", 0);
	return ok;
}

static inline int fake_dir(const struct fake *f, int number)
{
	struct ucred cred = { 0 };
	socklen_t n = sizeof(cred);
	char path[64];

	getsockopt(f->sock, SOL_SOCKET, SO_PEERCRED, &cred, &n);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", cred.pid, number);
	return open(path, O_RDONLY | O_DIRECTORY);
}

/* What it has read of its configuration. */
static inline void fake_keep_conf(const struct fake *f)
{
	struct cryo_str text = { 0 };
	struct cryo_err err;

	if (f->req.config_file)
		fake_put(f->work, "conf-path", f->req.config_file, strlen(f->req.config_file));
	if (f->req.config_file && cryo_fs_read(f->req.config_file, 4096, &text, &err) == 0)
		fake_put(f->work, "conf", text.p, text.len);
	cryo_str_release(&text);
}

static inline bool fake_work(struct fake *f)
{
	f->images = fake_dir(f, f->req.images_dir);
	f->work = fake_dir(f, f->req.work_dir >= 0 ? f->req.work_dir : f->req.images_dir);
	fake_put(f->work, "dump.log", "hello\n", 6);
	fake_keep_conf(f);
	return f->req.type == CRYO_RPC_DUMP ? fake_dump(f) : fake_restore(f);
}

static inline int fake_criu(int sock)
{
	struct fake f = { .sock = sock, .images = -1, .work = -1 };
	CriuResp resp = CRIU_RESP__INIT;
	struct cryo_packet p = { 0 };
	struct cryo_err err;

	if (cryo_packet_receive(sock, &p, &err) != 1 ||
	    cryo_rpc_req_parse(p.data.p, p.data.len, &f.req, &err) < 0)
		return EXIT_FAILURE;
	resp.type = f.req.type;
	resp.success = f.req.type == CRYO_RPC_VERSION || fake_work(&f);
	if (!resp.success) {
		resp.has_cr_errno = true;
		resp.cr_errno = 77;
		resp.cr_errmsg = (char *)FAKE_ERROR;
	}
	fake_send(&f, &resp, -1);
	cryo_rpc_req_release(&f.req);
	cryo_packet_release(&p);
	return resp.success ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
