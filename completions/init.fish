# sesh's part of fish: sesh shell-init fish | source, in ~/.config/fish/config.fish
if status is-interactive; and set -q SESH_ENV_FILE; and not set -q __sesh_shell
set -g __sesh_shell 1
set -g __sesh_code ''

function __sesh_refresh
    test -r $SESH_ENV_FILE; or return 0
    while read -l line
        set -l pair (string split -m 1 = -- $line)
        switch $pair[1]
            case SSH_AUTH_SOCK
                test -S "$SSH_AUTH_SOCK"; or set -gx SSH_AUTH_SOCK $pair[2]
            case '*'
                if test -n "$pair[2]"
                    set -gx $pair[1] $pair[2]
                else
                    set -e $pair[1]
                end
        end
    end <$SESH_ENV_FILE
end

if test (string split . -- $version)[1] -ge 4
    function __sesh_precmd --on-event fish_prompt
        __sesh_refresh
    end
else
    function __sesh_precmd --on-event fish_prompt
        if test -n "$__sesh_code"
            printf '\e]133;D;%s\a' $__sesh_code >/dev/tty
            set -g __sesh_code ''
        end
        __sesh_refresh
        printf '\e]133;A\a' >/dev/tty
        if functions -q fish_prompt; and not functions fish_prompt | string match -q '*__sesh_fish_prompt*'
            functions -e __sesh_fish_prompt
            functions -c fish_prompt __sesh_fish_prompt
            function fish_prompt
                __sesh_fish_prompt
                printf '\e]133;B\a'
            end
        end
    end
    function __sesh_postexec --on-event fish_postexec
        set -g __sesh_code $status
    end
    function __sesh_preexec --on-event fish_preexec
        if test -z "$argv[1]"; or string match -q -- ' *' $argv[1]
            printf '\e]133;C\a' >/dev/tty
        else
            set -l text (string sub -l 4096 -- $argv[1] | string collect)
            set text (string escape --style=url -- $text)
            printf '\e]133;C;cmdline_url=%s\a' $text >/dev/tty
        end
    end
end
end
if status is-interactive
function sesh-pick
    sesh pick
    commandline -f repaint
end
function sesh-next
    sesh next
    commandline -f repaint
end
end
