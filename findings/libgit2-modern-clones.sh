#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libgit2 1.5 (Debian 12) opens a partial clone and a sparse checkout, but not a clone that is both, as
# 'git clone --filter=blob:none --sparse' makes it; and of a sparse checkout that is clean to git it tells that the
# files outside were deleted. With a sparse or split index it opens the repository and cannot tell its state.
#
# Expected: either all of them or none. A partial clone has repositoryformatversion 1, and then libgit2 insists on
# knowing every extension; a sparse checkout sets extensions.worktreeConfig, which counts for nothing in version 0.
# These are the usual ways to have Kubernetes' repository on a laptop.
. "$(dirname "$0")/lib.sh"
need cc pkg-config git

c_program probe libgit2 <<'EOF'
#include <git2.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	git_status_options opts = GIT_STATUS_OPTIONS_INIT;
	git_status_list *list;
	git_repository *repo;

	git_libgit2_init();
	if (argc != 2 || git_repository_open(&repo, argv[1]) < 0)
		return printf("cannot open: %s\n", git_error_last()->message) < 0;
	opts.flags = GIT_STATUS_OPT_DEFAULTS;
	if (git_status_list_new(&list, repo, &opts) < 0)
		return printf("no status: %s\n", git_error_last()->message) < 0;
	return printf("%zu changes\n", git_status_list_entrycount(list)) < 0;
}
EOF

export HOME="$work" GIT_CONFIG_NOSYSTEM=1
git init -q origin
mkdir origin/in origin/out
echo 1 >origin/in/file
echo 2 >origin/out/file
git -C origin add .
git -C origin -c user.name=name -c user.email=name@host.invalid commit -qm one
git -C origin config uploadpack.allowFilter true

url=file://$work/origin
git clone -q "$url" full
git clone -q --filter=blob:none "$url" partial
git clone -q "$url" sparse
git -C sparse sparse-checkout set in
git clone -q --filter=blob:none --sparse "$url" both
git clone -q "$url" sparse-index
git -C sparse-index sparse-checkout set --sparse-index in
git clone -q "$url" split-index
git -C split-index update-index --split-index

echo "libgit2 $version, $(git --version)"
for clone in full partial sparse both sparse-index split-index; do
	seen "git's changes in $clone" 0 "$(git -C $clone status --porcelain | wc -l)"
done
seen 'libgit2 on a full clone' '0 changes' "$(./probe full)"
seen 'libgit2 on a partial clone' '0 changes' "$(./probe partial)"
seen 'libgit2 on a sparse checkout' '1 changes' "$(./probe sparse)"
seen 'libgit2 on a partial clone with a sparse checkout' \
	'cannot open: unsupported extension name extensions.worktreeconfig' "$(./probe both)"
seen 'libgit2 on a sparse index' "no status: unsupported mandatory extension: 'sdir'" "$(./probe sparse-index)"
seen 'libgit2 on a split index' "no status: unsupported mandatory extension: 'link'" "$(./probe split-index)"
verdict
