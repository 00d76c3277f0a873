/* SPDX-License-Identifier: Apache-2.0 */
/* ciphertext: {checkpoint: "${cp}", readable: true} */
#include "scenario/run.h"
#include "verify/ciphertext.h"
#include "verify/counterlog.h"

#include <string.h>

struct ciphertext_args {
	char *checkpoint;
	bool readable;
};

static const struct cryo_field fields[] = {
	{ "checkpoint", CRYO_FIELD_STR, offsetof(struct ciphertext_args, checkpoint), true },
	{ "readable", CRYO_FIELD_BOOL, offsetof(struct ciphertext_args, readable), false },
	{ NULL, 0, 0, false },
};

static void format_ciphertext_title(const void *args, struct cryo_str *out)
{
	const struct ciphertext_args *a = args;

	cryo_str_add(out, a->readable ? "a plain archive can be read"
				      : "an encrypted archive cannot be read");
}

static int lint_ciphertext_step(const struct cryo_scenario *s, const struct cryo_step *step,
				const void *args, struct cryo_err *err)
{
	const struct ciphertext_args *a = args;

	(void)s;
	return cryo_step_check_checkpoint(step, a->checkpoint, err);
}

/* From the log that was read beside the checkpoint, not from the archive that is under test. */
static void find_checkpoint_nonce(const struct cryo_run_checkpoint *c, char nonce[CRYO_NONCE_LEN])
{
	const char *const text[] = { c->before, c->after };

	*nonce = '\0';
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text) && !*nonce; i++) {
		cryo_auto(cryo_counterlog_release) struct cryo_counterlog log = { 0 };

		cryo_counterlog_parse(CRYO_LOG_API, NULL, text[i], &log);
		if (cryo_counterlog_last(&log))
			memcpy(nonce, cryo_counterlog_last(&log)->nonce, CRYO_NONCE_LEN);
	}
}

/* The contrast: were the canary not in a plain archive, its absence would prove nothing. */
static int expect_readable(const struct cryo_ciphertext *v, struct cryo_err *err)
{
	if (v->sealed)
		return cryo_err_set(err, CRYO_E_CHECK, "the archive is encrypted");
	if (v->hits == 0)
		return cryo_err_set(err, CRYO_E_CHECK,
				    "the counter's canary is not in a plain archive");
	return 0;
}

static int expect_unreadable(const struct cryo_ciphertext *v, struct cryo_err *err)
{
	enum cryo_status status = v->reason == CRYO_CIPHERTEXT_NO_CANARY ? CRYO_E_CHECK
									 : CRYO_E_TAMPER;

	if (v->reason == CRYO_CIPHERTEXT_OK)
		return 0;
	return cryo_err_set(err, status, "%s: %s", cryo_ciphertext_reason_name(v->reason), v->text);
}

static int run_ciphertext_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			       struct cryo_str *said, struct cryo_err *err)
{
	const struct ciphertext_args *a = args;
	const struct cryo_run_checkpoint *c = cryo_run_checkpoint_named(run, a->checkpoint);
	struct cryo_secrecy *s = &run->result->secrecy;
	char nonce[CRYO_NONCE_LEN];
	struct cryo_ciphertext v;
	int rc;

	(void)step;
	find_checkpoint_nonce(c, nonce);
	rc = cryo_ciphertext_judge(c->cp.copy, nonce, &v, err);
	if (rc == 0)
		rc = a->readable ? expect_readable(&v, err) : expect_unreadable(&v, err);
	if (rc < 0)
		return rc;
	cryo_str_add(said, v.text);
	if (a->readable) {
		s->plain = true;
		s->plain_times = v.hits;
	} else {
		s->sealed = true;
		s->images = v.images;
	}
	return 0;
}

const struct cryo_step_kind cryo_step_ciphertext = {
	.name = "ciphertext",
	.size = sizeof(struct ciphertext_args),
	.fields = fields,
	.timeout_ms = 60 * 1000,
	.needs = "node-access",
	.title = format_ciphertext_title,
	.lint = lint_ciphertext_step,
	.run = run_ciphertext_step,
};
