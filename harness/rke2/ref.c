/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/ref.h"

#include "sys/hash.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define REPOSITORY "abcdefghijklmnopqrstuvwxyz0123456789_-./"
#define TAG	   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

static int refuse_ref(const char *ref, const char *why, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "%s: '%s'", why, ref);
}

/* Where the repository begins: a first part with a dot or a colon is the registry. */
static const char *skip_registry(const char *ref)
{
	const char *slash = strchr(ref, '/');
	size_t n = strcspn(ref, "/");

	if (!slash || (!memchr(ref, '.', n) && !memchr(ref, ':', n)))
		return ref;
	return slash + 1;
}

static bool is_repository(const char *text, size_t n)
{
	return n >= 2 && n <= 255 && strspn(text, REPOSITORY) >= n;
}

static bool is_digest(const char *text)
{
	return cryo_starts_with(text, "sha256:") && cryo_hash_is_hex(text + strlen("sha256:"));
}

static bool is_version_tag(const char *tag)
{
	size_t n = strlen(tag);

	return n <= 128 && tag[0] == 'v' && isdigit((unsigned char)tag[1]) && strspn(tag, TAG) == n;
}

int cryo_rke2_data_name(const char *ref, char **name, struct cryo_err *err)
{
	const char *repository = skip_registry(ref);
	const char *at = strchr(repository, '@');
	const char *colon = strchr(repository, ':');
	const char *end = at && (!colon || at < colon) ? at : colon;
	char hash[CRYO_HASH_HEX];

	if (!end)
		return refuse_ref(ref, "reference without a tag", err);
	if (!is_repository(repository, (size_t)(end - repository)))
		return refuse_ref(
		    ref, "repository is not two or more lower-case letters, digits or _-./", err);
	if (at) {
		if (!is_digest(at + 1))
			return refuse_ref(ref, "digest is not 'sha256:' and 64 digits", err);
		*name = cryo_strdup(at + 1 + strlen("sha256:"));
		return 0;
	}
	if (!is_version_tag(end + 1))
		return refuse_ref(ref, "RKE2 takes only tags that begin with 'v' and a digit", err);
	cryo_hash_bytes(ref, strlen(ref), hash);
	*name = cryo_asprintf("%s-%.12s", end + 1, hash);
	return 0;
}

bool cryo_rke2_minor(const char *version, unsigned *major, unsigned *minor)
{
	if (!version)
		return false;
	if (*version == 'v')
		version++;
	return isdigit((unsigned char)*version) && sscanf(version, "%u.%u", major, minor) == 2;
}
