/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/many.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/intr.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child at work. */
struct worker {
	pid_t pid; /* 0: free */
	int result;
	unsigned at;
};

struct crew {
	const char *kind;
	struct cryo_many *all;
	cryo_many_run run;
	const void *arg;
	struct worker worker[CRYO_MANY_MOST];
	unsigned size, busy;
	bool told; /* of the interrupt */
};

struct cryo_many *cryo_many_names(const char *name, unsigned n)
{
	struct cryo_many *all = cryo_alloc(n * sizeof(*all));

	for (unsigned i = 0; i < n; i++) {
		all[i].name = cryo_asprintf("%s-%u", name, i + 1);
		all[i].memory = -1;
	}
	return all;
}

void cryo_many_free(struct cryo_many *all, unsigned n)
{
	for (unsigned i = 0; all && i < n; i++)
		free(all[i].name);
	free(all);
}

static void do_one(const struct crew *c, struct cryo_many *m)
{
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	int64_t begin = cryo_now_ms();

	m->rc = cryo_target_open(c->kind, m->name, &t, &m->err);
	if (m->rc == 0)
		m->rc = c->run(t, c->arg, &m->err);
	m->ms = cryo_now_ms() - begin;
	if (m->rc == 0)
		m->memory = t->ops->memory(t);
}

static _Noreturn void work(const struct crew *c, unsigned at, int to, pid_t parent)
{
	struct cryo_many m = c->all[at];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	cryo_event_set_sink(NULL, NULL);
	do_one(c, &m);
	_exit(write(to, &m, sizeof(m)) == (ssize_t)sizeof(m) ? 0 : 1);
}

static int begin(struct crew *c, unsigned at, struct cryo_err *err)
{
	struct worker *w = c->worker;
	pid_t parent = getpid();
	int pair[2];

	while (w->pid)
		w++;
	if (pipe(pair) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	w->pid = fork();
	if (w->pid == 0)
		work(c, at, pair[1], parent);
	close(pair[1]);
	if (w->pid < 0) {
		w->pid = 0;
		close(pair[0]);
		return cryo_err_sys(err, errno, "cannot fork");
	}
	w->result = pair[0];
	w->at = at;
	c->busy++;
	return 0;
}

static void say(const struct cryo_many *m)
{
	cryo_auto(cryo_free) char *took = cryo_duration_show(m->ms);

	if (m->rc == 0)
		cryo_info("%s: %s", m->name, took);
	else
		cryo_warn("%s: %s", m->name, m->err.msg);
}

static void end(struct crew *c, struct worker *w)
{
	struct cryo_many *m = &c->all[w->at], theirs;

	if (read(w->result, &theirs, sizeof(theirs)) == (ssize_t)sizeof(theirs)) {
		theirs.name = m->name;
		*m = theirs;
	} else {
		m->rc = cryo_err_set(&m->err, CRYO_E_CHILD, "its process ended without a result");
	}
	close(w->result);
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
	c->busy--;
	say(m);
}

/* Ctrl-C reaches them by itself; a signal to us alone does not. */
static void hand_on(struct crew *c)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (c->told || cryo_intr_check(&ignored) == 0)
		return;
	c->told = true;
	for (unsigned i = 0; i < c->size; i++)
		if (c->worker[i].pid)
			kill(c->worker[i].pid, SIGTERM);
}

static void wait_for_one(struct crew *c)
{
	struct pollfd p[CRYO_MANY_MOST + 1];

	for (unsigned i = 0; i < c->size; i++)
		p[i] = (struct pollfd){ c->worker[i].pid ? c->worker[i].result : -1, POLLIN, 0 };
	p[c->size] = (struct pollfd){ c->told ? -1 : cryo_intr_fd(), POLLIN, 0 };
	if (poll(p, c->size + 1, -1) < 0)
		return;
	hand_on(c);
	for (unsigned i = 0; i < c->size; i++)
		if (c->worker[i].pid && p[i].revents)
			end(c, &c->worker[i]);
}

/* They compute a third of the time and wait for disk and each other in the rest. */
static unsigned at_a_time(unsigned n)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned most = cpus > 0 ? 2 * (unsigned)cpus : 2;

	if (most > CRYO_MANY_MOST)
		most = CRYO_MANY_MOST;
	return n < most ? n : most;
}

int cryo_many_run_all(const char *kind, struct cryo_many *all, unsigned from, unsigned n,
		      cryo_many_run run, const void *arg, struct cryo_err *err)
{
	struct crew c = { .kind = kind, .all = all, .run = run, .arg = arg };
	unsigned next = from;
	int rc = 0;

	c.size = at_a_time(n - from);
	while (c.busy > 0 || (rc == 0 && next < n)) {
		while (rc == 0 && next < n && c.busy < c.size) {
			rc = cryo_intr_check(err);
			if (rc == 0)
				rc = begin(&c, next++, err);
		}
		if (c.busy > 0)
			wait_for_one(&c);
	}
	for (unsigned i = from; rc == 0 && i < n; i++) {
		rc = all[i].rc;
		if (rc < 0)
			*err = all[i].err;
	}
	return rc;
}
