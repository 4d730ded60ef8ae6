# sesh: completion for bash (3.2 and later). `sesh --complete` knows what may stand where.

_sesh_words() {
    # The words up to the cursor, put together again where bash took them apart at : = or @.
    local rest=${COMP_LINE-} word index=0
    rest=${rest:0:${COMP_POINT:-0}}
    _sesh_typed=()
    if [ -z "$rest" ]; then
        _sesh_typed=("${COMP_WORDS[@]:0:COMP_CWORD + 1}")
        return
    fi
    while [ $index -le "$COMP_CWORD" ]; do
        word=${COMP_WORDS[index]}
        case $rest in
            [[:space:]]*) rest=${rest#"${rest%%[![:space:]]*}"}; _sesh_typed+=('') ;;
            *) [ $index -eq 0 ] && _sesh_typed+=('') ;;
        esac
        [ $index -eq "$COMP_CWORD" ] && word=$rest
        _sesh_typed[${#_sesh_typed[@]}-1]+=$word
        rest=${rest#"$word"}
        index=$((index + 1))
    done
}

_sesh_matches() {
    # What compgen prints, a line each; unquoted it would be split and expanded.
    local match
    while IFS= read -r match; do COMPREPLY+=("$match"); done < <(compgen "$@")
}

_sesh() {
    local IFS=$' \t\n' program=sesh kind line word description current=${COMP_WORDS[COMP_CWORD]} cut width
    local -a _sesh_typed words descriptions
    case ${1-} in */* | sesh-mux) program=$1 ;; esac
    _sesh_words
    local whole=${_sesh_typed[${#_sesh_typed[@]}-1]}
    COMPREPLY=() words=() descriptions=()
    {
        read -r kind
        while IFS=$'\t' read -r word description; do
            words+=("$word")
            descriptions+=("$description")
        done
    } < <(command "$program" --complete bash -- "${_sesh_typed[@]:1}" 2>/dev/null)
    case $kind in
        words)
            # Readline replaces what stands behind the last : or =, and behind the last @ with that @.
            cut=${whole%"$current"}
            cut=${cut%@}
            case ${COMP_TYPE:-9} in 33 | 63 | 64) width=${COLUMNS:-80} ;; *) width=0 ;; esac
            local index=0 longest=0
            for word in "${words[@]}"; do [ ${#word} -gt $longest ] && longest=${#word}; done
            while [ $index -lt ${#words[@]} ]; do
                word=${words[index]#"$cut"} description=${descriptions[index]}
                case $word in *[!A-Za-z0-9_./:=@%+,-]*) printf -v word '%q' "$word" ;; esac
                if [ ${#words[@]} -gt 1 ] && [ "$width" -gt 0 ] && [ -n "$description" ]; then
                    # Only shown: several lines that differ are never inserted beyond what they share.
                    printf -v word '%-*s  %s' "$longest" "$word" "($description)"
                    word=${word:0:width - 1}
                fi
                COMPREPLY+=("$word")
                index=$((index + 1))
            done
            # In the order that sesh gave, s2 before s10; bash before 4.4 sorts them.
            type compopt >/dev/null 2>&1 && compopt -o nosort 2>/dev/null
            if [ ${#words[@]} -eq 1 ] && [ "${words[0]%=}" != "${words[0]}" ]; then
                type compopt >/dev/null 2>&1 && compopt -o nospace
            fi
            ;;
        directories | files)
            type compopt >/dev/null 2>&1 && compopt -o filenames
            if [ "$kind" = directories ]; then _sesh_matches -d -- "$current"; else _sesh_matches -f -- "$current"; fi
            ;;
        command*)
            if type _command_offset >/dev/null 2>&1; then
                local offset=0
                while [ "${COMP_WORDS[offset]}" != -- ]; do offset=$((offset + 1)); done
                _command_offset $((offset + 1))
            else
                type compopt >/dev/null 2>&1 && compopt -o filenames
                if [ "${COMP_WORDS[COMP_CWORD - 1]}" = -- ]; then
                    _sesh_matches -c -- "$current"
                else
                    _sesh_matches -f -- "$current"
                fi
            fi
            ;;
    esac
}

complete -F _sesh sesh sesh-mux
