"""`--shell-init`: the shell integration, a script that the user's shell evaluates when it starts.

Before each prompt the shell then takes over what has changed (the display of the newest client, the session's name in
`SESH_SESSION`), and it marks prompts and commands (FinalTerm's OSC 133), so that `--history` knows what was typed and
terminals can jump from prompt to prompt. Outside of a session it does nothing of that; evaluated twice, it acts once;
what the user's own prompt functions find in `$?` stays as it was.

Everywhere the script defines widgets, functions for a key of the user's choice, and binds none. What is typed at the
prompt is there again afterwards.
"""

from __future__ import annotations

from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.verbs import BY_NAME
from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.invocation import Invocation

_BASH = r"""# sesh's part of bash: eval "$(sesh --shell-init bash)" at the end of ~/.bashrc
if [[ $- == *i* && -n ${SESH_ENV_FILE-} && -z ${__sesh_shell-} ]]; then
__sesh_shell=1 __sesh_ran= __sesh_line= __sesh_none=

__sesh_refresh() {
  local line
  [[ -r $SESH_ENV_FILE ]] || return 0
  while IFS= read -r line; do
    case $line in
      DISPLAY=?*|WAYLAND_DISPLAY=?*|SESH_SESSION=?*) export "${line?}" ;;
      DISPLAY=) unset DISPLAY ;;
      WAYLAND_DISPLAY=) unset WAYLAND_DISPLAY ;;
      SSH_AUTH_SOCK=?*) [[ -S ${SSH_AUTH_SOCK-} ]] || export "${line?}" ;;
    esac
  done <"$SESH_ENV_FILE"
} 2>/dev/null

__sesh_precmd() {
  local code=$?
  { local - && set +x; } 2>/dev/null
  if [[ -n $__sesh_ran ]]; then
    __sesh_ran=
    printf '\e]133;D;%s\a' "$code"
  fi 2>/dev/null >/dev/tty
  __sesh_line=$(HISTTIMEFORMAT='' builtin history 1 2>/dev/null)
  __sesh_refresh
  printf '\e]133;A\a' 2>/dev/null >/dev/tty
  return "$code"
}

__sesh_prompt() {
  local code=$?
  { local - && set +x; } 2>/dev/null
  [[ ${PS1-} == *'133;B'* ]] || PS1="${PS1-}"'\[\e]133;B\a\]'
  return "$code"
}

__sesh_preexec() {
  { set +x; } 2>/dev/null
  local line text
  line=$(HISTTIMEFORMAT='' builtin history 1 2>/dev/null)
  text=$line
  if [[ $line == "$__sesh_line" && ${HISTCONTROL-} != *ignoredups* && ${HISTCONTROL-} != *ignoreboth* ]]; then
    text=
  fi
  if [[ $text =~ ^[[:space:]]*[0-9]+\*?\ \ (.*)$ ]]; then text=${BASH_REMATCH[1]}; else text=; fi
  case $text in
    ''|' '*|'\. '*'.run') printf '\e]133;C\a'; return ;;
  esac
  text=${text:0:4096}
  text=${text//%/%25} text=${text//;/%3B} text=${text//$'\n'/%0A} text=${text//$'\t'/%09}
  printf '\e]133;C;cmdline_url=%s\a' "${text//[[:cntrl:]]/}"
}

if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND=(__sesh_precmd "${PROMPT_COMMAND[@]}" __sesh_prompt)
else
  PROMPT_COMMAND="__sesh_precmd${PROMPT_COMMAND:+
$PROMPT_COMMAND}
__sesh_prompt"
fi
if shopt -q promptvars; then PS0='${__sesh_none:(__sesh_ran=1)*0:0}$(__sesh_preexec)'"${PS0-}"; fi
fi
"""

