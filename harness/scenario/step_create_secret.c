/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create-secret: {name: NAME, tls: {key: rsa, bits: 2048}}
 * create-secret: {name: NAME, tls: {key: ec}}
 *
 * A fresh key and a certificate of its own as a Secret of type kubernetes.io/tls.
 */
#include "net/pki.h"
#include "scenario/run.h"

#include <stdlib.h>
#include <string.h>

struct secret_args {
	char *name;
	const struct cryo_node *tls;
};

static const struct cryo_field fields[] = {
	{ "name", CRYO_FIELD_STR, offsetof(struct secret_args, name), true },
	{ "tls", CRYO_FIELD_NODE, offsetof(struct secret_args, tls), true },
	{ NULL, 0, 0, false },
};

struct tls_keys {
	char *key;
	uint64_t bits;
};

static int check_tls_keys(const struct cryo_node *n, struct tls_keys *keys, struct cryo_err *err)
{
	bool rsa = strcmp(keys->key, "rsa") == 0, given = cryo_node_get(n, "bits");

	if (!rsa && strcmp(keys->key, "ec") != 0)
		return cryo_node_err(cryo_node_get(n, "key"), err,
				     "'key': '%.64s' is neither rsa nor ec", keys->key);
	if (!rsa && given)
		return cryo_node_err(n, err, "'bits' is for 'key: rsa'");
	if (rsa && !given)
		keys->bits = CRYO_PKI_RSA_LEAST;
	if (rsa && (keys->bits < CRYO_PKI_RSA_LEAST || keys->bits > CRYO_PKI_RSA_MOST))
		return cryo_node_err(n, err, "'bits' must be %d to %d", CRYO_PKI_RSA_LEAST,
				     CRYO_PKI_RSA_MOST);
	return 0;
}

/* 0: a key on the curve P-256. */
static int decode_rsa_bits(const struct cryo_node *n, unsigned *bits, struct cryo_err *err)
{
	static const struct cryo_field rows[] = {
		{ "key", CRYO_FIELD_STR, offsetof(struct tls_keys, key), true },
		{ "bits", CRYO_FIELD_UINT, offsetof(struct tls_keys, bits), false },
		{ NULL, 0, 0, false },
	};
	struct tls_keys keys = { 0 };
	int rc = cryo_node_decode(n, rows, &keys, err);

	if (rc == 0)
		rc = check_tls_keys(n, &keys, err);
	*bits = (unsigned)keys.bits;
	free(keys.key);
	return rc;
}

static void format_secret_title(const void *args, struct cryo_str *out)
{
	const struct secret_args *a = args;

	cryo_str_addf(out, "create secret %s", a->name);
}

static int lint_secret_step(const struct cryo_scenario *s, const struct cryo_step *step,
			    const void *args, struct cryo_err *err)
{
	const struct secret_args *a = args;
	unsigned bits;

	(void)s;
	(void)step;
	return decode_rsa_bits(a->tls, &bits, err);
}

static int put_tls_secret(struct cryo_run *run, const char *name, const struct cryo_pki_pair *pair,
			  struct cryo_err *err)
{
	const struct cryo_kube_datum data[] = {
		{ "tls.crt", pair->cert_pem, strlen(pair->cert_pem) },
		{ "tls.key", pair->key_pem, strlen(pair->key_pem) },
	};

	return cryo_kube_create_secret(run->kube, run->ns, name, "kubernetes.io/tls", data,
				       CRYO_ARRAY_LEN(data), err);
}

static int run_secret_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			   struct cryo_str *said, struct cryo_err *err)
{
	const struct secret_args *a = args;
	const struct cryo_pki_spec spec = { .cn = a->name, .org = "cryopod", .encrypt = true };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	unsigned bits;
	int rc = decode_rsa_bits(a->tls, &bits, err);

	(void)step;
	if (rc == 0)
		rc = cryo_pki_self_signed(&spec, bits, &pair, err);
	if (rc == 0)
		rc = put_tls_secret(run, a->name, &pair, err);
	if (rc == 0 && bits)
		cryo_str_addf(said, "RSA, %u bits", bits);
	else if (rc == 0)
		cryo_str_add(said, "EC, P-256");
	return rc;
}

const struct cryo_step_kind cryo_step_create_secret = {
	.name = "create-secret",
	.size = sizeof(struct secret_args),
	.fields = fields,
	.timeout_ms = 30 * 1000,
	.title = format_secret_title,
	.lint = lint_secret_step,
	.run = run_secret_step,
};
