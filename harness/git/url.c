/* SPDX-License-Identifier: Apache-2.0 */
#include "git/url.h"

#include "sys/fs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_URL	     2048
#define MAX_MIRRORS  65536
#define SYSTEM_FILE  "/etc/cryopod/mirrors"
#define SCHEME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."

static const char *check_url_text(const char *url)
{
	if (!*url)
		return "it is empty";
	if (strlen(url) > MAX_URL)
		return "it is too long";
	if (url[0] == '-')
		return "it looks like an option";
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return "it holds a blank or a control character";
	return NULL;
}

/* Behind "scheme://", or of user@host:path. ssh would take a host with a dash for an option. */
static const char *check_url_host(const char *authority, size_t n)
{
	const char *at = memrchr(authority, '@', n);
	const char *host = at ? at + 1 : authority;

	if (at && memchr(authority, ':', (size_t)(at - authority)))
		return "it holds a password: that belongs to a credential helper of git";
	if (authority[0] == '-' || host[0] == '-')
		return "its host looks like an option";
	return NULL;
}

static bool has_url_scheme(const char *url, const char *const *schemes, const char **rest)
{
	for (; *schemes; schemes++) {
		if (cryo_starts_with(url, *schemes)) {
			*rest = url + strlen(*schemes);
			return true;
		}
	}
	return false;
}

static bool is_scp_address(const char *url)
{
	size_t colon = strcspn(url, ":");

	return url[colon] && colon > 0 && strcspn(url, "/") > colon;
}

const char *cryo_url_refusal(const char *url)
{
	static const char *const known[] = { "https://", "http://", "ssh://", "git://", NULL };
	const char *why = check_url_text(url), *rest;

	if (why)
		return why;
	if (strncmp(url + strspn(url, SCHEME_CHARS), "::", 2) == 0)
		return "its transport is a program of its own";
	if (has_url_scheme(url, known, &rest))
		return strcspn(rest, "/") == 0 ? "it names no host"
					       : check_url_host(rest, strcspn(rest, "/"));
	if (url[0] == '/' || cryo_starts_with(url, "file:///"))
		return NULL;
	if (strstr(url, "://"))
		return "its transport is none of https, http, ssh, git, file";
	if (is_scp_address(url))
		return check_url_host(url, strcspn(url, ":"));
	return "it is neither an address nor an absolute path";
}

const char *cryo_url_archive_refusal(const char *url)
{
	static const char *const known[] = { "https://", "http://", NULL };
	const char *why = check_url_text(url), *rest;

	if (why)
		return why;
	if (has_url_scheme(url, known, &rest))
		return strcspn(rest, "/") == 0 ? "it names no host"
					       : check_url_host(rest, strcspn(rest, "/"));
	if (cryo_starts_with(url, CRYO_DEBIAN_SCHEME))
		return strstr(url, "/../") ? "it holds '..' in its middle" : NULL;
	return url[0] == '/' ? NULL : "it is neither https, http nor an absolute path";
}

bool cryo_url_is_relative(const char *url)
{
	return cryo_starts_with(url, "./") || cryo_starts_with(url, "../");
}

/* Where the part begins that "../" may shorten: behind the host. */
static size_t find_url_root(const char *base)
{
	const char *scheme = strstr(base, "://");

	if (scheme)
		return (size_t)(scheme + 3 - base) + strcspn(scheme + 3, "/");
	return is_scp_address(base) ? strcspn(base, ":") + 1 : 0;
}

/* "a/b" becomes "a", "host:a" becomes "host:"; false: there is nothing left to take. */
static bool cut_last_url_part(char *base, size_t root)
{
	size_t n = strlen(base);

	while (n > root && base[n - 1] == '/')
		n--;
	if (n <= root)
		return false;
	while (n > root && base[n - 1] != '/')
		n--;
	base[n > root ? n - 1 : n] = '\0';
	return true;
}

static bool is_local_url(const char *url)
{
	return url[0] == '/' || cryo_starts_with(url, "file://");
}

static int report_refused_url(const char *url, const char *why, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "address '%s' is refused: %s", url, why);
}

int cryo_url_resolve(const char *base, const char *url, char **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *left = cryo_strdup(base), *whole = NULL;
	const char *rest = url, *why;
	size_t root = find_url_root(base), n = strlen(left);

	while (n > root && left[n - 1] == '/')
		left[--n] = '\0';
	while (cryo_url_is_relative(rest)) {
		if (rest[1] == '.' && !cut_last_url_part(left, root))
			return report_refused_url(url, "it climbs out of its project's address",
						  err);
		rest += rest[1] == '.' ? 3 : 2;
	}
	/* As git has it: a project from the web has no business in our directories. */
	if (rest == url && is_local_url(url) && !is_local_url(base))
		return report_refused_url(
		    url, "it is a path of this machine, in a project that is not", err);
	n = strlen(left);
	if (rest == url)
		whole = cryo_strdup(url);
	else
		whole = cryo_asprintf("%s%s%s", left, n > 0 && left[n - 1] == ':' ? "" : "/", rest);
	why = rest != url && strstr(rest, "..") ? "it holds '..' in its middle"
						: cryo_url_refusal(whole);
	if (why)
		return report_refused_url(whole, why, err);
	*out = cryo_steal(&whole);
	return 0;
}

