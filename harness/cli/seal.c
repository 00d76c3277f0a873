/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "criu/archive.h"
#include "seal/path.h"
#include "sys/fs.h"

struct seal_opts {
	const char *cert, *sign_key, *sign_cert;
	bool expired, any;
};

static const struct cryo_opt opts_table[] = {
	{ "cert", 0, CRYO_OPT_STR, offsetof(struct seal_opts, cert), "FILE",
	  "certificate of the recipient (PEM; required)" },
	{ "sign-cert", 0, CRYO_OPT_STR, offsetof(struct seal_opts, sign_cert), "FILE",
	  "sign with this certificate" },
	{ "sign-key", 0, CRYO_OPT_STR, offsetof(struct seal_opts, sign_key), "FILE",
	  "and this private key" },
	{ "allow-expired", 0, CRYO_OPT_FLAG, offsetof(struct seal_opts, expired), NULL,
	  "accept a --cert that has expired or is not valid yet" },
	{ "any", 0, CRYO_OPT_FLAG, offsetof(struct seal_opts, any), NULL,
	  "accept a SRC that is not a checkpoint" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* Most who seal something else took the wrong file. */
static int check_seal_input(const char *src, struct cryo_err *err)
{
	int rc = cryo_checkpoint_recognize(src, err);
	cryo_auto(cryo_free) char *why = rc < 0 ? cryo_strdup(err->msg) : NULL;

	if (rc < 0 && err->status == CRYO_E_CONFIG && cryo_fs_exists(src))
		return cryo_err_set(err, CRYO_E_CONFIG, "%s (--any seals it anyway)", why);
	return rc;
}

static int seal_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL, *signer = NULL;
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	struct cryo_seal_writer_opts request = { 0 };
	const struct seal_opts *o = opts;
	int rc = 0;

	(void)cli, (void)exit_code;
	if (!o->cert)
		return cryo_err_set(err, CRYO_E_USAGE, "no recipient is given: --cert FILE");
	if (!o->sign_key != !o->sign_cert)
		return cryo_err_set(err, CRYO_E_USAGE, "--sign-key and --sign-cert go together");
	if (!o->any)
		rc = check_seal_input(args[0], err);
	if (rc == 0)
		rc = cryo_seal_cert_load(o->cert,
					 o->expired ? CRYO_SEAL_ENCRYPT_EXPIRED : CRYO_SEAL_ENCRYPT,
					 &cert, err);
	if (rc == 0 && o->sign_cert)
		rc = cryo_seal_cert_load(o->sign_cert, CRYO_SEAL_SIGN, &signer, err);
	if (rc == 0 && o->sign_key)
		rc = cryo_seal_key_load(o->sign_key, &key, err);
	request.recipient = cert;
	request.signer_cert = signer;
	request.signer_key = key;
	return rc < 0 ? rc : cryo_seal_path(args[0], args[1], &request, err);
}

const struct cryo_cmd cryo_cmd_seal = {
	.name = "seal",
	.usage = "SRC DST",
	.summary = "encrypt a checkpoint: an archive or a directory of images",
	.opts = opts_table,
	.size = sizeof(struct seal_opts),
	.min_args = 2,
	.max_args = 2,
	.run = seal_cmd_run,
};
