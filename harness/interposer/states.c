/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/states.h"

#include "base/str.h"
#include "base/util.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROC 4096

static const struct hanging {
	const char *wchan; /* beginning of the kernel function's name */
	bool v1_only;
	const char *words;
} hanging[] = {
	/* The parent of vfork() ignores a debugger until its child has called exec or ended, and
	 * that child stands still. The names of kernel/fork.c through the years. */
	{ "kernel_clone", false,
	  "waits in vfork() for its child (usually only for a moment: try again)" },
	{ "wait_for_vfork_done", false,
	  "waits in vfork() for its child (usually only for a moment: try again)" },
	{ "_do_fork", false,
	  "waits in vfork() for its child (usually only for a moment: try again)" },
	{ "do_fork", false,
	  "waits in vfork() for its child (usually only for a moment: try again)" },
	/* A freezer of v1 forgets that a debugger has asked. */
	{ "do_signal_stop", true, "is stopped (SIGSTOP): continue it with SIGCONT" },
	{ "do_jobctl_trap", true, "is stopped (SIGSTOP): continue it with SIGCONT" },
};

const char *cryo_states_explain(const char *wchan, bool v1)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(hanging); i++)
		if (cryo_starts_with(wchan, hanging[i].wchan) && (v1 || !hanging[i].v1_only))
			return hanging[i].words;
	return NULL;
}

/* A file of a process or thread, its first line; "" where it cannot be read. Caller frees. */
static char *read_state_file(const char *dir, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored;

	if (cryo_fs_read(path, MAX_PROC, &text, &ignored) < 0)
		return cryo_strdup("");
	return cryo_strndup(cryo_str_get(&text), strcspn(cryo_str_get(&text), "\n"));
}

static int check_thread_state(const char *dir, pid_t pid, bool v1, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *wchan = read_state_file(dir, "wchan");
	const char *words = cryo_states_explain(wchan, v1);
	cryo_auto(cryo_free) char *name = words ? read_state_file(dir, "comm") : NULL;

	if (!words)
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "process %d ('%.32s') %s: CRIU would wait for it forever", pid, name,
			    words);
}

static int check_process_state(const char *proc, pid_t pid, bool v1, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tasks = cryo_asprintf("%s/%d/task", proc, pid);
	DIR *d = opendir(tasks);
	int rc = 0;

	for (struct dirent *e; d && rc == 0 && (e = readdir(d));) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", tasks, e->d_name);

		if (*e->d_name != '.')
			rc = check_thread_state(dir, pid, v1, err);
	}
	if (d)
		closedir(d);
	return rc;
}

int cryo_states_check(const char *proc, const pid_t *pids, bool v1, struct cryo_err *err)
{
	int rc = 0;

	for (; rc == 0 && *pids; pids++)
		rc = check_process_state(proc, *pids, v1, err);
	return rc;
}
