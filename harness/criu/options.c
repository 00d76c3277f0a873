/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/options.h"

#include "base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum option_kind { FLAG, SIZE, PATH };

static const struct option {
	const char *name;
	enum option_kind kind;
	size_t offset;
} options[] = {
	{ "tcp-close", FLAG, offsetof(struct cryo_criu_options, tcp_close) },
	{ "tcp-established", FLAG, offsetof(struct cryo_criu_options, tcp_established) },
	{ "file-locks", FLAG, offsetof(struct cryo_criu_options, file_locks) },
	{ "ext-unix-sk", FLAG, offsetof(struct cryo_criu_options, ext_unix_sk) },
	{ "skip-in-flight", FLAG, offsetof(struct cryo_criu_options, skip_in_flight) },
	{ "ghost-limit", SIZE, offsetof(struct cryo_criu_options, ghost_limit) },
	{ "irmap-scan-path", PATH, offsetof(struct cryo_criu_options, irmap_scan_path) },
};

static bool get_flag(const struct cryo_criu_options *o, const struct option *row)
{
	return *(const bool *)(const void *)((const char *)o + row->offset);
}

static const char *get_text(const struct cryo_criu_options *o, const struct option *row)
{
	return *(const char *const *)(const void *)((const char *)o + row->offset);
}

bool cryo_criu_options_any(const struct cryo_criu_options *o)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(options); i++)
		if (options[i].kind == FLAG ? get_flag(o, &options[i])
					    : get_text(o, &options[i]) != NULL)
			return true;
	return false;
}

/* As a word of CRIU's file that can be read in one way only. */
static bool is_plain_path(const char *s)
{
	if (*s != '/' || strlen(s) >= PATH_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || strchr("\"'#\\", *s))
			return false;
	return true;
}

static int add_option_value(const struct option *row, const char *value, struct cryo_str *lines,
			    struct cryo_err *err)
{
	uint64_t bytes;
	int rc;

	if (row->kind == PATH && !is_plain_path(value))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "%s: '%.200s' is not an absolute path of plain characters",
				    row->name, value);
	if (row->kind == PATH) {
		cryo_str_addf(lines, "%s %s\n", row->name, value);
		return 0;
	}
	rc = cryo_size_parse(value, &bytes, err);
	if (rc < 0)
		return cryo_err_as(err, cryo_err_wrap(err, rc, "%s", row->name), CRYO_E_USAGE);
	cryo_str_addf(lines, "%s %" PRIu64 "\n", row->name, bytes);
	return 0;
}

int cryo_criu_options_add(const struct cryo_criu_options *o, struct cryo_str *lines,
			  struct cryo_err *err)
{
	int rc = 0;

	if (o->tcp_close && o->tcp_established)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "tcp-close and tcp-established: connections are closed or "
				    "kept, not both");
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(options); i++) {
		const struct option *row = &options[i];

		if (row->kind == FLAG && get_flag(o, row))
			cryo_str_addf(lines, "%s\n", row->name);
		else if (row->kind != FLAG && get_text(o, row))
			rc = add_option_value(row, get_text(o, row), lines, err);
	}
	return rc;
}

static const struct option *find_option(const char *name, size_t n)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(options); i++)
		if (strlen(options[i].name) == n && strncmp(options[i].name, name, n) == 0)
			return &options[i];
	return NULL;
}

static bool has_line(const struct cryo_str *lines, const char *line)
{
	cryo_auto(cryo_free) char *all = cryo_asprintf("\n%s", cryo_str_get(lines));
	cryo_auto(cryo_free) char *one = cryo_asprintf("\n%s\n", line);

	return strstr(all, one) != NULL;
}

/* CRIU's own sizes have one letter behind them. */
static bool is_good_value(const struct option *row, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (row->kind == FLAG)
		return !*value;
	if (row->kind == PATH)
		return is_plain_path(value);
	return digits > 0 && digits < 20 &&
	       (!value[digits] || (strchr("KMGkmg", value[digits]) && !value[digits + 1]));
}

static void pick_line(char *line, const struct cryo_criu_options *beside, struct cryo_str *lines)
{
	char *save = NULL, *name = strtok_r(line, " \t\r", &save);
	char *value = name ? strtok_r(NULL, " \t\r", &save) : NULL;
	char *more = value ? strtok_r(NULL, " \t\r", &save) : NULL;
	const struct option *row = name ? find_option(name, strlen(name)) : NULL;
	cryo_auto(cryo_free) char *clean = NULL;

	if (!row || more || !is_good_value(row, value ? value : ""))
		return;
	if (beside && ((beside->tcp_close && strcmp(row->name, "tcp-established") == 0) ||
		       (beside->tcp_established && strcmp(row->name, "tcp-close") == 0)))
		return;
	clean = cryo_asprintf("%s%s%s", row->name, value ? " " : "", value ? value : "");
	if (!has_line(lines, clean))
		cryo_str_addf(lines, "%s\n", clean);
}

static void pick_all(const char *text, size_t n, const struct cryo_criu_options *beside,
		     struct cryo_str *lines)
{
	cryo_auto(cryo_free) char *copy = cryo_strndup(text, n);
	char *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		pick_line(l, beside, lines);
}

void cryo_criu_options_pick(const char *text, size_t n, struct cryo_str *lines)
{
	pick_all(text, n, NULL, lines);
}

void cryo_criu_options_pick_beside(const char *text, const struct cryo_criu_options *o,
				   struct cryo_str *lines)
{
	pick_all(text, strlen(text), o, lines);
}
