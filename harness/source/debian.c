/* SPDX-License-Identifier: Apache-2.0 */
#include "source/debian.h"

#include "base/str.h"
#include "base/util.h"
#include "sys/fs.h"

#include <glob.h>
#include <string.h>

#define MAX_LIST 65536

bool cryo_debian_is_address(const char *url)
{
	return cryo_starts_with(url, CRYO_DEBIAN_SCHEME);
}

/* "deb [options] URI SUITE COMPONENT…": the first that is fetched by HTTP; NULL: none. */
static char *find_server_in(char *list)
{
	char *line, *at;

	while ((line = strsep(&list, "\n"))) {
		if (!cryo_starts_with(line, "deb "))
			continue;
		at = line + strlen("deb ");
		if (*at == '[')
			at += strcspn(at, "]") + (strchr(at, ']') != NULL);
		at += strspn(at, " \t");
		if (cryo_starts_with(at, "http://") || cryo_starts_with(at, "https://"))
			return cryo_strndup(at, strcspn(at, " \t"));
	}
	return NULL;
}

static char *read_server_of(const char *file)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read(file, MAX_LIST, &text, &ignored) < 0 || !text.p)
		return NULL;
	return find_server_in(text.p);
}

int cryo_debian_resolve(const char *url, char **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *pattern =
	    cryo_asprintf("%s/roots/make-*/etc/apt/sources.list", cryo_dir_cache());
	cryo_auto(cryo_free) char *server = NULL;
	glob_t found = { 0 };

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; !server && i < found.gl_pathc; i++)
			server = read_server_of(found.gl_pathv[i]);
	globfree(&found);
	if (!server)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "nothing says yet which server of Debian has '%s': build "
				    "first, or --mirror " CRYO_DEBIAN_SCHEME "=URL",
				    url);
	*out = cryo_asprintf("%s%s%s", server, cryo_ends_with(server, "/") ? "" : "/",
			     url + strlen(CRYO_DEBIAN_SCHEME));
	return 0;
}
