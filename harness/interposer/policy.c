/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/policy.h"

#include "base/clock.h"
#include "criu/options.h"
#include "sys/fs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (256u << 10)
#define ANY	 (CRYO_POLICY_OWN | CRYO_POLICY_CALL | CRYO_POLICY_CRIU)
#define NODE	 (CRYO_POLICY_OWN | CRYO_POLICY_CALL)

enum kind { SWITCH, PATH, TEXT, SIZE, DURATION };

/* `criu_knows`: CRIU has the word too (for page servers), so it stays in the file it gets. */
static const struct word {
	const char *name;
	enum kind kind;
	size_t offset;
	unsigned places;
	bool criu_knows;
} words[] = {
	{ "encrypt", SWITCH, offsetof(struct cryo_policy, encrypt), ANY, false },
	{ "require-encryption", SWITCH, offsetof(struct cryo_policy, require), ANY, false },
	{ "tls-cert", PATH, offsetof(struct cryo_policy, cert), ANY, true },
	{ "tls-key", PATH, offsetof(struct cryo_policy, key), ANY, true },
	{ "allow-expired", SWITCH, offsetof(struct cryo_policy, allow_expired), NODE, false },
	{ "trusted-signers", PATH, offsetof(struct cryo_policy, trusted), NODE, false },
	{ "sign-cert", PATH, offsetof(struct cryo_policy, sign_cert), NODE, false },
	{ "sign-key", PATH, offsetof(struct cryo_policy, sign_key), NODE, false },
	{ "make-tmp", SWITCH, offsetof(struct cryo_policy, make_tmp), ANY, false },
	{ "pod-uid", TEXT, offsetof(struct cryo_policy, pod_uid), CRYO_POLICY_CALL, false },
	{ "any-criu-words", SWITCH, offsetof(struct cryo_policy, any_words), CRYO_POLICY_OWN,
	  false },
	{ "criu", PATH, offsetof(struct cryo_policy, criu), CRYO_POLICY_OWN, false },
	{ "libraries", PATH, offsetof(struct cryo_policy, libraries), CRYO_POLICY_OWN, false },
	{ "tmpfs", PATH, offsetof(struct cryo_policy, tmpfs), CRYO_POLICY_OWN, false },
	{ "run", PATH, offsetof(struct cryo_policy, run), CRYO_POLICY_OWN, false },
	{ "log", PATH, offsetof(struct cryo_policy, log), CRYO_POLICY_OWN, false },
	{ "dump-limit", DURATION, offsetof(struct cryo_policy, dump_limit_ms), CRYO_POLICY_OWN,
	  false },
	{ "memory", SIZE, offsetof(struct cryo_policy, memory), CRYO_POLICY_OWN, false },
};

/* Words of CRIU with which images are not, or not only, in the directory of the request. */
static const char *const diverting[] = { "images-dir",	"work-dir",   "prev-images-dir",
					 "page-server", "lazy-pages", "stream" };

/*
 * What a file that a pod names may say: nothing here runs a
 * program, hands out a descriptor, or leads images elsewhere or the host into the
 * container. A list of what is good, as CRIU gets new words. Each also with "no-"
 * in front.
 */
static const char *const harmless[] = {
	"allow-uprobes",
	"auto-dedup",
	"cpu-cap",
	"deprecated",
	"display-stats",
	"empty-ns",
	"enable-fs",
	"evasive-devices",
	"ext-unix-sk",
	"file-locks",
	"file-validation",
	"force-irmap",
	"ghost-fiemap",
	"ghost-limit",
	"irmap-scan-path",
	"link-remap",
	"log-file",
	"log-pid",
	"manage-cgroups",
	"mntns-compat-mode",
	"network-lock",
	"shell-job",
	"skip-file-rwx-check",
	"skip-in-flight",
	"skip-mnt",
	"tcp-close",
	"tcp-established",
	"timeout",
	"tls-cert",
	"tls-key",
	"verbosity",
	"weak-sysctls",
};

#define AT(p, w, type) ((type *)(void *)((char *)(p) + (w)->offset))

static const struct word *find_policy_word(const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(words); i++)
		if (cryo_streq(words[i].name, name))
			return &words[i];
	return NULL;
}

/* CRIU's getopt takes abbreviations, and "word=value". */
static bool is_diverting_option(const char *name)
{
	size_t n = strcspn(name, "=");

	for (size_t i = 0; i < CRYO_ARRAY_LEN(diverting); i++)
		if (n && strncmp(diverting[i], name, n) == 0)
			return true;
	return false;
}

