/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/interposer.h"

#include "criu/options.h"
#include "interposer/claim.h"
#include "interposer/dump.h"
#include "interposer/group.h"
#include "interposer/guard.h"
#include "interposer/helper.h"
#include "interposer/pem.h"
#include "interposer/relay.h"
#include "interposer/states.h"
#include "interposer/store.h"
#include "sys/fs.h"
#include "sys/reseed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PROC      65536
#define DUMP_LIMIT_MS (15 * 60 * 1000)

/*
 * What was just read of /proc/<peer> was runc's only if runc still has its end
 * of the socket: its pid could belong to somebody else by now.
 */
static int check_session_peer(const struct cryo_session *s, struct cryo_err *err)
{
	struct pollfd p = { .fd = s->client, .events = POLLRDHUP };

	if (poll(&p, 1, 0) > 0)
		return cryo_err_set(err, CRYO_E_CHILD, "runc disconnected");
	return 0;
}

/* A descriptor of the client's table, as one of ours. */
static int open_peer_descriptor(const struct cryo_session *s, int number, int flags,
				const char *what, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/fd/%d", s->peer, number);
	int fd = open(path, flags), rc;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open the %s '%s'", what, path);
	rc = check_session_peer(s, err);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static void release_session(struct cryo_session *s)
{
	cryo_rpc_req_release(&s->req);
	cryo_policy_release(&s->policy);
	cryo_policy_criu_release(&s->criu_conf);
	cryo_seal_cert_free(s->cert);
	cryo_seal_cert_free(s->sign_cert);
	cryo_seal_key_free(s->key);
	cryo_seal_key_free(s->sign_key);
	cryo_seal_trust_free(s->trusted);
	cryo_feed_release(&s->feed);
	free(s->conf_path);
}
#define release_sessionp release_session

static bool is_dump_request(const struct cryo_session *s)
{
	return s->req.type == CRYO_RPC_DUMP;
}

/* A file of /proc as a text; NULL where it cannot be read. Caller frees. */
static char *read_process_text(const char *what, pid_t pid)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/%s", pid, what);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored;

	if (cryo_fs_read(path, MAX_PROC, &text, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '\0')
			text.p[i] = '\n';
	return cryo_str_detach(&text);
}

/* What the call for the container whose id stands last in `text` wants, below what is known. */
static int load_container_call(const struct cryo_interposer *where, struct cryo_session *s,
			       const char *text, struct cryo_err *err)
{
	cryo_auto(cryo_policy_release) struct cryo_policy call = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	char id[65];
	int rc;

	if (!text || !cryo_policy_container(text, id))
		return 0;
	if (!*s->container)
		memcpy(s->container, id, sizeof(id));
	path = cryo_asprintf("%s/%s", where->calls, id);
	rc = cryo_policy_load(path, CRYO_POLICY_CALL, &call, NULL, err);
	cryo_policy_merge(&s->policy, &call);
	return rc;
}

/*
 * A call is found by the container id: runc's last argument, which nobody in a
 * container can change; the cgroup of the process to be dumped, where a
 * container with cgroups of its own can name others (on a restore our own:
 * runc has put us there); the path of the images. What any of them asks for is
 * done, and of two certificates the first one counts.
 */
static int load_session_call(const struct cryo_interposer *where, struct cryo_session *s,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *runc = read_process_text("cmdline", s->peer);
	cryo_auto(cryo_free) char *cgroup =
	    read_process_text("cgroup", is_dump_request(s) ? s->req.pid : getpid());
	cryo_auto(cryo_free) char *link = cryo_asprintf("/proc/self/fd/%d", s->images);
	char images[4096] = "";
	const char *const place[] = { runc, cgroup, images };
	int rc = check_session_peer(s, err);

	if (readlink(link, images, sizeof(images) - 1) < 0)
		images[0] = '\0';
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(place); i++)
		rc = load_container_call(where, s, place[i], err);
	if (rc == 0 && s->req.type == CRYO_RPC_RESTORE)
		s->claimed = cryo_claim_take(where->logs, cgroup, &s->policy);
	return rc;
}

