/* SPDX-License-Identifier: Apache-2.0 */
/* The interposer between a runc that is played here and tests/fake_criu.h. */
#include "tests/seal/seal_world.h"
#include "tests/scratch.h"

#include "criu/pages.h"
#include "interposer/interposer.h"
#include "interposer/pending.h"
#include "tests/interposer/fake_criu.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct person owner, stranger;
static char *img, *work, *plain, *conf, *pod_conf;

static char *last_argument; /* of this program, in place: 64 bytes, which /proc shows */

static int open_socks[2]; /* of conversations: a test that fails leaves them to teardown */

static void put_text(const char *path, const char *text)
{
	struct cryo_err err;

	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0600, &err), 0);
}

static int people(void **state)
{
	(void)state;
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* helpers come to us when they are left alone */
	owner = make_person(EVP_EC_gen("P-256"));
	stranger = make_person(EVP_EC_gen("P-256"));
	return 0;
}

static int no_people(void **state)
{
	(void)state;
	person_release(&owner);
	person_release(&stranger);
	return 0;
}

/* The configuration, with the key pair that `%` stands for in `words`. */
static void configure(const char *words)
{
	cryo_auto(cryo_free) char *criu = scratch_path("bin/criu");
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_str_addf(&text, "criu %s\n", criu);
	if (geteuid() != 0)
		cryo_str_addf(&text, "tmpfs %s\n", plain);
	for (; *words; words++)
		if (*words == '%')
			cryo_str_add(&text, scratch_dir);
		else
			cryo_str_addn(&text, words, 1);
	put_text(conf, cryo_str_get(&text));
}

static void put_pair(const struct person *p, const char *cert, const char *key)
{
	cryo_auto(cryo_free) char *cert_path = scratch_path(cert);
	cryo_auto(cryo_free) char *key_path = scratch_path(key);

	put_text(cert_path, p->cert_pem);
	put_text(key_path, p->key_pem);
}

static int world(void **state)
{
	struct cryo_err err;
	cryo_auto(cryo_free) char *criu = NULL, *calls = NULL;

	unsetenv("FAKE_CRIU");
	memset(last_argument, '-', 64);
	assert_int_equal(scratch_setup(state), 0);
	assert_int_equal(scratch_make_in("/dev/shm", &plain), 0);
	img = scratch_path(ID);
	work = scratch_path("work");
	conf = scratch_path("criu.conf");
	pod_conf = scratch_path("pod.conf");
	criu = scratch_path("bin/criu");
	calls = scratch_path("calls");
	assert_int_equal(mkdir(img, 0700), 0);
	assert_int_equal(mkdir(work, 0700), 0);
	assert_int_equal(mkdir(calls, 0700), 0);
	assert_int_equal(cryo_fs_mkparents(criu, 0700, &err), 0);
	assert_int_equal(cryo_fs_copy("/proc/self/exe", criu, 0700, &err), 0);
	put_file(img, "descriptors.json", 20, 1);
	put_pair(&owner, "tls.crt", "tls.key");
	put_pair(&stranger, "other.crt", "other.key");
	configure("encrypt\ntls-cert %/tls.crt\ntls-key %/tls.key\n");
	return 0;
}

static int no_world(void **state)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(open_socks); i++)
		if (open_socks[i] > 0)
			close(open_socks[i]);
	memset(open_socks, 0, sizeof(open_socks));
	while (waitpid(-1, NULL, 0) > 0)
		;
	free(img);
	free(work);
	free(conf);
	free(pod_conf);
	return scratch_remove(&plain) | scratch_teardown(state);
}

/* ---- runc ---- */

struct talk {
	int sock;
	int images, work;
	pid_t criu; /* the interposer, then CRIU */
	struct cryo_rpc_resp resp;
	char notified[256]; /* scripts, each with a blank behind it */
	size_t fds;
};

static void become_criu(int sock)
{
	static const char *const none[] = { NULL };
	cryo_auto(cryo_free) char *calls = scratch_path("calls");
	cryo_auto(cryo_free) char *dumps = scratch_path("dumps");
	cryo_auto(cryo_free) char *runc_conf = scratch_path("runc.conf");
	cryo_auto(cryo_free) char *pages = scratch_path("pages");
	const struct cryo_interposer where = { .conf = conf,
					       .pages = pages,
					       .calls = calls,
					       .logs = scratch_dir,
					       .dumps = dumps,
					       .runc_conf = runc_conf,
					       .criu_conf = none };
	char *argv[] = { "criu", "swrk", "3", NULL };

	dup2(sock, 3);
	_exit(cryo_interposer_main(&where, 3, argv));
}