/* The next word of a line, without its quotes; NULL at the end or at a comment. Caller frees. */
static char *next_line_token(const char **at)
{
	struct cryo_str token = { 0 };
	const char *s = *at + strspn(*at, " \t\r\v\f");
	bool quoted = *s == '"';

	if (!*s || *s == '#')
		return NULL;
	for (s += quoted; *s && (quoted ? *s != '"' : !isspace((unsigned char)*s)); s++) {
		if (quoted && *s == '\\' && s[1])
			s++;
		cryo_str_addn(&token, s, 1);
	}
	*at = s + (quoted && *s == '"');
	return cryo_str_detach(&token);
}

/*
 * CRIU reads a line in its own way: any further word is an option too, if it
 * begins with "-", and quotes and blanks are not quite ours. So only lines that
 * nobody can read in two ways.
 */
static bool is_harmless_line(const char *line)
{
	const char *at = line;
	cryo_auto(cryo_free) char *name = next_line_token(&at);
	cryo_auto(cryo_free) char *value = next_line_token(&at);
	cryo_auto(cryo_free) char *more = value ? next_line_token(&at) : NULL;

	if (strpbrk(line, "\"\r\v\f") || more || (value && *value == '-'))
		return false;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(harmless); i++)
		if (cryo_streq(name, harmless[i]) ||
		    (cryo_starts_with(name, "no-") && cryo_streq(name + 3, harmless[i])))
			return true;
	return false;
}

static bool is_owned_text(const struct word *w)
{
	return w->kind == PATH || w->kind == TEXT;
}

static int set_policy_path(char **slot, const char *value, struct cryo_err *err)
{
	if (*value != '/')
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not an absolute path", value);
	free(*slot);
	*slot = cryo_strdup(value);
	return 0;
}

static int set_policy_word(const struct word *w, const char *value, struct cryo_policy *p,
			   struct cryo_err *err)
{
	if (!value != (w->kind == SWITCH))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    value ? "it takes no value" : "it needs a value");
	switch (w->kind) {
	case SWITCH:
		*AT(p, w, bool) = true;
		return 0;
	case PATH:
		return set_policy_path(AT(p, w, char *), value, err);
	case TEXT:
		free(*AT(p, w, char *));
		*AT(p, w, char *) = cryo_strdup(value);
		return 0;
	case SIZE:
		return cryo_size_parse(value, AT(p, w, uint64_t), err);
	case DURATION:
		return cryo_duration_parse(value, AT(p, w, int64_t), err);
	}
	return 0;
}

static int refuse_unknown_word(const char *name, struct cryo_err *err)
{
	const char *names[CRYO_ARRAY_LEN(words) + 1] = { 0 };
	const char *near;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(words); i++)
		names[i] = words[i].name;
	near = cryo_nearest(name, names);
	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG, "unknown word; did you mean '%s'?", near);
	return cryo_err_set(err, CRYO_E_CONFIG, "unknown word");
}

static int parse_policy_word(const char *name, const char *rest, enum cryo_policy_place place,
			     struct cryo_policy *p, struct cryo_err *err)
{
	const struct word *w = find_policy_word(name);
	cryo_auto(cryo_free) char *value = next_line_token(&rest);
	cryo_auto(cryo_free) char *more = value ? next_line_token(&rest) : NULL;

	if (!w)
		return refuse_unknown_word(name, err);
	if (!(w->places & place))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "only the node's own configuration can set that");
	if (more)
		return cryo_err_set(err, CRYO_E_CONFIG, "unexpected argument '%s'", more);
	return set_policy_word(w, value, p, err);
}

/* A word of CRIU: passes, but some tell us something too. */
static void note_criu_word(const char *name, const char *rest, struct cryo_policy_criu *criu)
{
	cryo_auto(cryo_free) char *value = next_line_token(&rest);

	if (!criu->diverts && is_diverting_option(name))
		criu->diverts = cryo_strdup(name);
	if (strcmp(name, "log-file") == 0 && value) {
		free(criu->log_file);
		criu->log_file = cryo_steal(&value);
	}
}

static int parse_policy_line(const char *line, enum cryo_policy_place place, struct cryo_policy *p,
			     struct cryo_policy_criu *criu, struct cryo_err *err)
{
	const char *rest = line;
	cryo_auto(cryo_free) char *name = next_line_token(&rest);
	const struct word *w = name ? find_policy_word(name) : NULL;

