# sesh: completion for fish. `sesh --complete` knows what may stand where.

function __sesh_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l program sesh
    string match -qr '/|^sesh-mux$' -- $typed[1]; and set program $typed[1]
    set -l lines (command $program --complete fish -- $typed[2..-1] "$current" 2>/dev/null)
    set -l kind $lines[1]
    switch "$kind"
        case words
            string join \n -- $lines[2..-1]
        case directories
            __fish_complete_directories "$current" ''
        case files
            __fish_complete_path "$current"
        case 'command *'
            set -l command_index (math (string replace 'command ' '' -- $kind) + 2)
            complete -C (string join ' ' -- (string escape -- $typed[$command_index..-1]) "$current")
    end
end

complete -c sesh -e
complete -c sesh -f -k -a '(__sesh_complete)'
complete -c sesh-mux -w sesh
