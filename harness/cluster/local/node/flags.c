/* SPDX-License-Identifier: Apache-2.0 */
/* `up --set COMPONENT.FLAG=VALUE`: flags that people want beside ours. The last one of a flag wins.
 */
#include "cluster/local/local.h"

#include <string.h>

/* "v=4" of "kubelet.v=4" for "kubelet"; NULL: it is another one's. */
static const char *find_flag_of(const char *set, const char *service)
{
	size_t n = strlen(service);

	return strncmp(set, service, n) == 0 && set[n] == '.' ? set + n + 1 : NULL;
}

static int check_flag(const char *set, const struct cryo_strv *services, struct cryo_err *err)
{
	static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
	cryo_auto(cryo_free) char *list = NULL;
	const char *flag = NULL;
	size_t n;

	for (size_t i = 0; !flag && i < services->n; i++)
		flag = find_flag_of(set, services->v[i]);
	if (!flag) {
		list = cryo_strv_join(services, ", ");
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "--set: '%s' does not begin with a component and a dot (valid values: %s)", set,
		    list);
	}
	n = strspn(flag, letters);
	if (n > 0 && *flag != '-' && flag[n] == '=')
		return 0;
	return cryo_err_set(err, CRYO_E_USAGE,
			    "--set: '%s' is not COMPONENT.FLAG=VALUE (flags are written without "
			    "their dashes)",
			    set);
}

int local_flags_check(const char *const *set, const struct cryo_strv *services,
		      struct cryo_err *err)
{
	int rc = 0;

	for (; rc == 0 && set && *set; set++)
		rc = check_flag(*set, services, err);
	return rc;
}

json_t *local_flags_of(const char *const *set)
{
	json_t *list = set && *set ? json_array() : NULL;

	for (; set && *set; set++)
		json_array_append_new(list, json_string(*set));
	return list;
}

void local_flags_add(const json_t *flags, const char *service, struct cryo_strv *argv)
{
	const json_t *one;
	size_t i;

	json_array_foreach(flags, i, one) {
		const char *set = json_string_value(one);
		const char *flag = set ? find_flag_of(set, service) : NULL;

		if (flag)
			cryo_strv_addf(argv, "--%s", flag);
	}
}
