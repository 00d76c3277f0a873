/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/claim.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define UID_LEN 36

/* 8-4-4-4-12 hex digits; the systemd driver writes '_' for '-'. */
static bool read_pod_uid(const char *text, char uid[UID_LEN + 1])
{
	for (size_t i = 0; i < UID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' && text[i] != '_'
			 : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
		uid[i] = dash ? '-' : text[i];
	}
	uid[UID_LEN] = '\0';
	return true;
}

bool cryo_claim_pod_uid(const char *text, char uid[37])
{
	char one[UID_LEN + 1];
	bool found = false;

	for (const char *at = text; (at = strstr(at, "pod")); at++) {
		if (!read_pod_uid(at + 3, one))
			continue;
		memcpy(uid, one, sizeof(one));
		found = true;
	}
	return found;
}

/*
 * Who removes it has it: two restores at once are not served by one call. One that cannot be read
 * may be another pod's, and is nobody's.
 */
static bool try_call(const char *path, const char *uid, struct cryo_policy *p)
{
	cryo_auto(cryo_policy_release) struct cryo_policy call = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_policy_load(path, CRYO_POLICY_CALL, &call, NULL, &ignored) < 0 ||
	    !cryo_streq(call.pod_uid, uid) || unlink(path) < 0)
		return false;
	cryo_policy_merge(p, &call);
	return true;
}

bool cryo_claim_take(const char *dir, const char *cgroups, struct cryo_policy *p)
{
	char uid[UID_LEN + 1];
	struct dirent *e;
	DIR *d;
	bool taken = false;

	if (!cgroups || !cryo_claim_pod_uid(cgroups, uid))
		return false;
	d = opendir(dir);
	while (d && !taken && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, e->d_name);

		taken = cryo_starts_with(e->d_name, "restore-") &&
			cryo_ends_with(e->d_name, ".call") && try_call(path, uid, p);
	}
	if (d)
		closedir(d);
	return taken;
}
