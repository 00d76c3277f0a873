/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "seal/path.h"

struct unseal_opts {
	const char *key, *cert, *trusted;
};

static const struct cryo_opt opts_table[] = {
	{ "key", 0, CRYO_OPT_STR, offsetof(struct unseal_opts, key), "FILE",
	  "private key (PEM; required)" },
	{ "cert", 0, CRYO_OPT_STR, offsetof(struct unseal_opts, cert), "FILE",
	  "its certificate: tells a wrong key from a changed file apart" },
	{ "trusted-signers", 0, CRYO_OPT_STR, offsetof(struct unseal_opts, trusted), "FILE",
	  "require a signature by one of these certificates" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int unseal_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	cryo_auto(cryo_seal_trust_free) struct cryo_seal_trust *trusted = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	struct cryo_seal_reader_opts request = { 0 };
	const struct unseal_opts *o = opts;
	int rc;

	(void)cli, (void)exit_code;
	if (!o->key)
		return cryo_err_set(err, CRYO_E_USAGE, "no key is given: --key FILE");
	rc = cryo_seal_key_load(o->key, &key, err);
	if (rc == 0 && o->cert)
		rc = cryo_seal_cert_load(o->cert, CRYO_SEAL_IDENTIFY, &cert, err);
	if (rc == 0 && o->trusted)
		rc = cryo_seal_trust_load(o->trusted, &trusted, err);
	request.key = key;
	request.cert = cert;
	request.trusted = trusted;
	return rc < 0 ? rc : cryo_seal_path_open(args[0], args[1], &request, err);
}

const struct cryo_cmd cryo_cmd_unseal = {
	.name = "unseal",
	.usage = "SRC DST",
	.summary = "decrypt what 'seal' made, whole or not at all",
	.opts = opts_table,
	.size = sizeof(struct unseal_opts),
	.min_args = 2,
	.max_args = 2,
	.run = unseal_cmd_run,
};
