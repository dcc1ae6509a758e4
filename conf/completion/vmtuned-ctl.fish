# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion: vmtuned-ctl itself tells what may stand for the word at the cursor.

function __vmtuned_ctl_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$typed" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$typed"
            case :hosts
                __fish_print_hostnames
            case '*'
                echo $line
        end
    end
end

complete -c vmtuned-ctl -f -a '(__vmtuned_ctl_complete)'