/*
 * runc always names its own file, also where there is none. A file that a pod
 * names and that is not there could have said "encrypt": no dump without it.
 */
static int load_criu_conf(const struct cryo_interposer *where, struct cryo_session *s,
			  struct cryo_policy *p, struct cryo_err *err)
{
	const char *path = s->req.config_file;

	if (is_dump_request(s) && !cryo_streq(path, where->runc_conf) && access(path, F_OK) < 0)
		return cryo_err_sys(err, errno, "cannot open the pod's CRIU configuration '%s'",
				    path);
	return cryo_policy_load(path, CRYO_POLICY_CRIU, p, &s->criu_conf, err);
}

static int load_session_policy(const struct cryo_interposer *where, const struct cryo_policy *own,
			       struct cryo_session *s, struct cryo_err *err)
{
	cryo_auto(cryo_policy_release) struct cryo_policy named = { 0 };
	int rc = load_session_call(where, s, err);

	cryo_policy_request(&s->req, &s->policy);
	if (rc == 0 && s->req.config_file)
		rc = load_criu_conf(where, s, &named, err);
	/* Who requires encryption also says for whom: no pod puts its own certificate there. */
	if (own->require && own->cert)
		free(cryo_steal(&named.cert));
	cryo_policy_merge(&s->policy, &named);
	cryo_policy_merge(&s->policy, own);
	return rc;
}

static int find_session_peer(struct cryo_session *s, struct cryo_err *err)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(s->client, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return cryo_err_sys(err, errno, "cannot tell who is calling");
	s->peer = cred.pid;
	return 0;
}

static int open_directories(struct cryo_session *s, struct cryo_err *err)
{
	int rc = find_session_peer(s, err);
	int work = s->req.work_dir >= 0 ? s->req.work_dir : s->req.images_dir;

	if (rc < 0)
		return rc;
	if (s->req.images_dir < 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "no image directory by descriptor");
	s->images = open_peer_descriptor(s, s->req.images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
					 "image directory", err);
	if (s->images < 0)
		return s->images;
	/* CRIU must find the work directory by its number, and must not find the other. */
	s->work = open_peer_descriptor(s, work, O_RDONLY | O_DIRECTORY, "work directory", err);
	return s->work < 0 ? s->work : 0;
}

/* Of runc's own file the node says what it likes; any other one a pod may have named, and written.
 */
static bool is_criu_conf_of_pod(const struct cryo_interposer *where, const struct cryo_session *s)
{
	return s->req.config_file && !cryo_streq(s->req.config_file, where->runc_conf);
}

/*
 * What a pod's file says to CRIU, which runs as root: whoever makes pods would run programs on the
 * node, and have files written where they like. Checked in every mode; the node's own file can
 * allow all words where nothing is sealed.
 */
static int check_criu_words(const struct cryo_interposer *where, const struct cryo_policy *own,
			    const struct cryo_session *s, struct cryo_err *err)
{
	const char *path = s->req.config_file, *log = s->criu_conf.log_file;

	if (!is_criu_conf_of_pod(where, s) || (own->any_words && s->work_to_do == CRYO_PASSING))
		return 0;
	if (s->criu_conf.unsafe)
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "the line '%s' of '%s' is refused: a file named by a pod may only contain "
		    "harmless options of CRIU, each on a line with its value",
		    s->criu_conf.unsafe, path);
	if (log && !cryo_helper_may_log(s, log))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the log-file '%s' of '%s' is refused: give the name of a file "
				    "in the work directory, without a slash",
				    log, path);
	return 0;
}

