# SPDX-License-Identifier: Apache-2.0
# The scenarios that ship with cryopod; on this cluster all of them can run.
for file in "$top"/scenarios/*.yaml; do
	point "scenario ${file##*/}" exits 0 cp_ test "$file"
done
point "their namespaces are gone" sh -c "! '$CRYOPOD' -q kubectl get namespaces -o name | grep -v -E 'default|kube-'"
