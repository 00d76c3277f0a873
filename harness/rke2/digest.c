/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/digest.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FRESH_S	  2
#define MAX_FILE  (16u << 20)
#define MAX_KNOWN 20000

static json_t *known_digests; /* path: [key, digest] */
static bool known_changed;

static char *digests_path(void)
{
	return cryo_state_path(CRYO_STATE_RKE2 "/digests.json");
}

static void load_digests(void)
{
	cryo_auto(cryo_free) char *path = digests_path();
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (known_digests)
		return;
	if (cryo_json_load(path, MAX_FILE, &known_digests, &ignored) < 0 ||
	    !json_is_object(known_digests) || json_object_size(known_digests) > MAX_KNOWN) {
		json_decref(known_digests);
		known_digests = json_object();
	}
}

static void make_key(const struct stat *st, char out[160])
{
	snprintf(out, 160, "%llu:%llu:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino, (long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
		 st->st_ctim.tv_nsec);
}

static bool find_known(const char *path, const char *key, char out[CRYO_HASH_HEX])
{
	const json_t *row = json_object_get(known_digests, path);
	const char *digest = json_string_value(json_array_get(row, 1));

	if (!cryo_streq(json_string_value(json_array_get(row, 0)), key) || !digest ||
	    strlen(digest) != 64)
		return false;
	memcpy(out, digest, CRYO_HASH_HEX);
	return true;
}

int cryo_rke2_digest(const char *path, char out[CRYO_HASH_HEX], struct cryo_err *err)
{
	int64_t now = cryo_wall_ns() / 1000000000;
	struct stat st;
	char key[160];
	int rc;

	if (stat(path, &st) < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	load_digests();
	make_key(&st, key);
	if (find_known(path, key, out))
		return 0;
	rc = cryo_hash_file(path, out, err);
	if (rc < 0 || st.st_ctim.tv_sec > now - FRESH_S)
		return rc;
	json_object_set_new(known_digests, path, json_pack("[ss]", key, out));
	known_changed = true;
	return 0;
}

void cryo_rke2_digests_save(void)
{
	cryo_auto(cryo_free) char *path = digests_path();
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!known_changed)
		return;
	cryo_json_dump(known_digests, &text);
	if (cryo_fs_mkparents(path, 0700, &ignored) == 0)
		cryo_fs_write(path, text.p, text.len, 0600, &ignored);
	known_changed = false;
}