/* Images that would go to, or come from, somewhere else than where we look. */
static int check_detours(const struct cryo_interposer *where, const struct cryo_session *s,
			 struct cryo_err *err)
{
	const struct cryo_rpc_req *r = &s->req;
	const char *what = r->parent_img			 ? "parent images"
			   : r->page_server			 ? "a page server"
			   : r->lazy_pages			 ? "lazy pages"
			   : r->type == CRYO_RPC_PRE_DUMP	 ? "a pre-dump"
			   : r->type == CRYO_RPC_SINGLE_PRE_DUMP ? "a pre-dump"
								 : s->criu_conf.diverts;
	cryo_auto(cryo_policy_release) struct cryo_policy ignored = { 0 };
	cryo_auto(cryo_policy_criu_release) struct cryo_policy_criu conf = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && !what && where->criu_conf[i]; i++) {
		rc = cryo_policy_load(where->criu_conf[i], CRYO_POLICY_CRIU, &ignored, &conf, err);
		what = conf.diverts;
	}
	if (rc < 0 || !what)
		return rc;
	if (s->work_to_do == CRYO_FEEDING)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s cannot be combined with pages that are kept on the node",
				    what);
	return cryo_err_set(
	    err, CRYO_E_CONFIG,
	    "%s cannot be combined with encryption: drop it, or 'encrypt' and 'require-encryption'",
	    what);
}

static int load_recipient(struct cryo_session *s, struct cryo_err *err)
{
	const struct cryo_policy *p = &s->policy;
	enum cryo_seal_use use = p->allow_expired ? CRYO_SEAL_ENCRYPT_EXPIRED : CRYO_SEAL_ENCRYPT;
	int rc;

	if (!p->cert)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "encryption is requested but no certificate is configured: set "
				    "'tls-cert PATH'");
	if (!p->sign_cert != !p->sign_key)
		return cryo_err_set(err, CRYO_E_CONFIG, "sign-cert and sign-key go together");
	rc = cryo_pem_cert(p->cert, use, &s->cert, err);
	if (rc == 0 && p->sign_cert)
		rc = cryo_pem_cert(p->sign_cert, CRYO_SEAL_SIGN, &s->sign_cert, err);
	if (rc == 0 && p->sign_key)
		rc = cryo_pem_key(p->sign_key, &s->sign_key, err);
	return rc;
}

static int load_opening_key(struct cryo_session *s, struct cryo_err *err)
{
	const struct cryo_policy *p = &s->policy;
	int rc;

	if (!p->key)
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "the checkpoint is encrypted but no key is configured: set 'tls-key PATH'");
	rc = cryo_pem_key(p->key, &s->key, err);
	/* Read once, and there for nobody else: not even if we fail from here on. */
	if (s->claimed)
		unlink(p->key);
	if (rc == 0 && p->trusted)
		rc = cryo_pem_trust(p->trusted, &s->trusted, err);
	return rc;
}

static int decide_dump_work(struct cryo_session *s, struct cryo_err *err)
{
	s->work_to_do = s->policy.encrypt ? CRYO_SEALING : CRYO_PASSING;
	if (s->work_to_do == CRYO_SEALING)
		return load_recipient(s, err);
	if (s->policy.require)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "this node makes no plain checkpoints (require-encryption): "
				    "request encryption");
	return 0;
}

static int decide_restore_work(const struct cryo_interposer *where, struct cryo_session *s,
			       struct cryo_err *err)
{
	int sealed = cryo_seal_is_sealed(s->images, err), fed = sealed;

	if (sealed >= 0)
		fed = cryo_feed_find(s->images, where->pages, sealed, &s->feed, err);
	if (fed < 0)
		return fed;
	s->work_to_do = sealed ? CRYO_OPENING : fed ? CRYO_FEEDING : CRYO_PASSING;
	if (sealed)
		return load_opening_key(s, err);
	if (s->policy.require)
		return cryo_err_set(err, CRYO_E_TAMPER,
				    "the checkpoint is not encrypted, and this node restores no "
				    "plain ones (require-encryption)");
	return 0;
}

static int decide_session_work(const struct cryo_interposer *where, const struct cryo_policy *own,
			       struct cryo_session *s, struct cryo_err *err)
{
	int rc = load_session_policy(where, own, s, err);

	if (rc == 0)
		rc = s->req.type == CRYO_RPC_RESTORE ? decide_restore_work(where, s, err)
						     : decide_dump_work(s, err);
	if (rc == 0)
		rc = check_criu_words(where, own, s, err);
	if (rc == 0 && s->work_to_do != CRYO_PASSING)
		rc = check_detours(where, s, err);
	/* It gets what was looked at, also where nothing is sealed. */
	s->criu_conf.ours |= is_criu_conf_of_pod(where, s);
	return rc;
}

