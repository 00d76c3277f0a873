/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/family.h"

#include "base/str.h"
#include "base/util.h"
#include "sys/fs.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROC  4096
#define MAX_DEPTH 16

/* "12 (na) me) S 1 …" (proc(5)): the name ends at the last parenthesis. */
static bool read_family_stat(pid_t pid, char name[32], pid_t *parent)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/stat", pid);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored;
	const char *open, *close;

	if (cryo_fs_read(path, MAX_PROC, &text, &ignored) < 0)
		return false;
	open = strchr(cryo_str_get(&text), '(');
	close = strrchr(cryo_str_get(&text), ')');
	if (!open || !close || close < open)
		return false;
	snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
	return sscanf(close + 1, " %*c %d", parent) == 1;
}

pid_t cryo_family_parent(pid_t pid)
{
	char name[32];
	pid_t parent = 0;

	return read_family_stat(pid, name, &parent) ? parent : 0;
}

bool cryo_family_is_called(pid_t pid, const char *name_begins_with)
{
	char name[32];
	pid_t parent;

	return pid > 0 && read_family_stat(pid, name, &parent) &&
	       cryo_starts_with(name, name_begins_with);
}

pid_t cryo_family_only(const char *name)
{
	DIR *d = opendir("/proc");
	pid_t found = 0, parent;
	size_t n = 0;
	char its[32];

	for (struct dirent *e; d && (e = readdir(d));) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && read_family_stat(pid, its, &parent) && cryo_streq(its, name)) {
			found = pid;
			n++;
		}
	}
	if (d)
		closedir(d);
	return n == 1 ? found : 0;
}

/* Children first: an orphan could not be found any more. */
static void kill_family(pid_t pid, int depth)
{
	DIR *d = depth < MAX_DEPTH ? opendir("/proc") : NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		pid_t child = atoi(e->d_name);

		if (child > 0 && child != pid && cryo_family_parent(child) == pid)
			kill_family(child, depth + 1);
	}
	if (d)
		closedir(d);
	kill(pid, SIGKILL);
}

void cryo_family_kill(pid_t pid)
{
	kill(pid, SIGSTOP); /* makes no more children */
	kill_family(pid, 0);
}
