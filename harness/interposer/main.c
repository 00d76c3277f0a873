/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/interposer.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const char *const criu_conf[] = { "/etc/criu/default.conf",
						 "/root/.criu/default.conf", NULL };
	const struct cryo_interposer where = {
		.conf = "/etc/cryopod/criu.conf",
		.calls = "/run/cryopod/calls",
		.logs = "/run/cryopod",
		.runc_conf = "/etc/criu/runc.conf",
		.criu_conf = criu_conf,
	};

	/* How `cryopod status` tells us from CRIU, which refuses this option. */
	if (argc == 2 && strcmp(argv[1], "--cryopod-version") == 0)
		return puts("cryopod-criu seal/1") == EOF;
	return cryo_interposer_main(&where, argc, argv);
}
