# SPDX-License-Identifier: Apache-2.0
# bash completion of cryopod. The candidates come from cryopod itself (harness/cli/complete.c).
_cryopod() {
	local cur prev words cword line files=
	_init_completion -n =: || return
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) files=1 ;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
	done < <("${words[0]}" internal-complete -- "${words[@]:1:cword}" 2>/dev/null)
	# readline replaces only what follows the '='
	if [[ $cur == --*=* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${cur%%=*}="}")
		cur=${cur#*=}
	fi
	[[ -z $files ]] || _filedir
}
complete -F _cryopod cryopod
