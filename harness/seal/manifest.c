/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/manifest.h"

#include "conf/json.h"
#include "seal/set.h"
#include "seal/stream.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION	   1
#define MAX_FILES  100000
#define MAX_VALUES (6 * MAX_FILES) /* a file has 5: a brace, two colons, two commas */
#define MAX_NAME   255
#define KEY_TEXT   44 /* base64 of 32 bytes */

static const char *const public_names[] = {
	"descriptors.json", /* runc writes it, and reads it before CRIU runs */
	"dump.log",	    "restore.log",	  "stats-dump",
	"stats-restore",    "cryopod-pages.json", /* of a restore: where pages are that do not come
						     with the images */
};

bool cryo_seal_is_public(const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(public_names); i++)
		if (strcmp(name, public_names[i]) == 0)
			return true;
	return false;
}

bool cryo_seal_is_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
			return false;
	return n > 0 && n <= MAX_NAME && name[0] != '.' && strcmp(name, CRYO_SEAL_CMS_NAME) != 0 &&
	       !cryo_seal_is_public(name);
}

void cryo_seal_manifest_release(struct cryo_seal_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->file[i].name);
	free(m->file);
	*m = (struct cryo_seal_manifest){ 0 };
}

/* Index of the first file whose name is not before `name`. */
static size_t find_manifest_place(const struct cryo_seal_manifest *m, const char *name)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(m->file[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct cryo_seal_file *cryo_seal_manifest_find(const struct cryo_seal_manifest *m, const char *name)
{
	size_t at = find_manifest_place(m, name);

	return at < m->n && strcmp(m->file[at].name, name) == 0 ? &m->file[at] : NULL;
}

static void add_manifest_file(struct cryo_seal_manifest *m, const char *name, uint64_t plain)
{
	size_t at = find_manifest_place(m, name);

	if ((m->n & (m->n - 1)) == 0) /* room doubles: 1, 2, 4 … */
		m->file = cryo_realloc(m->file, m->n ? 2 * m->n : 1, sizeof(*m->file));
	memmove(&m->file[at + 1], &m->file[at], (m->n - at) * sizeof(*m->file));
	m->file[at] = (struct cryo_seal_file){ cryo_strdup(name), plain };
	m->n++;
}

int cryo_seal_manifest_add(struct cryo_seal_manifest *m, const char *name, uint64_t plain,
			   struct cryo_err *err)
{
	if (!cryo_seal_is_name(name))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' cannot be the name of an image",
				    name);
	if (cryo_seal_manifest_find(m, name))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is already in the set", name);
	if (m->n >= MAX_FILES)
		return cryo_err_set(err, CRYO_E_CONFIG, "more than %d files", MAX_FILES);
	add_manifest_file(m, name, plain);
	return 0;
}

static json_t *make_files_json(const struct cryo_seal_manifest *m)
{
	json_t *files = json_array();

	for (size_t i = 0; i < m->n; i++)
		json_array_append_new(files, json_pack("{ss sI}", "name", m->file[i].name,
						       "plainSize", (json_int_t)m->file[i].plain));
	return files;
}

void cryo_seal_manifest_text(const struct cryo_seal_manifest *m,
			     const struct cryo_seal_secret *secret, const char *criu,
			     struct cryo_str *out)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str rest = { 0 };
	char id[2 * CRYO_SEAL_ID_BYTES + 1], key[KEY_TEXT + 1], created[32];
	time_t now = time(NULL);
	struct tm tm;

	for (size_t i = 0; i < CRYO_SEAL_ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", secret->id[i]);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	j = json_pack("{si ss ss ss ss so}", "version", VERSION, "setId", id, "created", created,
		      "tool", "cryopod", "criu", criu ? criu : "", "files", make_files_json(m));
	if (*m->recipient)
		json_object_set_new(j, "recipient", json_string(m->recipient));
	cryo_json_dump(j, &rest);
	/* Put in by hand, so that no copy of the key stays in memory that is not wiped. */
	EVP_EncodeBlock((unsigned char *)key, secret->key, CRYO_SEAL_KEY_BYTES);
	cryo_str_addf(out, "{\"dataKey\":\"%s\",", key);
	OPENSSL_cleanse(key, sizeof(key));
	cryo_str_add(out, cryo_str_get(&rest) + 1);
}