/* What the call wants of CRIU stands last, where it counts. */
static void add_call_words(struct cryo_session *s)
{
	if (!s->policy.words.len)
		return;
	cryo_str_addf(&s->criu_conf.rest, "\n%s", cryo_str_get(&s->policy.words));
	s->criu_conf.ours = true;
}

/*
 * What a restore has to know of the options of its dump, wherever they were said: beside CRIU's
 * log, from where they come into the archive.
 */
static void record_dump_options(const struct cryo_interposer *where, const struct cryo_session *s)
{
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_err ignored;

	for (size_t i = 0; where->criu_conf[i]; i++) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		if (cryo_fs_read_regular(where->criu_conf[i], MAX_PROC, &text, &ignored) == 0)
			cryo_criu_options_pick(cryo_str_get(&text), text.len, &lines);
	}
	cryo_criu_options_pick(cryo_str_get(&s->criu_conf.rest), s->criu_conf.rest.len, &lines);
	if (!lines.len)
		return;
	fd = openat(s->work, CRYO_CRIU_OPTIONS_NAME,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		dprintf(fd, "%s", cryo_str_get(&lines));
}

/* CRIU's configuration without our words, as it was looked at: a file without a name, which
 * nobody can change meanwhile. */
static int replace_criu_conf(struct cryo_session *s, struct cryo_err *err)
{
	const struct cryo_str *text = &s->criu_conf.rest;
	int fd = memfd_create("criu.conf", 0);

	if (fd < 0 || (text->len && write(fd, text->p, text->len) != (ssize_t)text->len))
		return cryo_err_sys(err, errno, "cannot make a file in memory");
	s->conf_path = cryo_asprintf("/proc/self/fd/%d", fd);
	s->req.config_file = s->conf_path;
	return 0;
}

/* Everything that CRIU will see, with numbers of this process: it will be CRIU. */
static int prepare_session(struct cryo_session *s, struct cryo_err *err)
{
	int rc = 0, status = -1;
	uint64_t need = s->work_to_do == CRYO_SEALING ? cryo_store_estimate(s->req.pid) : 0;

	if (s->criu_conf.ours || (s->req.config_file && s->work_to_do != CRYO_PASSING))
		rc = replace_criu_conf(s, err);
	if (rc == 0 && s->work_to_do != CRYO_PASSING)
		rc = cryo_store_make(s->policy.tmpfs, s->logs, need, s->policy.memory, &s->store,
				     err);
	if (rc == 0 && s->req.status_fd >= 0)
		rc = status =
		    open_peer_descriptor(s, s->req.status_fd, O_WRONLY, "status descriptor", err);
	if (rc < 0)
		return rc;
	s->req.images_dir = s->store.dir;
	if (s->work_to_do == CRYO_PASSING)
		rc = s->req.images_dir = open_peer_descriptor(
		    s, s->client_images, O_RDONLY | O_DIRECTORY, "image directory", err);
	s->req.work_dir = s->work;
	s->req.status_fd = status;
	return rc < 0 ? rc : 0;
}

/*
 * Should the helper die, the end of the conversation must not reach runc before
 * CRIU has ended too: containerd would let the container go on, and then CRIU,
 * which found it paused, would put it back to that, for good. What keeps the
 * conversation open is a descriptor of CRIU's that it knows nothing of. CRIU's
 * children would have it as well, but a dump leaves none.
 */
static int keep_client_open(const struct cryo_session *s, struct cryo_err *err)
{
	if (s->work_to_do != CRYO_SEALING || fcntl(s->client, F_DUPFD, s->client + 1) >= 0)
		return 0;
	return cryo_err_sys(err, errno, "cannot dup");
}

/*
 * The helper is nobody's child that CRIU or runc could stumble over: CRIU waits
 * for any child of its own while it restores. It says with one byte that CRIU
 * can start; until then it is the one that answers.
 */
