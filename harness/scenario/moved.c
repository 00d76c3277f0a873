/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/moved.h"

#include <stdlib.h>

static void record_migration(struct cryo_scenario_result *r, const struct cryo_migration *m)
{
	free(r->node);
	r->node = cryo_strdup(m->to);
	r->archive_bytes = m->bytes;
	r->checkpoint_ms = m->checkpoint_ms;
	r->restore_ms = m->restore_ms;
	r->judged = m->judged;
	r->continuity = m->verdict;
}

int cryo_run_move(struct cryo_run *run, const struct cryo_migrate_opts *opts,
		  struct cryo_migration *out, struct cryo_err *err)
{
	int rc = cryo_migrate_run(run->target, opts, out, err);

	if (rc < 0)
		return rc;
	record_migration(run->result, out);
	if (!out->judged)
		return cryo_err_set(err, CRYO_E_CHECK,
				    "the log of '%s' has no lines of the counter", opts->pod);
	if (out->verdict.reason == CRYO_CONTINUITY_OK)
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK, "%s: %s",
			    cryo_continuity_reason_name(out->verdict.reason), out->verdict.text);
}