static void talk_begin(struct talk *t)
{
	int pair[2];

	*t = (struct talk){ .sock = -1 };
	t->images = open(img, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	t->criu = fork();
	if (t->criu == 0) {
		close(pair[0]);
		become_criu(pair[1]);
	}
	close(pair[1]);
	t->sock = pair[0];
	open_socks[open_socks[0] > 0] = t->sock;
}

static void talk_send(struct talk *t, int type, CriuOpts *opts)
{
	CriuReq req = CRIU_REQ__INIT;
	uint8_t buf[4096];
	size_t n;

	req.has_type = true;
	req.type = type;
	req.opts = opts;
	n = criu_req__pack(&req, buf);
	assert_int_equal(send(t->sock, buf, n, MSG_NOSIGNAL), n);
}

static CriuOpts dump_opts(const struct talk *t, bool leave_running)
{
	CriuOpts o = CRIU_OPTS__INIT;

	o.has_images_dir_fd = o.has_work_dir_fd = o.has_pid = o.has_leave_running = true;
	o.has_notify_scripts = o.notify_scripts = true;
	o.images_dir_fd = t->images;
	o.work_dir_fd = t->work;
	o.pid = t->criu;
	o.leave_running = leave_running;
	o.log_file = "dump.log";
	return o;
}

/* The next thing CRIU says. 1; 0: the other side has closed. */
static int talk_next(struct talk *t)
{
	struct cryo_packet p = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_packet_receive(t->sock, &p, &err);

	if (rc < 0)
		fail_msg("%s", err.msg);
	if (rc == 1) {
		assert_int_equal(cryo_rpc_resp_parse(p.data.p, p.data.len, &t->resp, &err), 0);
		t->fds += p.n_fds;
	}
	cryo_packet_release(&p);
	if (rc == 1 && t->resp.type == CRYO_RPC_NOTIFY) {
		strcat(t->notified, t->resp.script);
		strcat(t->notified, " ");
	}
	return rc;
}

static void talk_answer(struct talk *t)
{
	struct cryo_packet p = { 0 };
	struct cryo_err err;

	cryo_rpc_pack_notified(true, &p.data);
	cryo_packet_send(t->sock, &p, &err);
	cryo_packet_release(&p);
}

/* Answers everything until the last word. */
static void talk_through(struct talk *t)
{
	while (talk_next(t) == 1 && t->resp.type == CRYO_RPC_NOTIFY)
		talk_answer(t);
}

/* Until everybody has gone: CRIU, the one in between, the helper. */
static void talk_end(struct talk *t)
{
	char byte;

	assert_true(recv(t->sock, &byte, 1, 0) <= 0);
	close(t->sock);
	open_socks[open_socks[1] == t->sock] = 0;
	close(t->images);
	close(t->work);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void dump(struct talk *t, bool leave_running)
{
	CriuOpts o;

	talk_begin(t);
	o = dump_opts(t, leave_running);
	talk_send(t, CRYO_RPC_DUMP, &o);
	talk_through(t);
	talk_end(t);
}

static void restore(struct talk *t)
{
	CriuOpts o;

	talk_begin(t);
	o = dump_opts(t, false);
	o.log_file = "restore.log";
	talk_send(t, CRYO_RPC_RESTORE, &o);
	talk_through(t);
	talk_end(t);
}

/* ---- what is there ---- */

static bool there(const char *where, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", where, name);

	return cryo_fs_exists(path);
}

static bool has_text(const char *where, const char *name, const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str s = get_file(where, name);

	return s.len && memmem(s.p, s.len, text, strlen(text)) != NULL;
}

static void assert_unreadable(void)
{
	DIR *d = opendir(img);

	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			assert_false(has_text(img, e->d_name, MARKER));
	closedir(d);
	if (!open_socks[0] && !open_socks[1])
		assert_int_equal(count_files(plain), 0);
}

static void assert_sealed(void)
{
	assert_unreadable();
	assert_true(there(img, CRYO_SEAL_CMS_NAME) && there(img, "core-1.img"));
	assert_true(cryo_fs_size(img) != 0 && there(img, "descriptors.json"));
}

static void assert_nothing(void)
{
	assert_unreadable();
	assert_int_equal(count_files(img), 1); /* runc's descriptors.json */
}

static void assert_refused(const struct talk *t, int type, const char *message)
{
	assert_int_equal(t->resp.type, type);
	assert_false(t->resp.success);
	if (!strstr(t->resp.errmsg, message))
		fail_msg("'%s' is not in '%s'", message, t->resp.errmsg);
}

/* ---- tests ---- */

static void version(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t);
	talk_send(&t, CRYO_RPC_VERSION, NULL);
	talk_through(&t);
	assert_int_equal(t.resp.type, CRYO_RPC_VERSION);
	assert_true(t.resp.success);
	talk_end(&t);
}

static void a_dump(void **state)
{
	struct talk t;

	(void)state;
	for (int running = 0; running <= 1; running++) {
		struct cryo_err err;

		print_message("# leave_running %d\n", running);
		dump(&t, running);
		assert_true(t.resp.success);
		assert_int_equal(t.resp.type, CRYO_RPC_DUMP);
		assert_string_equal(t.notified, "pre-dump network-lock post-dump network-unlock ");
		assert_int_equal(t.fds, 1);
		assert_sealed();
		assert_true(has_text(work, "dump.log", "(cryopod-criu): sealed"));
		restore(&t);
		assert_true(t.resp.success);
		assert_true(there(work, "restored"));
		assert_true(there(work, "dedup"));
		assert_sealed();
		assert_int_equal(cryo_fs_rmtree(img, &err), 0);
		assert_int_equal(mkdir(img, 0700), 0);
		put_file(img, "descriptors.json", 20, 1);
	}
}

/* At "post-dump" of tasks that will be killed everything is on its way already. */
static void sealed_before_killed(void **state)
{
	struct talk t;
	CriuOpts o;

	(void)state;
	talk_begin(&t);
	o = dump_opts(&t, false);
	talk_send(&t, CRYO_RPC_DUMP, &o);
	do {
		assert_int_equal(talk_next(&t), 1);
		assert_int_equal(t.resp.type, CRYO_RPC_NOTIFY);
		if (cryo_streq(t.resp.script, "post-dump"))
			break;
		assert_false(there(img, CRYO_SEAL_CMS_NAME));
		talk_answer(&t);
	} while (true);
	assert_sealed();
	talk_answer(&t);
	talk_through(&t);
	assert_true(t.resp.success);
	talk_end(&t);
}

/* What seals finds its place taken: with tasks to be killed CRIU hears of it in time. */
static void sealing_fails(void **state)
{
	struct talk t;

	(void)state;
	for (int running = 0; running <= 1; running++) {
		print_message("# leave_running %d\n", running);
		put_file(img, "core-1.img", 10, 5);
		dump(&t, running);
		assert_refused(&t, CRYO_RPC_DUMP, "cannot seal");
		assert_true(t.resp.cr_errno != 0);
		assert_true(!running == !strstr(t.notified, "post-dump"));
		assert_true(there(work, "resumed"));
		assert_true(has_text(work, "dump.log", "Error (cryopod-criu): cannot seal"));
		assert_unreadable();
		assert_int_equal(count_files(img), 2);
	}
}

/* What follows the pages fails in a thread of its own, and says so at the next question. */
static void following_fails(void **state)
{
	struct talk t;

	(void)state;
	for (int running = 0; running <= 1; running++) {
		print_message("# leave_running %d\n", running);
		put_file(img, "pages-1.img", 10, 5);
		dump(&t, running);
		assert_refused(&t, CRYO_RPC_DUMP, "cannot seal");
		assert_true(there(work, "resumed"));
		assert_unreadable();
		assert_int_equal(count_files(img), 2);
	}
}

static void criu_fails(void **state)
{
	struct talk t;

	(void)state;
	setenv("FAKE_CRIU", "fail", 1);
	dump(&t, true);
	assert_refused(&t, CRYO_RPC_DUMP, FAKE_ERROR);
	assert_int_equal(t.resp.cr_errno, 77);
	assert_nothing();
}

static const char *const scripts[] = { "pre-dump", "network-lock", "post-dump", "network-unlock" };

static void criu_is_killed(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(scripts); i++) {
		print_message("# at %s\n", scripts[i]);
		setenv("FAKE_CRIU", scripts[i], 1);
		dump(&t, true);
		assert_refused(&t, CRYO_RPC_DUMP, "without an answer");
		assert_nothing();
	}
}

