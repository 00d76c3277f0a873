/* SPDX-License-Identifier: Apache-2.0 */
#include "git/git.h"

#include <errno.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>

void cryo_git_ready(void)
{
	static bool ready;

	if (ready)
		return;
	if (git_libgit2_init() < 0)
		abort();
	/* Names are computed from the content when it comes, and zlib has a checksum: as git does
	 * it. */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	ready = true;
}

/* An assertion of its checkout, which hides why a file's content could not be had. */
#define HIDDEN "writer.open == 0"

int cryo_git_err(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
{
	const git_error *last = git_error_last();
	const char *why = last && last->message ? last->message : "no reason given";
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	if (strstr(why, HIDDEN))
		why = "the content of a file cannot be read or turned (too little memory?)";
	if (strstr(why, strerror(ENOSPC)))
		status = CRYO_E_UNFIT;
	return cryo_err_set(err, status, "%s: %s", text, why);
}

bool cryo_git_is_full(const char *commit)
{
	size_t n = strlen(commit);

	return (n == 40 || n == 64) && !commit[strspn(commit, "0123456789abcdef")];
}

bool cryo_git_is_ref(const char *name)
{
	cryo_auto(cryo_free) char *full = cryo_starts_with(name, "refs/")
					      ? cryo_strdup(name)
					      : cryo_asprintf("refs/heads/%s", name);
	int valid = 0;

	cryo_git_ready();
	return name[0] != '-' && git_reference_name_is_valid(&valid, full) == 0 && valid;
}

static bool is_safe_path_part(const char *part, size_t n)
{
	return n > 0 && part[0] != '-' && !(n == 1 && part[0] == '.') &&
	       !(n == 2 && strncmp(part, "..", 2) == 0) &&
	       !(n == 4 && strncasecmp(part, ".git", 4) == 0);
}

bool cryo_git_is_path(const char *path)
{
	if (strlen(path) > 1024 || strchr(path, '\\'))
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	for (;; path++) {
		size_t n = strcspn(path, "/");

		if (!is_safe_path_part(path, n))
			return false;
		path += n;
		if (!*path)
			return true;
	}
}