_ZSH = r"""# sesh's part of zsh: eval "$(sesh --shell-init zsh)" at the end of ~/.zshrc
if [[ -o interactive && -n ${SESH_ENV_FILE-} && -z ${__sesh_shell-} ]]; then
typeset -g __sesh_shell=1 __sesh_ran=

__sesh_refresh() {
  emulate -L zsh
  local line
  [[ -r $SESH_ENV_FILE ]] || return 0
  while IFS= read -r line; do
    case $line in
      DISPLAY=?*|WAYLAND_DISPLAY=?*|SESH_SESSION=?*) export "$line" ;;
      DISPLAY=) unset DISPLAY ;;
      WAYLAND_DISPLAY=) unset WAYLAND_DISPLAY ;;
      SSH_AUTH_SOCK=?*) [[ -S ${SSH_AUTH_SOCK-} ]] || export "$line" ;;
    esac
  done <$SESH_ENV_FILE
}

__sesh_precmd() {
  local code=$?
  emulate -L zsh
  if [[ -n $__sesh_ran ]]; then
    __sesh_ran=
    print -n "\e]133;D;$code\a" >/dev/tty
  fi
  __sesh_refresh
  [[ $PS1 == *'133;B'* ]] || PS1+=$'%{\e]133;B\a%}'
  print -n '\e]133;A\a' >/dev/tty
  return $code
}

__sesh_preexec() {
  emulate -L zsh
  local text=${${1:-$3}[1,4096]}
  __sesh_ran=1
  if [[ -z $text || $text == ' '* ]]; then
    print -n '\e]133;C\a' >/dev/tty
    return 0
  fi
  text=${text//\%/%25} text=${text//;/%3B} text=${text//$'\n'/%0A} text=${text//$'\t'/%09}
  print -rn -- $'\e]133;C;cmdline_url='"${text//[[:cntrl:]]/}"$'\a' >/dev/tty
}

typeset -ga precmd_functions preexec_functions
precmd_functions=(__sesh_precmd $precmd_functions)
preexec_functions+=(__sesh_preexec)
fi
"""

_FISH = r"""# sesh's part of fish: sesh --shell-init fish | source, in ~/.config/fish/config.fish
if status is-interactive; and set -q SESH_ENV_FILE; and not set -q __sesh_shell
set -g __sesh_shell 1
set -g __sesh_code ''

function __sesh_refresh
    test -r $SESH_ENV_FILE; or return 0
    while read -l line
        set -l pair (string split -m 1 = -- $line)
        switch $pair[1]
            case DISPLAY WAYLAND_DISPLAY
                if test -n "$pair[2]"
                    set -gx $pair[1] $pair[2]
                else
                    set -e $pair[1]
                end
            case SESH_SESSION
                set -gx SESH_SESSION $pair[2]
            case SSH_AUTH_SOCK
                test -S "$SSH_AUTH_SOCK"; or set -gx SSH_AUTH_SOCK $pair[2]
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
    if functions -q fish_prompt; and not functions -q __sesh_fish_prompt
        functions -c fish_prompt __sesh_fish_prompt
        function fish_prompt
            __sesh_fish_prompt
            printf '\e]133;B\a'
        end
    end
end
end
"""

_WIDGETS = {
    # A function's name with a dash is an error in POSIX mode.
    "bash": """if [[ $- == *i* ]] && ! shopt -qo posix; then
sesh-WORD() { CALLED --WORD; }
fi
""",
    # Standard input of a widget is /dev/null. The key has put the terminal into a mode of zsh's.
    "zsh": """if [[ -o interactive ]]; then
sesh-WORD() {
  zle -I
  CALLED --WORD <$TTY
}
zle -N sesh-WORD
fi
""",
    "fish": """if status is-interactive
function sesh-WORD
    CALLED --WORD
    commandline -f repaint
end
end
""",
}
SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The script for one of SHELLS."""
    integration = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]
    words = [word for word in ("pick", "next") if f"--{word}" in BY_NAME]
    widgets = [_WIDGETS[shell].replace("WORD", word).replace("CALLED", CALLED) for word in words]
    return "".join([integration, *widgets])


def shell_init(cli: Invocation, shell: str) -> int:
    """`--shell-init SHELL`: prints the script."""
    if shell not in SHELLS:
        raise UsageError(f"there is no integration for {printable(shell)}; use {', '.join(SHELLS)}")
    if cli.json:
        return cli.value({"shell": shell, "script": script(shell)})
    printing.write(script(shell).encode())
    return 0
