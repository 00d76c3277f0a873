/* SPDX-License-Identifier: Apache-2.0 */
/* Where things of this node lie: below the directory that its configuration names. */
#include "interposer/interposer.h"

#include <stdlib.h>

int cryo_interposer_find_places(struct cryo_interposer *where, struct cryo_err *err)
{
	cryo_auto(cryo_policy_release) struct cryo_policy own = { 0 };
	int rc = cryo_policy_load(where->conf, CRYO_POLICY_OWN, &own, NULL, err);

	where->logs = rc == 0 && own.run ? cryo_steal(&own.run) : cryo_strdup("/run/cryopod");
	where->calls = cryo_asprintf("%s/calls", where->logs);
	where->dumps = cryo_asprintf("%s/dumps", where->logs);
	return rc;
}