/* Its children have the socket too: they must not make everybody wait. */
static void criu_leaves_children(void **state)
{
	cryo_auto(cryo_free) char *release = cryo_asprintf("%s/release", work);
	struct talk t;
	CriuOpts o;

	(void)state;
	setenv("FAKE_CRIU", "orphan", 1);
	talk_begin(&t);
	o = dump_opts(&t, true);
	talk_send(&t, CRYO_RPC_DUMP, &o);
	alarm(20); /* the child goes away after 30 */
	talk_through(&t);
	alarm(0);
	put_text(release, "");
	talk_end(&t);
	assert_refused(&t, CRYO_RPC_DUMP, "without an answer");
	assert_nothing();
}

/* Children of ours that go by that name: helpers whose parent has ended. */
static pid_t find_helper(void)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/self/task/%d/children", getpid());
	cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
	struct cryo_err err;
	char *save = NULL;

	assert_int_equal(cryo_fs_read(path, 4096, &list, &err), 0);
	for (char *w = strtok_r(list.p, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		cryo_auto(cryo_free) char *comm = cryo_asprintf("/proc/%s/comm", w);
		cryo_auto(cryo_str_release) struct cryo_str name = { 0 };

		if (cryo_fs_read(comm, 64, &name, &err) == 0 &&
		    cryo_streq(cryo_str_get(&name), "cryopod-seal\n"))
			return atoi(w);
	}
	fail_msg("no helper");
	return -1;
}

/* Stop at a notification. */
static void dump_until(struct talk *t, const char *script)
{
	CriuOpts o;

	talk_begin(t);
	o = dump_opts(t, true);
	talk_send(t, CRYO_RPC_DUMP, &o);
	while (talk_next(t) == 1 && !cryo_streq(t->resp.script, script))
		talk_answer(t);
	assert_string_equal(t->resp.script, script);
}

/* CRIU notices, and the tasks go on before the client hears the end; the next run clears what has
 * been left. */
static void helper_is_killed(void **state)
{
	struct talk t;

	(void)state;
	setenv("FAKE_CRIU", "slow", 1);
	configure("encrypt\ntls-cert %/tls.crt\ntls-key %/tls.key\n");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(scripts); i++) {
		cryo_auto(cryo_free) char *resumed = cryo_asprintf("%s/resumed", work);
		cryo_auto(cryo_free) char *words = NULL;
		struct cryo_err err;

		print_message("# at %s\n", scripts[i]);
		unlink(resumed);
		words = cryo_asprintf("encrypt\ntls-cert %%/tls.crt\ntls-key %%/tls.key\n%s%s\n",
				      i % 2 ? "tmpfs " : "", i % 2 ? plain : "");
		configure(words);
		dump_until(&t, scripts[i]);
		kill(find_helper(), SIGKILL);
		assert_int_equal(talk_next(&t), 0);
		assert_true(there(work, "resumed"));
		talk_end(&t);
		assert_false(there(img, CRYO_SEAL_CMS_NAME));
		assert_int_equal(cryo_fs_rmtree(img, &err), 0);
		assert_int_equal(mkdir(img, 0700), 0);
		put_file(img, "descriptors.json", 20, 1);
		dump(&t, true);
		assert_true(t.resp.success);
		assert_sealed();
		assert_int_equal(cryo_fs_rmtree(img, &err), 0);
		assert_int_equal(mkdir(img, 0700), 0);
		put_file(img, "descriptors.json", 20, 1);
	}
}

/* ---- sealed after the answer ---- */

static void dump_later(struct talk *t, bool leave_running)
{
	CriuOpts o;

	talk_begin(t);
	o = dump_opts(t, leave_running);
	o.has_encrypt_later = o.encrypt_later = true;
	talk_send(t, CRYO_RPC_DUMP, &o);
	talk_through(t);
}

/* Does somebody hold it? */
static bool is_locked(void)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_PENDING_NAME, img);
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* As containerd does. */
static void wait_for_lock(void)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_PENDING_NAME, img);
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && flock(fd, LOCK_SH) == 0);
}

/* The lock goes after everything else: the set is whole, and what was said about it is there. */
static void sealed_later(void **state)
{
	cryo_auto(cryo_free) char *pending = cryo_asprintf("%s/" CRYO_PENDING_NAME, img);
	struct talk t;

	(void)state;
	dump_later(&t, true);
	assert_true(t.resp.success);
	wait_for_lock();
	assert_true(there(img, CRYO_SEAL_CMS_NAME) && there(img, "core-1.img"));
	assert_true(has_text(work, "dump.log", "kB of memory, after its answer\n"));
	talk_end(&t);
	assert_unreadable();
	assert_int_equal(cryo_fs_size(pending), 0);
	unlink(pending);
	assert_sealed();
	restore(&t);
	assert_true(t.resp.success);
}

/* That the answer comes first is seen by a set that cannot be made: who waits for it hears of
 * success, and what became of it. */
static void sealing_later_fails(void **state)
{
	struct talk t;

	(void)state;
	setenv("FAKE_CRIU", "link", 1);
	dump_later(&t, true);
	assert_true(t.resp.success);
	assert_true(there(work, "resumed"));
	wait_for_lock();
	assert_int_equal(count_files(img), 2); /* descriptors.json, seal.pending */
	assert_true(has_text(img, CRYO_PENDING_NAME, "cannot seal: 'link.img' is a link\n"));
	assert_true(has_text(work, "dump.log", "Error (cryopod-criu): cannot seal"));
	talk_end(&t);
	assert_unreadable();
}

/* Nobody else gets an answer before the set is whole: who does not ask for it (a stock runc), and
 * whose tasks are killed. */
