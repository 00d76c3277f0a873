/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/rights.h"

#include "criu/entry.h"
#include "criu/images.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_TASKS 65536
#define PSTREE	  "pstree.img"
#define CORE	  "core-"

/* task_state of CRIU: compel/include/uapi/task-state.h */
#define TASK_DEAD   2
#define TASK_ZOMBIE 6

/* linux/capability.h, in the order of their numbers */
static const char *const caps[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

char *cryo_rights_cap_name(unsigned cap)
{
	return cap < CRYO_ARRAY_LEN(caps) ? cryo_strdup(caps[cap]) : cryo_asprintf("%u", cap);
}

int cryo_rights_cap_find(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(caps); i++)
		if (strcasecmp(caps[i], name) == 0)
			return (int)i;
	return -1;
}

bool cryo_rights_is_told_by(const char *name)
{
	return strcmp(name, PSTREE) == 0 || cryo_starts_with(name, CORE);
}

static void note_damaged_image(struct cryo_rights *r, const char *name)
{
	if (!r->damaged)
		r->damaged = cryo_strdup(name);
}

/* More words than there are capabilities: as if it had all of them. */
static uint64_t join_cap_words(const uint32_t *word, size_t n)
{
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++)
		if (i < 2)
			set |= (uint64_t)word[i] << (32 * i);
		else if (word[i])
			set = UINT64_MAX;
	return set;
}

static void take_creds(struct cryo_rights_task *t, const CredsEntry *c)
{
	const uint32_t uid[4] = { c->uid, c->euid, c->suid, c->fsuid };
	const uint32_t gid[4] = { c->gid, c->egid, c->sgid, c->fsgid };

	memcpy(t->uid, uid, sizeof(uid));
	memcpy(t->gid, gid, sizeof(gid));
	t->groups = c->n_groups;
	t->group = cryo_alloc((c->n_groups + 1) * sizeof(*t->group));
	for (size_t i = 0; i < c->n_groups; i++)
		t->group[i] = c->groups[i];
	t->inh = join_cap_words(c->cap_inh, c->n_cap_inh);
	t->prm = join_cap_words(c->cap_prm, c->n_cap_prm);
	t->eff = join_cap_words(c->cap_eff, c->n_cap_eff);
	t->bnd = join_cap_words(c->cap_bnd, c->n_cap_bnd);
	t->amb = join_cap_words(c->cap_amb, c->n_cap_amb);
	t->securebits = c->secbits;
	t->no_new_privs = c->no_new_privs;
}

/*
 * Where a thread has no credentials in its own image CRIU takes them from a file of old times
 * (creds-PID.img); we do not, so that is damaged.
 */
static bool take_core_entry(struct cryo_rights_task *t, const CoreEntry *core)
{
	const TaskCoreEntry *tc = core->tc;
	const ThreadCoreEntry *thread = core->thread_core;

	if (tc && tc->has_comm)
		cryo_criu_entry_name(t->name, sizeof(t->name), tc->comm.data, tc->comm.len);
	t->dead = tc && (tc->task_state == TASK_DEAD || tc->task_state == TASK_ZOMBIE);
	if (!thread || !thread->creds)
		return t->dead;
	take_creds(t, thread->creds);
	t->seccomp = thread->seccomp_mode;
	if (!thread->has_seccomp_mode && tc)
		t->seccomp = tc->old_seccomp_mode;
	return true;
}

static void take_core_image(struct cryo_rights *r, const char *name, const struct cryo_str *image)
{
	size_t at = 0, n;
	uint32_t pid;
	const uint8_t *entry = cryo_criu_entry_next(image, &at, &n);
	CoreEntry *core = entry ? core_entry__unpack(NULL, n, entry) : NULL;
	struct cryo_rights_task *t;

	if (!core || !cryo_criu_entry_is_of(name, CORE, &pid) || r->n >= MAX_TASKS) {
		note_damaged_image(r, name);
	} else {
		r->task = cryo_realloc(r->task, r->n + 1, sizeof(*r->task));
		t = &r->task[r->n++];
		*t = (struct cryo_rights_task){ .pid = pid };
		if (!take_core_entry(t, core))
			note_damaged_image(r, name);
	}
	if (core)
		core_entry__free_unpacked(core, NULL);
}

static void add_thread(struct cryo_rights *r, uint32_t process, uint32_t pid)
{
	r->thread = cryo_realloc(r->thread, r->threads + 1, sizeof(*r->thread));
	r->thread[r->threads++] = (struct cryo_rights_thread){ pid, process };
}

static void take_pstree_image(struct cryo_rights *r, const struct cryo_str *image)
{
	const uint8_t *entry;
	size_t at = 0, n;

	while (r->threads < MAX_TASKS && (entry = cryo_criu_entry_next(image, &at, &n))) {
		PstreeEntry *e = pstree_entry__unpack(NULL, n, entry);

		if (!e) {
			note_damaged_image(r, PSTREE);
			return;
		}
		add_thread(r, e->pid, e->pid);
		for (size_t i = 0; i < e->n_threads; i++)
			add_thread(r, e->pid, e->threads[i]);
		pstree_entry__free_unpacked(e, NULL);
	}
	if (at != image->len)
		note_damaged_image(r, PSTREE);
}

void cryo_rights_take(struct cryo_rights *r, const char *name, const struct cryo_str *image)
{
	if (image->len > CRYO_CRIU_IMAGE_MAX)
		note_damaged_image(r, name);
	else if (strcmp(name, PSTREE) == 0)
		take_pstree_image(r, image);
	else
		take_core_image(r, name, image);
}

static int compare_tasks(const void *a, const void *b)
{
	uint32_t x = ((const struct cryo_rights_task *)a)->pid;
	uint32_t y = ((const struct cryo_rights_task *)b)->pid;

	return x < y ? -1 : x > y;
}

static const struct cryo_rights_task *find_task(const struct cryo_rights *r, uint32_t pid)
{
	const struct cryo_rights_task key = { .pid = pid };

	return r->n == 0 ? NULL : bsearch(&key, r->task, r->n, sizeof(*r->task), compare_tasks);
}

/* A zombie has no threads, but CRIU (4.2.1, dump_zombies() in criu/cr-dump.c) names one for it
 * whose number nobody has set; its restore makes none. */
static bool is_thread_of_zombie(const struct cryo_rights *r, const struct cryo_rights_thread *t)
{
	const struct cryo_rights_task *process = find_task(r, t->process);

	return t->pid != t->process && process && process->dead;
}

int cryo_rights_check_whole(struct cryo_rights *r, struct cryo_err *err)
{
	if (r->damaged)
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "its image '%.80s' is damaged, or does not say what its process "
		    "may do",
		    r->damaged);
	if (r->n > 0)
		qsort(r->task, r->n, sizeof(*r->task), compare_tasks);
	for (size_t i = 0; i < r->threads; i++)
		if (!find_task(r, r->thread[i].pid) && !is_thread_of_zombie(r, &r->thread[i]))
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "its image 'core-%u.img' is missing", r->thread[i].pid);
	return 0;
}

void cryo_rights_release(struct cryo_rights *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->task[i].group);
	free(r->task);
	free(r->thread);
	free(r->damaged);
	*r = (struct cryo_rights){ 0 };
}
