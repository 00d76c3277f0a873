# SPDX-License-Identifier: Apache-2.0
# fish completion of cryopod. The candidates come from cryopod itself (harness/cli/complete.c).
function __cryopod_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l files
    for line in ($words[1] internal-complete -- $words[2..-1] "$typed" 2>/dev/null)
        if test "$line" = :files
            set files 1
        else
            echo $line
        end
    end
    if set -q files[1]
        __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$typed")
    end
end
complete -c cryopod -f -a '(__cryopod_complete)'