struct found {
	size_t prefix; /* length of the longest one so far */
	char *to;
};

/* The first of equals wins: the command line comes before the files. */
static void consider_mirror(struct found *f, const char *url, const char *prefix, size_t n,
			    const char *to)
{
	if (n <= f->prefix || strncmp(url, prefix, n) != 0)
		return;
	free(f->to);
	f->prefix = n;
	f->to = cryo_strdup(to);
}

/* *eq: the sign that parts it. */
static int split_option(const char *text, const char **eq, struct cryo_err *err)
{
	*eq = strchr(text, '=');
	if (!*eq || *eq == text || !(*eq)[1])
		return cryo_err_set(err, CRYO_E_USAGE, "mirror '%s' is not PREFIX=PATH-or-URL",
				    text);
	return 0;
}

static int take_mirror_option(struct found *f, const char *url, const char *text,
			      struct cryo_err *err)
{
	const char *eq;
	int rc = split_option(text, &eq, err);

	if (rc == 0)
		consider_mirror(f, url, text, (size_t)(eq - text), eq + 1);
	return rc;
}

static int take_mirror_line(struct found *f, const char *url, char *line, const char *file,
			    unsigned nr, struct cryo_err *err)
{
	static const char blank[] = " \t\r";
	char *prefix = line + strspn(line, blank), *to, *end;

	if (!*prefix || *prefix == '#')
		return 0;
	to = prefix + strcspn(prefix, blank);
	end = to;
	to += strspn(to, blank);
	if (!*to)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: a line is PREFIX PATH-or-URL", file,
				    nr);
	*end = '\0';
	to[strcspn(to, "\r")] = '\0';
	consider_mirror(f, url, prefix, strlen(prefix), to);
	return 0;
}

static int take_mirror_file(struct found *f, const char *url, const char *file,
			    struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	char *line, *rest;
	unsigned nr = 0;
	int rc = 0;

	if (!cryo_fs_exists(file))
		return 0;
	rc = cryo_fs_read(file, MAX_MIRRORS, &text, err);
	rest = text.p;
	while (rc == 0 && (line = strsep(&rest, "\n")))
		rc = take_mirror_line(f, url, line, file, ++nr, err);
	return rc;
}

static char *find_user_mirror_file(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/')
		return cryo_asprintf("%s/cryopod/mirrors", config);
	return home && *home ? cryo_asprintf("%s/.config/cryopod/mirrors", home) : NULL;
}

/* Bare repositories are mostly called NAME.git, work trees are not. */
static char *find_git_directory(char *path)
{
	size_t n = strlen(path);
	char *other;

	if (path[0] != '/' || cryo_fs_exists(path))
		return path;
	other = cryo_ends_with(path, ".git") ? cryo_strndup(path, n - strlen(".git"))
					     : cryo_asprintf("%s.git", path);
	if (cryo_fs_exists(other)) {
		free(path);
		return other;
	}
	free(other);
	return path;
}

int cryo_url_mirror(const char *url, const char *const *mirrors, char **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *own = find_user_mirror_file();
	struct found f = { 0 };
	const char *why;
	int rc = 0;

	for (; rc == 0 && mirrors && *mirrors; mirrors++)
		rc = take_mirror_option(&f, url, *mirrors, err);
	if (rc == 0 && own)
		rc = take_mirror_file(&f, url, own, err);
	if (rc == 0)
		rc = take_mirror_file(&f, url, SYSTEM_FILE, err);
	if (rc == 0 && f.to) {
		*out = find_git_directory(cryo_asprintf("%s%s", f.to, url + f.prefix));
		why = cryo_url_refusal(*out);
		if (why) {
			rc = cryo_err_set(err, CRYO_E_CONFIG, "mirror '%s' of '%s' is refused: %s",
					  *out, url, why);
			free(*out);
			*out = NULL;
		}
	} else if (rc == 0) {
		*out = cryo_strdup(url);
	}
	free(f.to);
	return rc;
}

int cryo_url_check_mirrors(const char *const *mirrors, struct cryo_err *err)
{
	const char *eq;
	int rc = 0;

	for (; rc == 0 && mirrors && *mirrors; mirrors++)
		rc = split_option(*mirrors, &eq, err);
	return rc;
}
