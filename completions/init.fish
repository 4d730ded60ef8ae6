# sesh's part of fish: sesh shell-init fish | source, in ~/.config/fish/config.fish
if status is-interactive; and set -q SESH_ENV_FILE; and not builtin functions -q __sesh_prompt
# fish calls the handlers of an event in the order of their definition. Handlers of fish_postexec that stand before ours
# may print behind the command's output: then D has no code, but A has it.
set -g __sesh_before (builtin functions --handlers-type generic | string replace -rf '^fish_postexec ' '')
set -g __sesh_owed ''
set -g __sesh_known ''
set -g __sesh_renewed ''
set -g __sesh_announced ''

function __sesh_postexec --on-event fish_postexec
    set -l code $status
    set -l end "D;$code"
    for each in $__sesh_before
        if builtin functions -q $each
            set end D
            set __sesh_known ";code=$code"
        end
    end
    if builtin functions -q __sesh_run_end # of `sesh run`: it stands behind this handler, and ends the output
        set __sesh_owed $end
    else
        builtin printf '\e]133;%s;sesh=%s\a' $end $fish_pid >/dev/tty
    end
end

function __sesh_prompt --on-event fish_prompt
    if test -z "$__sesh_announced"
        set __sesh_announced 1
        builtin printf '\e]7373;integration;fish;;%s\a' $fish_pid >/dev/tty
    end
    if test -n "$__sesh_owed"
        builtin printf '\e]133;%s;sesh=%s\a' $__sesh_owed $fish_pid >/dev/tty
        set __sesh_owed ''
    end
    builtin printf '\e]133;A;sesh=%s%s\a' $fish_pid "$__sesh_known" >/dev/tty
    set __sesh_known ''
    __sesh_place
    if test -r "$SESH_ENV_FILE"
        __sesh_renew
    end
end

# Before each prompt it becomes the last handler, so that nothing is printed behind the mark. Without its text a command
# is not recorded.
function __sesh_place
    function __sesh_preexec --on-event fish_preexec
        set -l text ''
        if set -q fish_private_mode; or begin; set -q fish_history; and test -z "$fish_history"; end
        else if string match -q -- ' *' $argv[1]; or test (string length -- "$argv[1]") -gt 4096
        else if not string match -q '3.*' -- $version; and builtin functions -q fish_should_add_to_history
            and not fish_should_add_to_history $argv[1] >/dev/null 2>&1
        else
            set text ';cmdline_url='(string escape --style=url -- "$argv[1]" | string collect)
        end
        builtin printf '\e]133;C;sesh=%s%s\a' $fish_pid $text >/dev/tty
    end
end

# The shims of the session come first in PATH, which a startup file or another login may have set anew.
function __sesh_shims
    set -l shims (string replace -r '/[^/]*$' /bin -- $SESH_ENV_FILE)
    if test -e $shims/.sesh -a "$PATH[1]" != $shims
        set -gx PATH $shims $PATH
    end
end
__sesh_shims

function __sesh_renew
    set -l lines
    while read -l line
        set -a lines $line
    end <$SESH_ENV_FILE
    test "$lines" != "$__sesh_renewed"; or return 0
    set __sesh_renewed "$lines"
    for line in $lines
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
    end
    __sesh_shims
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
