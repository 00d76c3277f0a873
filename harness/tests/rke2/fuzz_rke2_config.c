/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what lies on a node: RKE2's configuration, containerd's, and the journal of an
 * install. Files of ours stay below the node's data directory and /etc/cryopod.
 */
#include "rke2/journal.h"
#include "rke2/runtime.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_everywhere(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "config.yaml", "agent/etc/containerd/config.toml",
					    "rke2/journal.jsonl" };
	struct cryo_err err = CRYO_ERR_INIT;

	if (!scratch_dir) {
		if (scratch_make_in("/dev/shm", &scratch_dir) < 0)
			abort();
		setenv("CRYOPOD_STATE_DIR", scratch_dir, 1);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name[i]);
		FILE *f = cryo_fs_mkparents(path, 0700, &err) < 0 ? NULL : fopen(path, "w");

		if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config c = { 0 };
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	cryo_auto(rke2_runtime_release) struct rke2_runtime r = { 0 };
	cryo_auto(cryo_free) char *config = NULL;
	struct cryo_rke2_node n = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	put_everywhere(data, size);
	config = cryo_asprintf("%s/config.yaml", scratch_dir);
	cryo_rke2_config_load(config, NULL, &c, &err);
	cryo_rke2_journal_load(&j, &err);
	n.root = scratch_dir;
	n.data_dir = scratch_dir;
	rke2_runtime_find(&n, &r);
	for (size_t i = 0; i < r.n; i++)
		if (!cryo_starts_with(r.file[i].path, scratch_dir) ||
		    strstr(r.file[i].path, "/../"))
			abort();
	return 0;
}
