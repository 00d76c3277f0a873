/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "net/pki.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RSA_BITS     3072
#define DEFAULT_NAME "cryopod checkpoints"

struct keygen_opts {
	const char *out, *cert, *key, *ec, *cn;
	unsigned rsa, days;
};

static const struct cryo_opt opts_table[] = {
	{ "out", 0, CRYO_OPT_STR, offsetof(struct keygen_opts, out), "DIR",
	  "write tls.crt and tls.key to this directory" },
	{ "cert", 0, CRYO_OPT_STR, offsetof(struct keygen_opts, cert), "FILE",
	  "or name both files: the certificate file" },
	{ "key", 0, CRYO_OPT_STR, offsetof(struct keygen_opts, key), "FILE",
	  "and the private key file" },
	{ "rsa", 0, CRYO_OPT_COUNT, offsetof(struct keygen_opts, rsa), "BITS",
	  "an RSA key (default: 3072 bits)" },
	{ "ec", 0, CRYO_OPT_STR, offsetof(struct keygen_opts, ec), "CURVE",
	  "make an elliptic-curve key, P-256, instead" },
	{ "cn", 0, CRYO_OPT_STR, offsetof(struct keygen_opts, cn), "NAME",
	  "common name (default: " DEFAULT_NAME ")" },
	{ "days", 0, CRYO_OPT_COUNT, offsetof(struct keygen_opts, days), "N",
	  "validity (default: 365)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int check_keygen_opts(const struct keygen_opts *o, struct cryo_err *err)
{
	if (o->out ? o->cert || o->key : !o->cert || !o->key)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "no place is given: --out DIR, or --cert FILE and --key FILE");
	if (o->ec && o->rsa)
		return cryo_err_set(err, CRYO_E_USAGE, "--rsa and --ec exclude each other");
	if (o->ec && strcmp(o->ec, "P-256") != 0)
		return cryo_err_set(err, CRYO_E_USAGE, "no curve '%s' here, only P-256", o->ec);
	if (o->days > 36500)
		return cryo_err_set(err, CRYO_E_USAGE, "--days: at most 36500");
	return 0;
}

/* A key that is overwritten takes with it everything that was sealed for it. */
static int write_keygen_pair(const struct cryo_pki_pair *pair, const char *cert, const char *key,
			     struct cryo_err *err)
{
	int rc;

	if (cryo_fs_exists(cert) || cryo_fs_exists(key))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' already exists",
				    cryo_fs_exists(key) ? key : cert);
	rc = cryo_fs_write(key, pair->key_pem, strlen(pair->key_pem), 0600, err);
	if (rc < 0)
		return rc;
	rc = cryo_fs_write(cert, pair->cert_pem, strlen(pair->cert_pem), 0644, err);
	if (rc < 0)
		unlink(key); /* alone it is of no use, and in the way of a second try */
	return rc;
}

static int keygen_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	const struct keygen_opts *o = opts;
	struct cryo_pki_spec spec = { .cn = o->cn ? o->cn : DEFAULT_NAME,
				      .encrypt = true,
				      .days = o->days };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	cryo_auto(cryo_free) char *cert = NULL, *key = NULL;
	int rc = check_keygen_opts(o, err);

	(void)cli, (void)args, (void)exit_code;
	if (rc < 0)
		return rc;
	cert = o->out ? cryo_asprintf("%s/tls.crt", o->out) : cryo_strdup(o->cert);
	key = o->out ? cryo_asprintf("%s/tls.key", o->out) : cryo_strdup(o->key);
	if (o->out)
		rc = cryo_fs_mkdirs(o->out, 0700, err);
	if (rc == 0)
		rc = cryo_pki_self_signed(&spec,
					  o->ec	   ? 0
					  : o->rsa ? o->rsa
						   : RSA_BITS,
					  &pair, err);
	if (rc == 0)
		rc = write_keygen_pair(&pair, cert, key, err);
	if (rc == 0)
		printf("certificate  %s\nprivate key  %s\n", cert, key);
	return rc;
}

const struct cryo_cmd cryo_cmd_keygen = {
	.name = "keygen",
	.usage = "",
	.summary = "make a key and a certificate to seal checkpoints with",
	.opts = opts_table,
	.size = sizeof(struct keygen_opts),
	.min_args = 0,
	.max_args = 0,
	.run = keygen_cmd_run,
};