static int start_helper_process(struct cryo_session *s, struct cryo_err *err)
{
	int pair[2], ready[2], status;
	char go = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    pipe2(ready, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a socket pair");
	s->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid = fork();
	if (pid < 0)
		return cryo_err_sys(err, errno, "cannot fork");
	if (pid == 0) {
		close(pair[0]);
		close(ready[0]);
		s->criu = pair[1];
		s->ready = ready[1];
		_exit(cryo_helper_start(s));
	}
	close(pair[1]);
	close(ready[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && read(ready[0], &go, 1) == 1) {
		close(ready[0]);
		if (keep_client_open(s, err) < 0)
			return -(int)err->status;
		return dup2(pair[0], s->client) < 0 ? cryo_err_sys(err, errno, "cannot dup") : 0;
	}
	close(ready[0]);
	_exit(EXIT_FAILURE);
}

static int handle_request(struct cryo_session *s, struct cryo_err *err)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	int rc = cryo_packet_receive(s->client, &p, err);

	if (rc == 0)
		return cryo_err_set(err, CRYO_E_CHILD, "runc disconnected");
	if (rc > 0)
		rc = prepare_session(s, err);
	if (rc < 0)
		return rc;
	s->client_notified = s->req.notify_scripts;
	s->req.notify_scripts |= s->work_to_do == CRYO_SEALING;
	/* What CRIU has read it punches out of its copy: memory is not needed twice. */
	s->req.auto_dedup |= s->work_to_do == CRYO_OPENING || s->work_to_do == CRYO_FEEDING;
	return start_helper_process(s, err);
}

/* A socket that is closed with an unread request in it takes the answer with it. */
static void answer_failed_request(const struct cryo_session *s, const struct cryo_err *why)
{
	char byte;

	while (recv(s->client, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	cryo_helper_refuse(s, why);
}

static bool is_image_request(int type)
{
	return type == CRYO_RPC_DUMP || type == CRYO_RPC_RESTORE || type == CRYO_RPC_PRE_DUMP ||
	       type == CRYO_RPC_SINGLE_PRE_DUMP;
}

/* Requests that carry no images. Behind one of them another one could hide. */
static int check_other_request(const struct cryo_session *s, const struct cryo_policy *own,
			       struct cryo_err *err)
{
	bool pages = s->req.type == CRYO_RPC_PAGE_SERVER ||
		     s->req.type == CRYO_RPC_PAGE_SERVER_CHILD;

	if ((own->encrypt || own->require) && (s->req.keep_open || pages))
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    pages ? "a page server cannot be combined with encryption"
			  : "with encryption only one request per connection is accepted");
	return 0;
}

static int read_client_request(struct cryo_session *s, struct cryo_err *err)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	int rc = cryo_packet_peek(s->client, &p, err);

	if (rc == 0)
		return cryo_err_set(err, CRYO_E_CHILD, "runc disconnected");
	return rc < 0 ? rc : cryo_rpc_req_parse(p.data.p, p.data.len, &s->req, err);
}

/*
 * Also where nothing of the request is ours. Where it is not allowed the restore goes on: who asked
 * for it (cryopod) has tried, too, and said so.
 */
static void reseed_before_restore(const struct cryo_session *s)
{
	struct cryo_err err = CRYO_ERR_INIT;

	if (s->req.type == CRYO_RPC_RESTORE && cryo_random_reseed(&err) < 0)
		fprintf(stderr, "cryopod-criu: %s\n", err.msg);
}

/*
 * CRIU 4.2 makes a read-only root read-only before it turns to it, and for that turn needs a
 * directory in there: /tmp, or one that it cannot make any more (criu/mount.c, cr_pivot_root). An
 * image of one program has none. Where this fails CRIU says what it misses.
 */
static void make_tmp_in_root(const struct cryo_session *s)
{
	cryo_auto(cryo_fd_close) int root = -1;

	if (!s->policy.make_tmp || s->req.type != CRYO_RPC_RESTORE || !s->req.root)
		return;
	root = open(s->req.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0 && mkdirat(root, "tmp", 01777) == 0)
		fchmodat(root, "tmp", 01777, 0);
}

static bool has_pid(const pid_t *pids, pid_t pid)
{
	while (*pids && *pids != pid)
		pids++;
	return *pids;
}

/* The container stands still by now, so it stays as it is seen. */
static int check_dumped_states(const struct cryo_session *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *group = cryo_group_freezer(s->req.pid, s->container);
	pid_t *pids = group ? cryo_group_pids(group) : NULL;
	int rc = 0;

	/* A group that we are in is not a container's: what else is in it is not dumped. */
	if (pids && !has_pid(pids, getpid()))
		rc = cryo_states_check("/proc", pids, cryo_group_is_v1(group), err);
	free(pids);
	return rc;
}

/* No dump without somebody who sees to its end. */
static int guard_dump(const struct cryo_interposer *where, const struct cryo_session *s,
		      struct cryo_err *err)
{
	const struct cryo_guard_opts o = { .runc = s->peer,
					   .dumped = s->req.pid,
					   .container = s->container,
					   .work = s->work,
					   .dumps = where->dumps,
					   .limit_ms = s->policy.dump_limit_ms
							   ? s->policy.dump_limit_ms
							   : DUMP_LIMIT_MS };
	int rc;

	if (s->req.type == CRYO_RPC_RESTORE)
		return 0;
	rc = check_dumped_states(s, err);
	return rc < 0 ? rc : cryo_guard_start(&o, err);
}

static int run_swrk_session(const struct cryo_interposer *where, struct cryo_policy *own,
			    struct cryo_session *s, struct cryo_err *err)
{
	int rc = read_client_request(s, err);

	s->client_images = s->req.images_dir;
	if (rc == 0 && is_image_request(s->req.type))
		rc = open_directories(s, err);
	if (rc == 0)
		rc = cryo_policy_load(where->conf, CRYO_POLICY_OWN, own, NULL, err);
	if (rc < 0)
		return rc;
	if (!is_image_request(s->req.type))
		return check_other_request(s, own, err);
	reseed_before_restore(s);
	rc = decide_session_work(where, own, s, err);
	if (rc == 0)
		rc = guard_dump(where, s, err);
	if (rc == 0)
		make_tmp_in_root(s);
	if (rc == 0 && is_dump_request(s)) {
		add_call_words(s);
		record_dump_options(where, s);
	}
	if (rc < 0 || (s->work_to_do == CRYO_PASSING && !s->criu_conf.ours))
		return rc;
	return handle_request(s, err);
}

int cryo_session_run(const struct cryo_interposer *where, int sock, struct cryo_policy *own,
		     struct cryo_err *err)
{
	cryo_auto(release_session) struct cryo_session s = { .client = sock,
							     .images = -1,
							     .work = -1,
							     .pidfd = -1,
							     .logs = where->logs,
							     .feed = CRYO_FEED_INIT,
							     .store = CRYO_STORE_INIT };
	int rc = run_swrk_session(where, own, &s, err);

	if (rc < 0) {
		answer_failed_request(&s, err);
		cryo_store_remove(&s.store);
	}
	return rc;
}

static int find_swrk_socket(int argc, char **argv)
{
	char *end;
	long n;

	if (argc < 3 || !cryo_streq(argv[1], "swrk"))
		return -1;
	n = strtol(argv[2], &end, 10);
	return *argv[2] && !*end && n >= 0 && n <= INT_MAX ? (int)n : -1;
}

int cryo_interposer_main(const struct cryo_interposer *where, int argc, char **argv)
{
	cryo_auto(cryo_policy_release) struct cryo_policy own = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int sock = find_swrk_socket(argc, argv), rc;

	if (sock >= 0)
		rc = cryo_session_run(where, sock, &own, &err);
	else
		rc = cryo_policy_load(where->conf, CRYO_POLICY_OWN, &own, NULL, &err);
	if (rc == 0)
		rc = cryo_real_exec(&own, argv, &err);
	fprintf(stderr, "cryopod-criu: %s\n", err.msg);
	return EXIT_FAILURE;
}
