/* SPDX-License-Identifier: Apache-2.0 */
/* Small repositories for tests, made with libgit2, and a git daemon to serve them. */
#ifndef CRYO_TESTS_SOURCE_GIT_WORLD_H
#define CRYO_TESTS_SOURCE_GIT_WORLD_H

#include "base/str.h"
#include "source/tree.h"
#include "sys/fs.h"

#include <arpa/inet.h>
#include <git2.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* One entry of a commit: a file, or with `link` a submodule at that commit. */
struct world_file {
	const char *path, *text, *link;
};

static inline void must(int rc)
{
	if (rc < 0) {
		const git_error *e = git_error_last();

		fprintf(stderr, "git_world: %s\n", e ? e->message : "?");
		abort();
	}
}

static inline void world_add(git_repository *repo, git_index *index, const struct world_file *f)
{
	git_index_entry e = { .mode = f->link ? GIT_FILEMODE_COMMIT : GIT_FILEMODE_BLOB,
			      .path = f->path };

	if (f->link) {
		must(git_oid_fromstr(&e.id, f->link));
		must(git_index_add(index, &e));
	} else {
		must(git_blob_create_from_buffer(&e.id, repo, f->text, strlen(f->text)));
		must(git_index_add(index, &e));
	}
}

/*
 * A commit on a branch of the bare repository at `dir`, which is made if missing: the
 * files of its parent and these. The commit into out.
 */
static inline void world_commit(const char *dir, const char *branch, const struct world_file *f,
				size_t n, char out[CRYO_COMMIT_HEX])
{
	cryo_auto(cryo_free) char *ref = cryo_asprintf("refs/heads/%s", branch);
	git_repository *repo = NULL;
	git_commit *parent = NULL;
	git_signature *who = NULL;
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_oid oid, tree_oid;

	git_libgit2_init();
	if (git_repository_open_bare(&repo, dir) < 0)
		must(git_repository_init(&repo, dir, 1));
	must(git_index_new(&index));
	if (git_reference_name_to_id(&oid, repo, ref) == 0) {
		must(git_commit_lookup(&parent, repo, &oid));
		must(git_commit_tree(&tree, parent));
		must(git_index_read_tree(index, tree));
		git_tree_free(tree);
	}
	for (size_t i = 0; i < n; i++)
		world_add(repo, index, &f[i]);
	must(git_index_write_tree_to(&tree_oid, index, repo));
	must(git_tree_lookup(&tree, repo, &tree_oid));
	must(git_signature_new(&who, "w", "w@localhost", 1000000000, 0));
	must(git_commit_create_v(&oid, repo, ref, who, who, NULL, "one more", tree, parent ? 1 : 0,
				 parent));
	git_oid_tostr(out, CRYO_COMMIT_HEX, &oid);
	git_signature_free(who);
	git_tree_free(tree);
	git_index_free(index);
	git_commit_free(parent);
	git_repository_free(repo);
}

/* A tag that is an object of its own. */
static inline void world_tag(const char *dir, const char *name, const char *commit)
{
	git_repository *repo = NULL;
	git_signature *who = NULL;
	git_object *target = NULL;
	git_oid oid;

	must(git_repository_open_bare(&repo, dir));
	must(git_oid_fromstr(&oid, commit));
	must(git_object_lookup(&target, repo, &oid, GIT_OBJECT_COMMIT));
	must(git_signature_new(&who, "w", "w@localhost", 1000000000, 0));
	must(git_tag_create(&oid, repo, name, target, who, "tagged", 0));
	git_signature_free(who);
	git_object_free(target);
	git_repository_free(repo);
}

/* A listening socket of our own; its port. */
static inline int world_listen(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

static inline bool world_answers(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return answers;
}

/* `git daemon` for what is below `base`; 0: there is no such program. */
static inline pid_t world_daemon(const char *base, int *port)
{
	cryo_auto(cryo_free) char *git = cryo_fs_which("git");
	char at[32], root[512];
	pid_t pid;

	if (!git)
		return 0;
	close(world_listen(port)); /* a number that is free */
	snprintf(at, sizeof(at), "--port=%d", *port);
	snprintf(root, sizeof(root), "--base-path=%s", base);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		execl(git, "git", "-c", "safe.directory=*", "daemon", "--export-all", "--reuseaddr",
		      "--listen=127.0.0.1", at, root, NULL);
		_exit(127);
	}
	setpgid(pid, pid);
	for (int i = 0; i < 200 && !world_answers(*port); i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		usleep(20000);
	}
	return pid;
}

/* One connection: what the server says until *left bytes are through, then nothing more. */
static inline void world_pass(int client, int port, volatile long *left)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p[2] = { { .fd = client, .events = POLLIN },
			       { .fd = server, .events = POLLIN } };
	char buf[4096];

	if (connect(server, (struct sockaddr *)&a, sizeof(a)) < 0)
		_exit(1);
	while (*left > 0 && poll(p, 2, -1) > 0) {
		int from = p[0].revents ? client : server, to = from == client ? server : client;
		ssize_t n = read(from, buf, sizeof(buf));

		if (n <= 0 || write(to, buf, (size_t)n) != n)
			break;
		if (from == server)
			*left -= n;
	}
	close(server);
}

/* In front of the server at `to`; when *left is used up every connection is cut. */
static inline pid_t world_relay(int to, int *port, volatile long *left)
{
	int fd = world_listen(port), client;
	pid_t pid = fork();

	if (pid > 0)
		close(fd);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		world_pass(client, to, left);
		close(client);
	}
	_exit(0);
}

static inline void world_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif
