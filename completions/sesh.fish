# sesh: completion for fish. Where sesh offers nothing, fish offers files.

function __sesh_complete
    # The word as it was typed: ~ is not expanded, nor is a variable, for which the sesh in PATH answers.
    set -l program (string replace -r '^~/' "$HOME/" -- (commandline -opc)[1])
    type -q -- $program; or set program (string replace -r '.*/' '' -- $program)
    env _SESH_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) $program 2>/dev/null
end

complete -c sesh -e
complete -c sesh -f -k -n '__sesh_complete is-args' -a '(__sesh_complete get-args)'
complete -c sesh-mux -w sesh