static void never_early(void **state)
{
	static const struct {
		bool asked, leave_running;
	} row[] = { { false, true }, { false, false }, { true, false } };
	struct talk t;

	(void)state;
	setenv("FAKE_CRIU", "link", 1);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# row %zu\n", i);
		if (row[i].asked) {
			dump_later(&t, row[i].leave_running);
			talk_end(&t);
		} else {
			dump(&t, row[i].leave_running);
		}
		assert_refused(&t, CRYO_RPC_DUMP, "cannot seal: 'link.img' is a link");
		assert_true(there(work, "resumed"));
		assert_nothing();
	}
}

/* The kernel frees the lock, and there is no seal.cms. */
static void helper_is_killed_later(void **state)
{
	struct talk t;

	(void)state;
	setenv("FAKE_CRIU", "large", 1);
	dump_later(&t, true);
	kill(find_helper(), SIGKILL);
	assert_true(t.resp.success);
	wait_for_lock();
	assert_false(there(img, CRYO_SEAL_CMS_NAME));
	assert_false(has_text(img, CRYO_PENDING_NAME, "cannot"));
	talk_end(&t);
	assert_unreadable();
}

/* A lock that is not ours: nobody could tell who waits for what. */
static void pending_already(void **state)
{
	struct talk t;

	(void)state;
	put_file(img, CRYO_PENDING_NAME, 1, 1);
	dump_later(&t, true);
	talk_end(&t);
	assert_refused(&t, CRYO_RPC_DUMP, "cannot create 'seal.pending'");
	assert_true(there(work, "resumed"));
	assert_false(is_locked());
	assert_int_equal(count_files(img), 2);
	assert_unreadable();
}

static void runc_is_killed(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(scripts) - 1; i++) {
		cryo_auto(cryo_free) char *resumed = cryo_asprintf("%s/resumed", work);

		print_message("# at %s\n", scripts[i]);
		unlink(resumed);
		dump_until(&t, scripts[i]);
		shutdown(t.sock, SHUT_RDWR);
		talk_end(&t);
		assert_true(there(work, "resumed"));
		assert_nothing();
	}
}

static void two_at_once(void **state)
{
	char *first_img = img, *second_img = scratch_path("second");
	struct talk a, b;

	(void)state;
	dump_until(&a, "network-lock");
	img = second_img;
	assert_int_equal(mkdir(img, 0700), 0);
	put_file(img, "descriptors.json", 20, 1);
	dump_until(&b, "post-dump");
	talk_answer(&a);
	talk_through(&a);
	assert_true(a.resp.success);
	talk_answer(&b);
	talk_through(&b);
	assert_true(b.resp.success);
	talk_end(&b);
	talk_end(&a);
	assert_sealed();
	img = first_img;
	assert_sealed();
	free(second_img);
}

static void too_little_memory(void **state)
{
	struct talk t;

	(void)state;
	configure("encrypt\ntls-cert %/tls.crt\nmemory 4Ki\n");
	dump(&t, true);
	assert_refused(&t, CRYO_RPC_DUMP, "not enough memory for the plain images");
	assert_string_equal(t.notified, "");
	assert_nothing();
	configure("encrypt\ntls-cert %/tls.crt\ntmpfs /proc\n");
	dump(&t, true);
	assert_refused(&t, CRYO_RPC_DUMP, "is not on a tmpfs");
	assert_nothing();
}

static void full_disk(void **state)
{
	struct talk t;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: mounting needs root\n");
		skip();
	}
	assert_int_equal(mount("none", img, "tmpfs", 0, "size=1m"), 0);
	put_file(img, "descriptors.json", 20, 1);
	for (int running = 0; running <= 1; running++) {
		dump(&t, running);
		assert_refused(&t, CRYO_RPC_DUMP, "No space left on device");
		assert_true(there(work, "resumed"));
		assert_nothing();
	}
	assert_int_equal(umount(img), 0);
}

/* A file as large as what is left. */
static void fill(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", img, name);
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char bytes[4096] = { 1 };

	assert_true(fd >= 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* The reason has a place of its own; where even that is not to be had nobody is told of success. */
static void full_disk_later(void **state)
{
	struct talk t;
	bool told;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: mounting needs root\n");
		skip();
	}
	assert_int_equal(mount("none", img, "tmpfs", 0, "size=1m"), 0);
	put_file(img, "descriptors.json", 20, 1);
	dump_later(&t, true);
	wait_for_lock();
	told = has_text(img, CRYO_PENDING_NAME, "No space left on device\n");
	talk_end(&t);
	umount(img);
	assert_true(t.resp.success);
	assert_true(told);

	assert_int_equal(mount("none", img, "tmpfs", 0, "size=1m"), 0);
	put_file(img, "descriptors.json", 20, 1);
	fill("dump.log");
	dump_later(&t, true);
	talk_end(&t);
	told = there(img, CRYO_PENDING_NAME);
	umount(img);
	assert_refused(&t, CRYO_RPC_DUMP, "cannot write 'seal.pending': No space left on device");
	assert_true(there(work, "resumed"));
	assert_false(told);
}

/* The memory for plain images ends while CRIU writes them: its own failure, and its own words. */
static void plain_tmpfs_is_full(void **state)
{
	cryo_auto(cryo_free) char *small = scratch_path("small");
	cryo_auto(cryo_free) char *words =
	    cryo_asprintf("encrypt\ntls-cert %%/tls.crt\ntmpfs %s\n", small);
	struct talk t;
	size_t left;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: mounting needs root\n");
		skip();
	}
	assert_int_equal(mkdir(small, 0700), 0);
	assert_int_equal(mount("none", small, "tmpfs", 0, "size=3m"), 0);
	configure(words);
	for (int running = 0; running <= 1; running++) {
		dump(&t, running);
		left = count_files(small);
		if (running)
			assert_int_equal(umount(small), 0);
		assert_int_equal(left, 0);
		assert_false(t.resp.success);
		if (!strstr(t.resp.errmsg, FAKE_ERROR) && !strstr(t.resp.errmsg, "too small"))
			fail_msg("%s", t.resp.errmsg);
		assert_nothing();
	}
}

