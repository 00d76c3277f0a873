/* SPDX-License-Identifier: Apache-2.0 */
/* What a cut of the power may leave, and how one goes on from there. */
#ifndef CRYO_TESTS_RKE2_POWER_H
#define CRYO_TESTS_RKE2_POWER_H

#include "tests/rke2/rke2_world.h"

static char *picture_old, *picture_new;
static unsigned points_cut;

/* containerd, shim, runc and kubelet are all ours, or all the release's. */
static inline void assert_one_kind(long point)
{
	static const char *const name[] = { "containerd", "containerd-shim-runc-v2", "runc",
					    "kubelet" };
	int ours = 0;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *text = node_program(name[i]);

		if (!text)
			fail_msg("point %ld: no %s", point, name[i]);
		ours += strstr(text, "of ours") != NULL;
	}
	if (ours != 0 && ours != (int)CRYO_ARRAY_LEN(name))
		fail_msg("point %ld: %d of %zu programs are ours", point, ours,
			 CRYO_ARRAY_LEN(name));
}

static inline int must_be_done(int rc)
{
	if (rc < 0)
		fail_msg("%s", node.err.msg);
	return rc;
}

/* The service is down after a cut; it starts, or `cryopod` is run before it does. */
static inline void recover(long point, bool boot, bool forward)
{
	cryo_auto(cryo_free) char *after = NULL;
	cryo_auto(cryo_free) char *what = cryo_asprintf("point %ld, %s, then %s", point,
							boot ? "a start" : "no start",
							forward ? "install" : "rollback");

	if (boot) {
		node_remove("run");
		node_start();
		assert_one_kind(point);
	}
	must_be_done(forward ? node_install() : node_roll_back());
	after = node_picture();
	node_assert_same(forward ? picture_new : picture_old, after, what);
	points_cut++;
}

#endif
