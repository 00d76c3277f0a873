/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what lies on a node: RKE2's configuration, containerd's, and the journal of an
 * install. Files of ours stay below the node's data directory and /etc/cryopod.
 */
#include "rke2/journal.h"
#include "rke2/runtime.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *fuzz_dir;

static void remove_fuzz_dir(void)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_fs_rmtree(fuzz_dir, &ignored);
	free(fuzz_dir);
}

static void put_everywhere(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "config.yaml", "agent/etc/containerd/config.toml",
					    "rke2/journal.jsonl" };
	struct cryo_err err = CRYO_ERR_INIT;

	if (!fuzz_dir) {
		if (cryo_fs_tmpdir("/dev/shm", "fuzz-", &fuzz_dir, &err) < 0)
			abort();
		atexit(remove_fuzz_dir);
		setenv("CRYOPOD_STATE_DIR", fuzz_dir, 1);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", fuzz_dir, name[i]);
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
	config = cryo_asprintf("%s/config.yaml", fuzz_dir);
	cryo_rke2_config_load(config, NULL, &c, &err);
	cryo_rke2_journal_load(&j, &err);
	n.root = fuzz_dir;
	n.data_dir = fuzz_dir;
	rke2_runtime_find(&n, &r);
	for (size_t i = 0; i < r.n; i++)
		if (!cryo_starts_with(r.file[i].path, fuzz_dir) || strstr(r.file[i].path, "/../"))
			abort();
	return 0;
}