/* Either a dump or a restore that is refused before CRIU is started. */
static void refused_requests(void **state)
{
	static const struct {
		const char *conf, *message;
		bool restore, sealed;
	} row[] = {
		{ "require-encryption\n", "makes no plain checkpoints", false, false },
		{ "encrypt\n", "set 'tls-cert PATH'", false, false },
		{ "encrypt\ntls-cert %/none.crt\n", "none.crt", false, false },
		{ "encrypt\ntls-cert %/tls.key\n", "tls.key", false, false },
		{ "encrypt\ntls-cert %/tls.crt\nsign-key %/tls.key\n", "go together", false,
		  false },
		{ "encrypted\n", "did you mean 'encrypt'", false, false },
		{ "require-encryption\n", "is not encrypted", true, false },
		{ "", "set 'tls-key PATH'", true, true },
		{ "tls-key %/none.key\n", "none.key", true, true },
		{ "tls-key %/other.key\n", "key", true, true },
		{ "tls-key %/tls.key\ntrusted-signers %/other.crt\n", "sign", true, true },
		{ "tls-key %/tls.key\nmemory 4Ki\n", "not enough memory", true, true },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *restored = cryo_asprintf("%s/restored", work);
		struct talk t;

		print_message("# %s %s", row[i].restore ? "restore" : "dump", row[i].conf);
		if (row[i].sealed && !there(img, CRYO_SEAL_CMS_NAME)) {
			configure("encrypt\ntls-cert %/tls.crt\n");
			dump(&t, true);
			assert_true(t.resp.success);
		}
		configure(row[i].conf);
		if (row[i].restore)
			restore(&t);
		else
			dump(&t, true);
		assert_refused(&t, row[i].restore ? CRYO_RPC_RESTORE : CRYO_RPC_DUMP,
			       row[i].message);
		assert_string_equal(t.notified, "");
		assert_false(cryo_fs_exists(restored));
		assert_unreadable();
	}
}

static void a_changed_set(void **state)
{
	struct talk t;

	(void)state;
	dump(&t, true);
	flip(img, "pages-1.img", 3000000);
	restore(&t);
	assert_refused(&t, CRYO_RPC_RESTORE, "pages-1.img");
	assert_int_equal(t.resp.cr_errno, EBADMSG);
	assert_true(has_text(work, "restore.log", "Error (cryopod-criu): "));
	assert_string_equal(t.notified, "");
	assert_unreadable();
}

static void plain_as_ever(void **state)
{
	struct talk t;

	(void)state;
	configure("");
	dump(&t, true);
	assert_true(t.resp.success);
	assert_true(has_text(img, "pages-1.img", MARKER));
	assert_false(there(img, CRYO_SEAL_CMS_NAME));
	restore(&t);
	assert_true(t.resp.success && there(work, "restored"));
}

/* org.criu.config of a pod: our words work and do not reach CRIU. */
static void words_of_a_pod(void **state)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("encrypt\n# of the pod\ntls-cert %s/tls.crt\n"
			  "tcp-established\n",
			  scratch_dir);
	struct talk t;
	CriuOpts o;

	(void)state;
	configure("");
	put_text(pod_conf, text);
	for (int type = CRYO_RPC_DUMP; type <= CRYO_RPC_RESTORE; type++) {
		cryo_auto(cryo_free) char *seen = cryo_asprintf("%s/conf", work);

		if (type == CRYO_RPC_RESTORE)
			configure("tls-key %/tls.key\n");
		unlink(seen);
		talk_begin(&t);
		o = dump_opts(&t, true);
		o.config_file = pod_conf;
		talk_send(&t, type, &o);
		talk_through(&t);
		talk_end(&t);
		assert_true(t.resp.success);
		assert_sealed();
		assert_true(has_text(work, "conf", "tcp-established\n"));
		assert_false(has_text(work, "conf", "encrypt"));
	}
}

static void words_of_a_call(void **state)
{
	cryo_auto(cryo_free) char *call = scratch_path("calls/" ID);
	cryo_auto(cryo_free) char *text = cryo_asprintf(
	    "encrypt\ntls-cert %s/tls.crt\ntls-key %s/tls.key\n", scratch_dir, scratch_dir);
	struct talk t;

	(void)state;
	configure("");
	put_text(call, text);
	dump(&t, true);
	assert_true(t.resp.success);
	assert_sealed();
	restore(&t);
	assert_true(t.resp.success);
}

static void empty_images(void)
{
	struct cryo_err err;

	assert_int_equal(cryo_fs_rmtree(img, &err), 0);
	assert_int_equal(mkdir(img, 0700), 0);
	put_file(img, "descriptors.json", 20, 1);
}

static void dump_as_told(struct talk *t, int type, const char *config)
{
	CriuOpts o;

	talk_begin(t);
	o = dump_opts(t, true);
	o.config_file = (char *)config;
	talk_send(t, type, &o);
	talk_through(t);
	talk_end(t);
}

/*
 * Who can name a configuration file of CRIU must not get at plain images with it: by programs
 * that CRIU runs, by descriptors it hands out, or by what CRIU reads otherwise than we do.
 */
static void words_against_us(void **state)
{
	static const char *const row[] = {
		"action-script /x",
		"action-scr=/x",
		"tcp-established --action-script /x",
		"ghost-limit 1M -D /tmp",
		"\"images-dir\" /tmp",
		"images-dir=/tmp",
		"libdir /x",
		"exec-cmd",
		"inherit-fd fd[7]:x",
		"status-fd 7",
		"root /x",
		"external mnt[x]:/",
		"ext-mount-map x:/",
		"freeze-cgroup /sys/fs/cgroup",
		"lsm-profile apparmor:unconfined",
		"log-file /etc/ld.so.preload",
		"log-file ../../../etc/x",
		"config /x",
		"timeout 3\r-D\r/tmp",
		"ghost-limit \"a\\\" --libdir /x \\\"\"",
	};
	struct talk t;

	(void)state;
	dump(&t, true);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		for (int type = CRYO_RPC_DUMP; type <= CRYO_RPC_RESTORE; type++) {
			cryo_auto(cryo_free) char *seen = cryo_asprintf("%s/conf-path", work);

			print_message("# %s, %d\n", row[i], type);
			put_text(pod_conf, row[i]);
			dump_as_told(&t, type, pod_conf);
			assert_refused(&t, type, "is refused: ");
			assert_false(cryo_fs_exists(seen));
			assert_sealed();
		}
}

