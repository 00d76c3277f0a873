/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

/* The server's rule for a piece of a path; an empty or dotted one would name something else. */
static bool is_path_piece(const char *s)
{
	return *s && strcmp(s, ".") != 0 && strcmp(s, "..") != 0 && !strpbrk(s, "/%");
}

int cryo_kube_add_piece(struct cryo_str *path, const char *what, const char *piece,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *escaped = NULL;

	if (!is_path_piece(piece))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a valid %s name", piece, what);
	escaped = cryo_http_escape(piece);
	cryo_str_addf(path, "/%s", escaped);
	return 0;
}

int cryo_kube_path_below(const char *resource, const char *ns, const char *name,
			 struct cryo_str *path, struct cryo_err *err)
{
	int rc = 0;

	if (ns) {
		cryo_str_add(path, "/namespaces");
		rc = cryo_kube_add_piece(path, "namespace", ns, err);
	}
	if (rc == 0)
		rc = cryo_kube_add_piece(path, "resource", resource, err);
	if (rc == 0 && name)
		rc = cryo_kube_add_piece(path, "object", name, err);
	return rc;
}

void cryo_kube_query(struct cryo_str *path, const char *key, const char *value)
{
	cryo_auto(cryo_free) char *escaped = cryo_http_escape(value);

	cryo_str_addf(path, "%c%s=%s", strchr(cryo_str_get(path), '?') ? '&' : '?', key, escaped);
}

void cryo_kube_base(const char *api_version, struct cryo_str *path)
{
	size_t n = strcspn(api_version, "/");
	cryo_auto(cryo_free) char *first = cryo_strndup(api_version, n);
	cryo_auto(cryo_free) char *one = cryo_http_escape(first);
	cryo_auto(cryo_free) char *two = api_version[n] ? cryo_http_escape(api_version + n + 1)
							: NULL;

	if (two)
		cryo_str_addf(path, "/apis/%s/%s", one, two);
	else
		cryo_str_addf(path, "/api/%s", one);
}
