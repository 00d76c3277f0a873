/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/pages.h"
#include "interposer/interposer.h"
#include "interposer/settle.h"

#include <stdio.h>
#include <string.h>

/* With the CRIU that containers get. */
static int probe_with_policy(const char *conf)
{
	cryo_auto(cryo_policy_release) struct cryo_policy own = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_policy_load(conf, CRYO_POLICY_OWN, &own, NULL, &err) < 0)
		return fprintf(stderr, "cryopod-criu: %s\n", err.msg), 2;
	return cryo_probe_sockets(&own);
}

int main(int argc, char **argv)
{
	static const char *const criu_conf[] = { "/etc/criu/default.conf",
						 "/root/.criu/default.conf", NULL };
	struct cryo_interposer where = {
		.conf = "/etc/cryopod/criu.conf",
		.pages = CRYO_PAGES_DIR,
		.runc_conf = "/etc/criu/runc.conf",
		.criu_conf = criu_conf,
	};
	struct cryo_err err = CRYO_ERR_INIT;
	bool settles = false;

	/* How `cryopod status` tells us from CRIU, which refuses this option. */
	if (argc == 2 && strcmp(argv[1], "--cryopod-version") == 0)
		return puts("cryopod-criu seal/1 pages/1") == EOF;
	if (argc == 2 && strcmp(argv[1], "--cryopod-probe-sockets") == 0)
		return probe_with_policy(where.conf);
	for (size_t i = 0; argc == 3 && cryo_settle_options[i]; i++)
		settles |= strcmp(argv[1], cryo_settle_options[i]) == 0;
	/* Of a configuration that is no good runc is told in an answer of CRIU's. */
	if (cryo_interposer_find_places(&where, &err) < 0 && settles)
		return fprintf(stderr, "cryopod-criu: %s\n", err.msg), 2;
	if (settles)
		return cryo_settle_main(where.dumps, argv[1], argv[2]);
	return cryo_interposer_main(&where, argc, argv);
}
