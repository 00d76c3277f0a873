/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/interposer.h"

int main(int argc, char **argv)
{
	static const char *const criu_conf[] = { "/etc/criu/default.conf",
						 "/root/.criu/default.conf", NULL };
	const struct cryo_interposer where = {
		.conf = "/etc/cryopod/criu.conf",
		.calls = "/run/cryopod/calls",
		.criu_conf = criu_conf,
	};

	return cryo_interposer_main(&where, argc, argv);
}