/* A plain dump does them no good either: CRIU is root of the node, who makes the pod is not. */
static void harm_by_a_pod(void **state)
{
	static const char *const row[] = { "action-script /x", "log-file /etc/x", "libdir /x" };
	struct talk t;

	(void)state;
	configure("");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *seen = cryo_asprintf("%s/conf-path", work);

		print_message("# %s\n", row[i]);
		put_text(pod_conf, row[i]);
		dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
		assert_refused(&t, CRYO_RPC_DUMP, "is refused: ");
		assert_false(cryo_fs_exists(seen));
		/* Unless the node's owner wants it. */
		configure("any-criu-words\n");
		dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
		assert_true(t.resp.success);
		assert_true(has_text(work, "conf", row[i]));
		empty_images();
		unlink(seen);
		configure("");
	}
}

/* CRIU turns a read-only root there; what lies there already is the container's. */
static void root_gets_tmp(void **state)
{
	cryo_auto(cryo_free) char *root = scratch_path("root"), *tmp = scratch_path("root/tmp");
	struct stat st;
	struct talk t;
	CriuOpts o;

	(void)state;
	configure("");
	dump(&t, true);
	assert_int_equal(mkdir(root, 0755), 0);
	put_text(pod_conf, "make-tmp\n");
	for (int i = 0; i < 2; i++) {
		talk_begin(&t);
		o = dump_opts(&t, true);
		o.config_file = pod_conf;
		o.root = root;
		talk_send(&t, CRYO_RPC_RESTORE, &o);
		talk_through(&t);
		talk_end(&t);
		assert_true(t.resp.success);
		assert_false(has_text(work, "conf", "make-tmp"));
		assert_int_equal(lstat(tmp, &st), 0);
		assert_int_equal(st.st_mode, i ? (S_IFLNK | 0777) : (S_IFDIR | 01777));
		assert_int_equal(i ? unlink(tmp) : rmdir(tmp), 0);
		assert_int_equal(symlink("/nowhere", tmp), 0);
	}
}

/* The file that runc names where no pod does is the node's own. */
static void words_of_the_node(void **state)
{
	cryo_auto(cryo_free) char *runc_conf = scratch_path("runc.conf");
	struct talk t;

	(void)state;
	put_text(runc_conf, "exec-cmd\nlog-file /x\n");
	dump_as_told(&t, CRYO_RPC_DUMP, runc_conf);
	assert_true(t.resp.success);
	assert_true(has_text(work, "conf", "exec-cmd\n"));
	empty_images();
	put_text(runc_conf, "images-dir /x\n");
	dump_as_told(&t, CRYO_RPC_DUMP, runc_conf);
	assert_refused(&t, CRYO_RPC_DUMP, "images-dir cannot be combined");
}

/* CRIU gets what was looked at, not the file, which its owner may have changed meanwhile. */
static void configuration_is_a_copy(void **state)
{
	static const char *const row[] = { "tcp-established\n", NULL };
	struct talk t;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *seen = cryo_asprintf("%s/conf-path", work);

		unlink(pod_conf);
		unlink(seen);
		if (row[i])
			put_text(pod_conf, row[i]);
		dump_as_told(&t, row[i] ? CRYO_RPC_DUMP : CRYO_RPC_RESTORE, pod_conf);
		assert_true(t.resp.success);
		assert_true(has_text(work, "conf-path", "/proc/self/fd/"));
		assert_false(has_text(work, "conf-path", "pod.conf"));
	}
}

/* The interposer is root: it writes its reason only to a log that lies ready in its own directory.
 */
static void log_of_a_pod(void **state)
{
	static const struct {
		const char *log; /* below dir */
		bool there, written;
	} row[] = {
		{ "passwd", true, false },	   { "work/x.log", true, false },
		{ "../passwd.log", false, false }, { "none.log", false, false },
		{ "link.log", true, false },	   { "right.log", true, true },
	};
	cryo_auto(cryo_free) char *target = scratch_path("target");
	cryo_auto(cryo_free) char *link = scratch_path("link.log");
	struct talk t;

	(void)state;
	configure("encrypt\n"); /* for nobody: refused */
	put_text(target, "root\n");
	assert_int_equal(symlink("target", link), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *path = scratch_path(row[i].log);
		cryo_auto(cryo_free) char *words = cryo_asprintf("log-file %s\n", path);

		print_message("# %s\n", row[i].log);
		if (row[i].there && !cryo_fs_exists(path))
			put_text(path, "root\n");
		put_text(pod_conf, words);
		dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
		assert_refused(&t, CRYO_RPC_DUMP, "set 'tls-cert PATH'");
		assert_int_equal(cryo_fs_exists(path), row[i].there);
		if (row[i].there)
			assert_int_equal(
			    has_text(scratch_dir, row[i].log, "Error (cryopod-criu): "),
			    row[i].written);
	}
}

/* Pipes where files should be: nothing waits for somebody to write into them. */
static void pipes(void **state)
{
	cryo_auto(cryo_free) char *pipe = scratch_path("pipe");
	cryo_auto(cryo_free) char *restore_log = cryo_asprintf("%s/dump.log", work);
	cryo_auto(cryo_free) char *words = cryo_asprintf("tls-cert %s\n", pipe);
	struct talk t;

	(void)state;
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(mkfifo(restore_log, 0600), 0);
	alarm(60);
	dump_as_told(&t, CRYO_RPC_DUMP, pipe);
	assert_refused(&t, CRYO_RPC_DUMP, "not a regular file");
	configure("encrypt\n");
	put_text(pod_conf, words);
	dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
	assert_refused(&t, CRYO_RPC_DUMP, "not a regular file");
	alarm(0);
}

