# sesh: completion for bash. Bash splits words at @, = and :, so sesh gets the line as it was typed, as from fish.

_sesh_completion() {
    local line program=$1
    # Bash gives the word as it was typed: ~ is not expanded, nor is a variable, for which the sesh in PATH answers.
    case $program in '~/'*) program=$HOME/${program#'~/'} ;; esac
    command -v -- "$program" >/dev/null 2>&1 || program=${program##*/}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            '') continue ;;
            *[!A-Za-z0-9_./:=@%+,-]*) printf -v line '%q' "$line" ;;
        esac
        COMPREPLY+=("$line")
    done < <(_SESH_COMPLETE=complete_bash _TYPER_COMPLETE_FISH_ACTION=get-args \
        _TYPER_COMPLETE_ARGS=${COMP_LINE:0:COMP_POINT} "$program" 2>/dev/null)
    if [ ${#COMPREPLY[@]} -eq 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then
        compopt -o nospace 2>/dev/null
    fi
}

# Bash before 4.4 has no nosort, and sorts s10 before s2.
complete -o default -o nosort -F _sesh_completion sesh sesh-mux 2>/dev/null ||
    complete -o default -F _sesh_completion sesh sesh-mux
