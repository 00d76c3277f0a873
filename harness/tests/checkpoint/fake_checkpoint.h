/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of callers of checkpoint/ put in the place of the real thing, beside their own
 * cryo_checkpoint_run() and cryo_restore_run(): the linker then does not take the objects of
 * those. Included by one .c file per program, which says with FAKE_LOG what the log in every
 * archive holds.
 */
#ifndef CRYO_TESTS_FAKE_CHECKPOINT_H
#define CRYO_TESTS_FAKE_CHECKPOINT_H

#include "checkpoint/checkpoint.h"
#include "criu/archive.h"

#include <stdlib.h>

#ifndef FAKE_LOG
#define FAKE_LOG ""
#endif

int cryo_archive_load(const char *path, struct cryo_archive *out, struct cryo_err *err)
{
	(void)path;
	(void)err;
	*out = (struct cryo_archive){ .log = cryo_strdup(FAKE_LOG) };
	return 0;
}

void cryo_archive_release(struct cryo_archive *a)
{
	free(a->log);
}

void cryo_checkpoint_release(struct cryo_checkpoint *c)
{
	free(c->container);
	free(c->node);
	free(c->pod);
	free(c->archive);
	free(c->copy);
	free(c->source);
}

void cryo_restore_release(struct cryo_restore *r)
{
	(void)r;
}

#endif
