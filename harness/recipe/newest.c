/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/newest.h"

#include "base/util.h"
#include "conf/json.h"
#include "recipe/toolchain.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define FLAGS "-mod=mod"

static int parse_module_versions(const struct cryo_proc_result *res, struct cryo_strv *out,
				 struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	json_t *one;
	size_t i;
	int rc =
	    cryo_json_parse("answer of 'go'", cryo_str_get(&res->out), res->out.len, &answer, err);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(answer, "Versions"), i, one)
		if (json_is_string(one))
			cryo_strv_add(out, json_string_value(one));
	return 0;
}

static int list_module_versions(const char *module, const char *work, struct cryo_strv *out,
				struct cryo_err *err)
{
	const char *const args[] = { "list", "-m", "-versions", "-json", module, NULL };
	const struct cryo_go_call call = {
		.args = args, .cwd = work, .work = work, .flags = FLAGS
	};
	cryo_auto(cryo_toolchain_release) struct cryo_toolchain go = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc = cryo_toolchain_find(false, &go, err);

	if (rc == 0)
		rc = cryo_toolchain_prepare(&go, err);
	if (rc == 0)
		rc = cryo_go_run(&go, &call, &res, err);
	if (rc == -(int)CRYO_E_CHILD)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "the module proxy does not list the versions of '%s'", module);
	return rc < 0 ? rc : parse_module_versions(&res, out, err);
}

int cryo_module_versions(const char *module, struct cryo_strv *out, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *work = NULL;
	int rc = cryo_fs_tmpdir("/tmp", "cryopod-versions-", &work, err);

	if (rc < 0)
		return rc;
	rc = list_module_versions(module, work, out, err);
	cryo_fs_rmtree(work, &ignored);
	return rc;
}

/* Numbers by their value, all else by its bytes; *a and *b move behind what was compared. */
static int compare_version_parts(const char **a, const char **b)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(*a, digits), m = strspn(*b, digits);
	int difference;

	if (n == 0 || m == 0) {
		difference = (unsigned char)**a - (unsigned char)**b;
		*a += **a != '\0';
		*b += **b != '\0';
		return difference;
	}
	for (; n > 1 && **a == '0'; n--)
		++*a;
	for (; m > 1 && **b == '0'; m--)
		++*b;
	difference = n == m ? strncmp(*a, *b, n) : (n < m ? -1 : 1);
	*a += n;
	*b += m;
	return difference;
}

int cryo_version_compare(const char *a, const char *b)
{
	size_t n = strcspn(a, "-+"), m = strcspn(b, "-+");
	cryo_auto(cryo_free) char *first = cryo_strndup(a, n), *second = cryo_strndup(b, m);
	const char *p = first, *q = second;
	int difference = 0;

	while (difference == 0 && (*p || *q))
		difference = compare_version_parts(&p, &q);
	if (difference != 0)
		return difference;
	/* What comes before a release: v1.2.9-rc.1 */
	if ((a[n] == '-') != (b[m] == '-'))
		return a[n] == '-' ? -1 : 1;
	for (p = a + n, q = b + m; difference == 0 && (*p || *q);)
		difference = compare_version_parts(&p, &q);
	return difference;
}

const char *cryo_newest_version(const struct cryo_strv *versions, const char *line)
{
	const char *newest = NULL;

	for (size_t i = 0; i < versions->n; i++) {
		const char *v = versions->v[i];

		if (strchr(v, '-') || strchr(v, '+') || !cryo_starts_with(v, line))
			continue;
		if (!newest || cryo_version_compare(v, newest) > 0)
			newest = v;
	}
	return newest;
}

char *cryo_version_line(const char *version)
{
	const char *dot = strchr(version, '.');

	dot = dot ? strchr(dot + 1, '.') : NULL;
	return dot ? cryo_strndup(version, (size_t)(dot + 1 - version)) : cryo_strdup(version);
}