/* Whose key opens the set now? */
static void assert_sealed_for(const struct person *p)
{
	const struct cryo_seal_reader_opts o = { .key = p->key };
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
	cryo_auto(cryo_fd_close) int fd = open(img, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_reader_new(fd, &o, &r, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A pod's certificate counts, but for a node that requires encryption to its own. */
static void whose_certificate(void **state)
{
	cryo_auto(cryo_free) char *words =
	    cryo_asprintf("encrypt\ntls-cert %s/other.crt\n", scratch_dir);
	struct talk t;

	(void)state;
	put_text(pod_conf, words);
	dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
	assert_true(t.resp.success);
	assert_sealed_for(&stranger);
	empty_images();
	configure("require-encryption\ntls-cert %/tls.crt\n");
	dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
	assert_true(t.resp.success);
	assert_sealed_for(&owner);
	empty_images();
	configure("require-encryption\n"); /* for whom, it leaves to the pods */
	dump_as_told(&t, CRYO_RPC_DUMP, pod_conf);
	assert_true(t.resp.success);
	assert_sealed_for(&stranger);
}

/* What names the container: runc's command line before anything a container can make up. */
static void which_container(void **state)
{
	cryo_auto(cryo_free) char *made_up =
	    scratch_path("calls/" ID); /* in the path of the images */
	cryo_auto(cryo_free) char *real = scratch_path("calls/" ID2);
	cryo_auto(cryo_free) char *words =
	    cryo_asprintf("encrypt\ntls-cert %s/tls.crt\n", scratch_dir);
	cryo_auto(cryo_free) char *other =
	    cryo_asprintf("encrypt\ntls-cert %s/other.crt\n", scratch_dir);
	struct talk t;

	(void)state;
	configure("");
	put_text(made_up, other);
	put_text(real, words);
	memcpy(last_argument, ID2, 64);
	dump(&t, true);
	assert_true(t.resp.success);
	assert_sealed_for(&owner);
	empty_images();
	unlink(made_up);
	dump(&t, true);
	assert_true(t.resp.success);
	assert_sealed_for(&owner);
}

/* Its pid may belong to anybody by now: nothing of that process is used. */
static void client_is_gone(void **state)
{
	struct talk t = { .sock = -1 };
	int pair[2];
	CriuOpts o;

	(void)state;
	t.images = open(img, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t.work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	t.sock = pair[0];
	o = dump_opts(&t, true);
	talk_send(&t, CRYO_RPC_DUMP, &o);
	close(pair[0]);
	if (fork() == 0)
		become_criu(pair[1]);
	close(pair[1]);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_false(there(work, "resumed"));
	assert_nothing();
	close(t.images);
	close(t.work);
}

/* A client that wants no notifications: without them nothing could be sealed in time. */
static void silent_client(void **state)
{
	struct talk t;
	CriuOpts o;

	(void)state;
	talk_begin(&t);
	o = dump_opts(&t, false);
	o.has_notify_scripts = false;
	o.has_encrypt = o.encrypt = true; /* as the forks ask for it */
	talk_send(&t, CRYO_RPC_DUMP, &o);
	talk_through(&t);
	talk_end(&t);
	assert_true(t.resp.success);
	assert_string_equal(t.notified, "");
	assert_sealed();
}

static void detours(void **state)
{
	static const struct {
		const char *message;
		int type;
		void (*set)(CriuOpts *o);
		const char *words;
	} row[] = {
		{ "parent images", CRYO_RPC_DUMP, NULL, "" },
		{ "images-dir", CRYO_RPC_DUMP, NULL, "images-dir /tmp\n" },
		{ "lazy-pages", CRYO_RPC_DUMP, NULL, "lazy-pages\n" },
		{ "a pre-dump", CRYO_RPC_PRE_DUMP, NULL, "" },
		{ "page server", CRYO_RPC_PAGE_SERVER, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct talk t;
		CriuOpts o;

		print_message("# %s\n", row[i].message);
		put_text(pod_conf, row[i].words);
		talk_begin(&t);
		o = dump_opts(&t, true);
		o.config_file = pod_conf;
		if (i == 0)
			o.parent_img = "../parent";
		talk_send(&t, row[i].type, &o);
		talk_through(&t);
		talk_end(&t);
		assert_refused(&t, row[i].type, row[i].message);
		assert_nothing();
	}
}

static void no_messages(void **state)
{
	static const char garbage[150000] = "\x08\x01\x12\x7f\x08";
	static const size_t length[] = { 1, 5, 100, sizeof(garbage) };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(length); i++) {
		struct talk t;

		talk_begin(&t);
		assert_int_equal(send(t.sock, garbage, length[i], 0), length[i]);
		talk_through(&t);
		talk_end(&t);
		assert_refused(&t, 0, "not a request of CRIU's protocol");
		assert_nothing();
	}
}

static void too_long_a_message(void **state)
{
	static const char zeros[CRYO_RPC_MAX + 1];
	int size = 4 << 20;
	struct talk t;

	(void)state;
	talk_begin(&t);
	if (setsockopt(t.sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0) {
		print_message("# skipped: such a message needs CAP_NET_ADMIN\n");
		skip();
	}
	assert_int_equal(send(t.sock, zeros, sizeof(zeros), 0), sizeof(zeros));
	talk_through(&t);
	talk_end(&t);
	assert_refused(&t, 0, "too long");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world, no_world)

/* ---- pages that do not come with the images ---- */

#define SOURCE_FRONT 1536
#define SOURCE_BACK  512

/* What is wrong with them. */
struct beside {
	const char *what, *message; /* NULL: nothing, they are taken */
	const char *ref;	    /* this reference instead */
	off_t flip;		    /* this byte of the pages is another one; 0: none */
	off_t cut;		    /* so much is missing of the source */
	bool gone, no_sum, no_dir;
};

static void flip_byte(const char *path, off_t at)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDWR);
	char c;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

/* Of a dump, its pages go into a stretch of another file. */
static void put_pages_beside(const struct beside *b, bool sealed)
{
	cryo_auto(cryo_free) char *pages = scratch_path("pages");
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/pages-1.img", img);
	cryo_auto(cryo_free) char *ref = cryo_asprintf("%s/" CRYO_PAGES_REF, img);
	cryo_auto(cryo_free) char *to = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 }, bytes = { 0 };
	struct cryo_pages_file file = { .name = "pages-1.img", .at = SOURCE_FRONT };
	struct cryo_pages p = { .source = ID, .file = &file, .n = 1 };
	struct cryo_err err;
	int fd;

	if (!b->no_dir)
		assert_int_equal(mkdir(pages, 0700), 0);
	to = cryo_asprintf("%s/" ID, pages);
	for (size_t i = 0; i < SOURCE_FRONT; i++)
		cryo_str_addn(&bytes, "x", 1);
	assert_int_equal(cryo_fs_read(from, SIZE_MAX, &bytes, &err), 0);
	file.size = bytes.len - SOURCE_FRONT;
	for (size_t i = 0; i < SOURCE_BACK; i++)
		cryo_str_addn(&bytes, "y", 1);
	if (!b->gone && !b->no_dir)
		assert_int_equal(cryo_fs_write(to, bytes.p, bytes.len, 0600, &err), 0);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (!sealed && !b->no_sum)
		assert_int_equal(cryo_pages_sum(fd, 0, file.size, -1, file.sum, &err), 0);
	close(fd);
	assert_int_equal(unlink(from), 0);
	cryo_pages_show(&p, &text);
	put_text(ref, b->ref ? b->ref : cryo_str_get(&text));
	if (b->flip)
		flip_byte(to, SOURCE_FRONT + b->flip);
	if (b->cut)
		assert_int_equal(truncate(to, (off_t)bytes.len - b->cut), 0);
}

static void assert_same_pages(const struct cryo_str *before)
{
	cryo_auto(cryo_str_release) struct cryo_str seen = get_file(work, "pages-seen");

	assert_int_equal(seen.len, before->len);
	assert_memory_equal(seen.p, before->p, seen.len);
	assert_true(there(work, "dedup"));
}

static void restore_from_beside(const struct beside *b, bool sealed)
{
	cryo_auto(cryo_free) char *open = scratch_path("open");
	cryo_auto(cryo_str_release) struct cryo_str before = { 0 };
	const struct cryo_seal_reader_opts o = { .key = owner.key };
	struct cryo_err err;
	struct talk t;

	print_message("# %s, %s\n", sealed ? "sealed" : "plain", b->what);
	configure(sealed ? "encrypt\ntls-cert %/tls.crt\ntls-key %/tls.key\n" : "");
	dump(&t, true);
	if (sealed)
		assert_int_equal(cryo_seal_path_open(img, open, &o, &err), 0);
	before = get_file(sealed ? open : img, "pages-1.img");
	put_pages_beside(b, sealed);
	restore(&t);
	if (b->message) {
		assert_refused(&t, CRYO_RPC_RESTORE, b->message);
		assert_false(there(work, "restored"));
		assert_true(has_text(work, "restore.log", b->message));
	} else {
		assert_true(t.resp.success && there(work, "restored"));
		assert_same_pages(&before);
	}
}

#define REF(source, name, at)                                                                      \
	"{\"version\":1,\"source\":\"" source "\",\"files\":[{\"name\":\"" name "\",\"at\":" at    \
	",\"size\":4096,\"sum\":\"" ID "\"}]}"

static void pages_beside(void **state)
{
	static const struct beside row[] = {
		{ .what = "as they were" },
		{ .what = "the first byte is another one", .flip = 1, .message = "" },
		{ .what = "the last byte is another one",
		  .flip = (off_t)PAGES_MIB * MIB - 1,
		  .message = "" },
		{ .what = "behind them is less", .cut = SOURCE_BACK },
		{ .what = "cut", .cut = SOURCE_BACK + 1, .message = "were cut" },
		{ .what = "gone", .gone = true, .message = "not on the node any more" },
		{ .what = "no directory", .no_dir = true, .message = "not on the node any more" },
		{ .what = "no sum", .no_sum = true, .message = "has no sum" },
		{ .what = "a path",
		  .ref = REF("../../../etc/passwd", "pages-1.img", "0"),
		  .message = "is not what cryopod writes" },
		{ .what = "another image",
		  .ref = REF(ID, "core-1.img", "0"),
		  .message = "is not what cryopod writes" },
		{ .what = "before its beginning",
		  .ref = REF(ID, "pages-1.img", "-1"),
		  .message = "is not what cryopod writes" },
		{ .what = "far behind its end",
		  .ref = REF(ID, "pages-1.img", "1125899906842624"),
		  .message = "were cut" },
		{ .what = "no JSON", .ref = "{", .message = CRYO_PAGES_REF },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		for (int sealed = 0; sealed < 2; sealed++) {
			if (sealed && row[i].no_sum)
				continue;
			restore_from_beside(&row[i], sealed);
			assert_int_equal(no_world(state), 0);
			assert_int_equal(world(state), 0);
		}
}

/* They are not read from anywhere but where they are said to be; two of one name are refused. */
static void pages_twice(void **state)
{
	cryo_auto(cryo_free) char *again = cryo_asprintf("%s/pages-1.img", img);
	struct talk t;

	(void)state;
	configure("");
	dump(&t, true);
	put_pages_beside(&(const struct beside){ .what = "" }, false);
	put_text(again, "others");
	restore(&t);
	assert_refused(&t, CRYO_RPC_RESTORE, "cannot create 'pages-1.img'");
	assert_false(there(work, "restored"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest relay[] = {
		TEST(version),
		TEST(a_dump),
		TEST(sealed_before_killed),
		TEST(sealing_fails),
		TEST(following_fails),
		TEST(criu_fails),
		TEST(criu_is_killed),
		TEST(criu_leaves_children),
		TEST(helper_is_killed),
		TEST(sealed_later),
		TEST(sealing_later_fails),
		TEST(never_early),
		TEST(helper_is_killed_later),
		TEST(pending_already),
		TEST(runc_is_killed),
		TEST(two_at_once),
		TEST(too_little_memory),
		TEST(full_disk),
		TEST(full_disk_later),
		TEST(plain_tmpfs_is_full),
		TEST(refused_requests),
		TEST(a_changed_set),
		TEST(plain_as_ever),
		TEST(words_of_a_pod),
		TEST(words_of_a_call),
		TEST(words_against_us),
		TEST(harm_by_a_pod),
		TEST(root_gets_tmp),
		TEST(words_of_the_node),
		TEST(configuration_is_a_copy),
		TEST(log_of_a_pod),
		TEST(pipes),
		TEST(whose_certificate),
		TEST(which_container),
		TEST(client_is_gone),
		TEST(silent_client),
		TEST(detours),
		TEST(pages_beside),
		TEST(pages_twice),
		TEST(no_messages),
		TEST(too_long_a_message),
	};

	if (argc == 3 && cryo_streq(argv[1], "swrk"))
		return fake_criu(atoi(argv[2]));
	if (argc != 2 || strlen(argv[1]) != 64)
		return execl("/proc/self/exe", argv[0], ID, NULL);
	last_argument = argv[1];
	return cmocka_run_group_tests(relay, people, no_people) ? EXIT_FAILURE : EXIT_SUCCESS;
}