	if (criu && (!w || w->criu_knows)) {
		cryo_str_addf(&criu->rest, "%s\n", line);
		if (name && !criu->unsafe && !is_harmless_line(line))
			criu->unsafe = cryo_strdup(name);
	}
	/* A call's are no words of ours, but CRIU's. */
	if (name && !w && place == CRYO_POLICY_CALL) {
		size_t before = p->words.len;

		cryo_criu_options_pick(line, strlen(line), &p->words);
		if (p->words.len > before)
			return 0;
	}
	if (criu && name && !w) {
		note_criu_word(name, rest, criu);
		return 0;
	}
	if (!name)
		return 0;
	if (criu && !w->criu_knows)
		criu->ours = true;
	return cryo_err_wrap(err, parse_policy_word(name, rest, place, p, err), "'%s'", name);
}

int cryo_policy_parse(const char *what, const char *text, size_t n, enum cryo_policy_place place,
		      struct cryo_policy *p, struct cryo_policy_criu *criu, struct cryo_err *err)
{
	const char *end = text + n;
	unsigned number = 0;

	if (n > MAX_FILE || memchr(text, 0, n))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a configuration file", what);
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((stop ? stop : end) - text);
		cryo_auto(cryo_free) char *line = cryo_strndup(text, len);
		int rc = parse_policy_line(line, place, p, criu, err);

		number++;
		if (rc < 0)
			return cryo_err_wrap(err, rc, "'%s' line %u", what, number);
		text += len + 1;
	}
	return 0;
}

/* Whoever can write it decides what becomes of everybody's memory. */
static int check_policy_owner(const char *path, struct cryo_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cryo_err_sys(err, errno, "cannot look at '%s'", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "'%s' is writable by others: make root its owner and run chmod go-w on it",
		    path);
	return 0;
}

int cryo_policy_load(const char *path, enum cryo_policy_place place, struct cryo_policy *p,
		     struct cryo_policy_criu *criu, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read_regular(path, MAX_FILE, &text, err);

	if (rc < 0 && err->sys_errno == ENOENT) {
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	if (rc == 0 && !criu)
		rc = check_policy_owner(path, err);
	if (rc == 0)
		rc = cryo_policy_parse(path, cryo_str_get(&text), text.len, place, p, criu, err);
	return rc;
}

void cryo_policy_request(const struct cryo_rpc_req *req, struct cryo_policy *p)
{
	p->encrypt |= req->encrypt;
	if (!p->cert && req->tls_cert)
		p->cert = cryo_strdup(req->tls_cert);
	if (!p->key && req->tls_key)
		p->key = cryo_strdup(req->tls_key);
}

void cryo_policy_merge(struct cryo_policy *p, const struct cryo_policy *below)
{
	for (const struct word *w = words; w < words + CRYO_ARRAY_LEN(words); w++) {
		if (w->kind == SWITCH)
			*AT(p, w, bool) |= *AT(below, w, const bool);
		else if (w->kind == SIZE && !*AT(p, w, uint64_t))
			*AT(p, w, uint64_t) = *AT(below, w, const uint64_t);
		else if (w->kind == DURATION && !*AT(p, w, int64_t))
			*AT(p, w, int64_t) = *AT(below, w, const int64_t);
		else if (is_owned_text(w) && !*AT(p, w, char *))
			*AT(p, w, char *) = cryo_strdup(*AT(below, w, char *const));
	}
	cryo_criu_options_pick(cryo_str_get(&below->words), below->words.len, &p->words);
}

void cryo_policy_release(struct cryo_policy *p)
{
	for (const struct word *w = words; w < words + CRYO_ARRAY_LEN(words); w++)
		if (is_owned_text(w))
			cryo_freep(AT(p, w, char *));
	cryo_str_release(&p->words);
	*p = (struct cryo_policy){ 0 };
}

void cryo_policy_criu_release(struct cryo_policy_criu *c)
{
	free(c->diverts);
	free(c->unsafe);
	free(c->log_file);
	cryo_str_release(&c->rest);
	*c = (struct cryo_policy_criu){ 0 };
}

bool cryo_policy_container(const char *text, char id[65])
{
	bool found = false;

	while (*text) {
		size_t n = strspn(text, "0123456789abcdef");

		if (n == 64) {
			memcpy(id, text, 64);
			id[64] = '\0';
			found = true;
		}
		text += n ? n : 1;
	}
	return found;
}
