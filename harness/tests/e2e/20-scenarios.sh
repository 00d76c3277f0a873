# SPDX-License-Identifier: Apache-2.0
# The scenarios that ship with cryopod; on this cluster all of them can run.
for file in "$top"/scenarios/*.yaml; do
	point "scenario ${file##*/}" exits 0 cp_ test "$file"
done
no_namespaces() { ! kubectl get namespaces -o name | grep -v -E '/default$|/kube-'; }
point "their namespaces are gone" until_true 60 no_namespaces
