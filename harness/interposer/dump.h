/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals what CRIU dumps. Pages are followed while CRIU still writes them; the
 * rest comes when CRIU has finished: with the tasks running again where they
 * go on, else at "post-dump", while CRIU can still turn round.
 *
 * Where the client says that it waits for the lock of `seal.pending`, all of it
 * comes after CRIU's answer has been passed on: under containerd the tasks are
 * paused until runc has it.
 */
#ifndef CRYO_INTERPOSER_DUMP_H
#define CRYO_INTERPOSER_DUMP_H

#include "interposer/relay.h"
#include "seal/set.h"

struct cryo_dump;
enum cryo_dump_when {
	CRYO_DUMP_AT_POST_DUMP,	 /* the tasks are killed then */
	CRYO_DUMP_BEFORE_ANSWER, /* the tasks go on */
	CRYO_DUMP_AFTER_ANSWER,	 /* and the client waits for the lock */
};

/* `plain`: the directory CRIU writes to; `out`: where the set is to be. `o` and both are borrowed
 * until free. */
int cryo_dump_new(int plain, int out, enum cryo_dump_when when,
		  const struct cryo_seal_writer_opts *o, struct cryo_dump **d,
		  struct cryo_err *err);
/* When CRIU is about to be asked: from here on its pages are followed, in a thread, unless all of
 * them come later. */
int cryo_dump_start(struct cryo_dump *d, struct cryo_err *err);
/* For struct cryo_relay. Reports what the thread came across, too. */
int cryo_dump_on_resp(void *dump, const struct cryo_rpc_resp *resp, struct cryo_err *err);
/* Is it all still to be sealed, with CRIU's answer passed on and the lock held? */
bool cryo_dump_is_due(const struct cryo_dump *d);
/*
 * Seals it. After a failure its reason is in `seal.pending`. The lock is free
 * after cryo_dump_free, when nothing is left of a set that is not whole.
 */
int cryo_dump_later(struct cryo_dump *d, struct cryo_err *err);
struct cryo_dump_numbers {
	uint64_t early;	  /* bytes that were sealed while CRIU worked */
	int64_t rest_ms;  /* what the rest took */
	uint64_t peak_kb; /* memory: pages that waited, and this process */
};
void cryo_dump_numbers(const struct cryo_dump *d, struct cryo_dump_numbers *out);
/* Without a whole set nothing of it stays. */
void cryo_dump_free(struct cryo_dump *d);
CRYO_DEFINE_AUTO(struct cryo_dump, cryo_dump_free)

#endif
