/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/places.h"

#include "sys/fs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *choose_user_dir(const char *override, const char *root, const char *xdg,
				   const char *below_home)
{
	/* One place each per process: the answer cannot change while we run. */
	static struct {
		const char *root;
		char *path;
	} memo[3];
	const char *env = getenv(override), *base = getenv(xdg), *home = getenv("HOME");
	size_t i = 0;

	if (env && *env)
		return env;
	if (geteuid() == 0)
		return root;
	while (i < 2 && memo[i].root && strcmp(memo[i].root, root) != 0)
		i++;
	if (!memo[i].path) {
		memo[i].root = root;
		memo[i].path =
		    base && *base == '/'
			? cryo_asprintf("%s/cryopod", base)
			: cryo_asprintf("%s/%s/cryopod", home ? home : "/tmp", below_home);
	}
	return memo[i].path;
}

const char *cryo_dir_state(void)
{
	return choose_user_dir("CRYOPOD_STATE_DIR", "/var/lib/cryopod", "XDG_STATE_HOME",
			       ".local/state");
}

const char *cryo_dir_cache(void)
{
	return choose_user_dir("CRYOPOD_CACHE_DIR", "/var/cache/cryopod", "XDG_CACHE_HOME",
			       ".cache");
}

const char *cryo_dir_run(void)
{
	return choose_user_dir("CRYOPOD_RUN_DIR", "/run/cryopod", "XDG_RUNTIME_DIR", ".cache/run");
}

static char *add_below(const char *dir, const char *fmt, va_list ap)
{
	cryo_auto(cryo_free) char *below = cryo_vasprintf(fmt, ap);

	return cryo_asprintf("%s/%s", dir, below);
}

char *cryo_cache_path(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = add_below(cryo_dir_cache(), fmt, ap);
	va_end(ap);
	return path;
}

char *cryo_state_path(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = add_below(cryo_dir_state(), fmt, ap);
	va_end(ap);
	return path;
}

char *cryo_run_path(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = add_below(cryo_dir_run(), fmt, ap);
	va_end(ap);
	return path;
}
