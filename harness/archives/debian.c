/* SPDX-License-Identifier: Apache-2.0 */
#include "archives/debian.h"

#include "base/str.h"
#include "base/util.h"
#include "net/http.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <archive.h>
#include <archive_entry.h>
#include <glob.h>
#include <string.h>

#define MAX_LIST  65536
#define MAX_INDEX (256u << 20)
#define INDEX_MS  120000

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
	    cryo_cache_path(CRYO_CACHE_ROOTS "/make-*/etc/apt/sources.list");
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

/* The name begins here, and not inside of another one. */
static bool begins_name(const char *text, const char *at)
{
	return at == text || at[-1] == ' ' || at[-1] == '\n';
}

void cryo_debian_read_versions(const char *text, const char *before, const char *after,
			       struct cryo_strv *out)
{
	for (const char *at = strstr(text, before); at; at = strstr(at, before)) {
		bool whole = begins_name(text, at);
		size_t n = strspn(at += strlen(before), "0123456789.");

		/* The dot in front of "orig" is the one of `after`. */
		while (n > 0 && at[n - 1] == '.')
			n--;
		if (whole && n > 0 && cryo_starts_with(at + n, after)) {
			cryo_auto(cryo_free) char *version = cryo_asprintf("v%.*s", (int)n, at);

			if (!cryo_strv_has(out, version))
				cryo_strv_add(out, version);
		}
	}
}

/* What one file, compressed in any way, holds. */
static int decompress(const struct cryo_str *in, struct cryo_str *out, struct cryo_err *err)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	char piece[65536];
	la_ssize_t n = -1;

	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, in->p, in->len) == ARCHIVE_OK &&
	    archive_read_next_header(a, &entry) == ARCHIVE_OK)
		while ((n = archive_read_data(a, piece, sizeof(piece))) > 0 && out->len < MAX_INDEX)
			cryo_str_addn(out, piece, (size_t)n);
	archive_read_free(a);
	return n == 0
		   ? 0
		   : cryo_err_set(err, CRYO_E_REMOTE, "a list of packages is damaged or too large");
}

static int fetch_index(const char *server, const char *suite, struct cryo_str *out,
		       struct cryo_err *err)
{
	const struct cryo_http_opts opts = { .base_url = server, .netns_fd = -1 };
	cryo_auto(cryo_http_free) struct cryo_http *http = cryo_http_new(&opts);
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_free) char *path = cryo_asprintf("dists/%s/main/source/Sources.xz", suite);
	const struct cryo_http_req req = {
		.path = path, .accept = "*/*", .timeout_ms = INDEX_MS, .max_body = MAX_INDEX
	};
	int rc = cryo_http_do(http, &req, &resp, err);

	if (rc == 0 && resp.code != 200)
		rc = cryo_err_set(err, CRYO_E_REMOTE, "'%s%s': HTTP %ld", server, path, resp.code);
	return rc < 0 ? rc : decompress(&resp.body, out, err);
}

int cryo_debian_versions(const char *url, const char *version, struct cryo_strv *out,
			 struct cryo_err *err)
{
	static const char *const suites[] = { "stable", "testing", "unstable" };
	const char *number = version + (*version == 'v'), *slash = strrchr(url, '/');
	const char *at = slash && *number ? strstr(slash, number) : NULL;
	cryo_auto(cryo_free) char *before = at ? cryo_strndup(slash + 1, (size_t)(at - slash - 1))
					       : NULL;
	cryo_auto(cryo_free) char *after = at ? cryo_strdup(at + strlen(number)) : NULL;
	cryo_auto(cryo_free) char *server = NULL;
	char *end = after ? strrchr(after, '.') : NULL;
	int rc;

	if (!at || !*before || !end)
		return 0;
	*end = '\0'; /* another one may be compressed otherwise */
	rc = cryo_debian_resolve(CRYO_DEBIAN_SCHEME, &server, err);
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(suites); i++) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		rc = fetch_index(server, suites[i], &text, err);
		if (rc == 0)
			cryo_debian_read_versions(cryo_str_get(&text), before, after, out);
	}
	return rc;
}