static int parse_hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_secret_id(const char *text, struct cryo_seal_secret *secret)
{
	if (!text || strlen(text) != 2 * sizeof(secret->id))
		return false;
	for (size_t i = 0; i < sizeof(secret->id); i++) {
		int high = parse_hex_digit(text[2 * i]), low = parse_hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		secret->id[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool parse_secret_key(const char *text, struct cryo_seal_secret *secret)
{
	unsigned char raw[KEY_TEXT / 4 * 3], again[KEY_TEXT + 1];
	bool ok = text && strlen(text) == KEY_TEXT &&
		  EVP_DecodeBlock(raw, (const unsigned char *)text, KEY_TEXT) == sizeof(raw);

	if (ok) {
		memcpy(secret->key, raw, sizeof(secret->key));
		EVP_EncodeBlock(again, secret->key, sizeof(secret->key));
		ok = memcmp(again, text, KEY_TEXT) == 0; /* one text for each key */
		OPENSSL_cleanse(again, sizeof(again));
	}
	OPENSSL_cleanse(raw, sizeof(raw));
	return ok;
}

/* jansson has no memory that wipes itself: do it for the value that matters. */
static void wipe_json_member(json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	if (text)
		OPENSSL_cleanse((char *)text, strlen(text));
}

static const char *parse_manifest_files(const json_t *files, struct cryo_seal_manifest *m)
{
	size_t i;
	json_t *f;

	if (!json_is_array(files) || json_array_size(files) > MAX_FILES)
		return "it has no list of files";
	json_array_foreach(files, i, f) {
		const char *name = cryo_json_str(f, "name");
		const json_t *size = json_object_get(f, "plainSize");
		json_int_t plain = json_integer_value(size);

		if (!name || !cryo_seal_is_name(name))
			return "a file has no name, or one that no image can have";
		if (m->n > 0 && strcmp(m->file[m->n - 1].name, name) >= 0)
			return "its files are not sorted, or one appears twice";
		if (!json_is_integer(size) || plain < 0 || (uint64_t)plain > CRYO_SEAL_PLAIN_MAX)
			return "a file has an impossible size";
		add_manifest_file(m, name, (uint64_t)plain);
	}
	return NULL;
}

static bool parse_recipient(const json_t *j, struct cryo_seal_manifest *m)
{
	const json_t *hash = json_object_get(j, "recipient");
	const char *text = json_string_value(hash);

	if (!hash)
		return true;
	if (!text || strlen(text) != CRYO_HASH_HEX - 1)
		return false;
	memcpy(m->recipient, text, CRYO_HASH_HEX);
	return true;
}

static const char *parse_manifest_json(json_t *j, struct cryo_seal_manifest *m,
				       struct cryo_seal_secret *secret)
{
	if (!json_is_integer(json_object_get(j, "version")))
		return "it has no version";
	if (cryo_json_int(j, "version", 0) != VERSION)
		return "it has an unknown version";
	if (!parse_secret_id(cryo_json_str(j, "setId"), secret))
		return "it has no setId";
	if (!parse_secret_key(cryo_json_str(j, "dataKey"), secret))
		return "it has no dataKey";
	if (!parse_recipient(j, m))
		return "its recipient is not valid";
	return parse_manifest_files(json_object_get(j, "files"), m);
}

/*
 * A parsed value takes many times the room of its text: "0," becomes some 50
 * bytes. So count what could become one before anything is parsed.
 */
static bool has_bounded_values(const char *text, size_t len)
{
	size_t values = 0;

	for (size_t i = 0; i < len; i++)
		values += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
	return values <= MAX_VALUES;
}

int cryo_seal_manifest_parse(const char *text, size_t len, struct cryo_seal_manifest *m,
			     struct cryo_seal_secret *secret, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j =
	    has_bounded_values(text, len) ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL)
					  : NULL;
	const char *fault = j ? parse_manifest_json(j, m, secret) : "it is not JSON";

	wipe_json_member(j, "dataKey");
	if (!fault)
		return 0;
	cryo_seal_manifest_release(m);
	return cryo_err_set(err, CRYO_E_TAMPER, "the manifest in '%s' is not valid: %s",
			    CRYO_SEAL_CMS_NAME, fault);
}
