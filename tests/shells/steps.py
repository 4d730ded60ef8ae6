"""What a person types in each set-up, and the script that a shell runs at the end to tell all that it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Keys, in lines: Enter follows each, but a key that is a control character stands for itself.

    `text`: the command, as the shell's own history has it; empty if the step runs none. `output`: None if a set-up's
    own hooks have a part in it.
    """

    name: str
    lines: tuple[str, ...]
    text: str = ""
    code: int = 0
    output: str | None = ""


CTRL_C = "\x03"


def _typed(name: str, text: str, output: str | None = "", code: int = 0) -> Step:
    return Step(name, (text,), text, code, output)


def _common(status: str, failing: str, loop: tuple[str, ...], looped: str) -> list[Step]:
    return [
        Step("start", ()),
        _typed("echo", "echo one", "one\n"),
        _typed("state after echo", status, None),
        _typed("false", "false", code=1),
        _typed("state after false", status, None),
        _typed("pipes", failing, code=4),
        _typed("state after pipes", status, None),
        _typed("cd", "cd place", None),
        _typed("half a line", "builtin printf unfinished", "unfinished"),
        Step("loop", loop, looped, 0, "item 1\nitem 2\n"),
        Step("blank", (" echo secret",), " echo secret", 0, "secret\n"),
        _typed("again", "echo one", "one\n"),
        _typed("and again", "echo one", "one\n"),
        Step("Ctrl-C", ("echo half" + CTRL_C,)),
        Step("Enter", ("",)),
        _typed("scroll", "seq 30", "".join(f"{number}\n" for number in range(1, 31))),
        _typed("signs", "echo 'ü; 50% ->'  two", "ü; 50% -> two\n"),
        _typed("not found", "nosuchcommand", None, 127),
        _typed("last", "sh -c 'exit 9'", code=9),
    ]


FEW = frozenset({"start", "echo", "false", "state after false", "half a line", "Ctrl-C", "last"})
"""The steps that `make test` plays."""

_BOTH = "(exit 7) | true; (exit 3) | (exit 4)"
_BASH = 'echo "$?|${PIPESTATUS[*]}|$_"'
_ZSH = 'echo "$?|$pipestatus|$_"'
_FISH = 'echo "$status|$pipestatus"'
_LOOP = ("for q in 1 2; do", "echo item $q", "done")

STEPS = {
    "bash": _common(_BASH, _BOTH, _LOOP, "for q in 1 2; do echo item $q; done"),
    "zsh": _common(_ZSH, _BOTH, _LOOP, "for q in 1 2; do\necho item $q\ndone"),
    "fish": _common(
        _FISH,
        "sh -c 'exit 7' | true; sh -c 'exit 3' | sh -c 'exit 4'",
        ("for q in 1 2", "echo item $q", "end"),
        "for q in 1 2\necho item $q\nend",
    ),
}

TRACED = Step("trace", ("set -x",), "set -x", 0, None)
"""What is typed first where commands are traced."""
UNTRACED = frozenset({"pipes", "state after pipes"})
"""Steps that are left out then: the shell traces two processes, in any order."""

# Each block is a file in ~/told. What a set-up has shadowed must not be called.
TELL = {
    "bash": r"""
{
builtin declare -p >~/told/variables
builtin declare -F >~/told/functions
builtin printf '%s\n' "${PROMPT_COMMAND[@]-}" >~/told/hooks
builtin alias >~/told/aliases
builtin set -o >~/told/options
builtin shopt >~/told/options.shopt
builtin trap -p >~/told/traps
HISTTIMEFORMAT= builtin fc -ln 1 >~/told/recorded
builtin bind -s -X -p >~/told/keys
} 2>/dev/null
""",
    "zsh": r"""
builtin setopt >~/told/options
() {
builtin emulate -L zsh
builtin typeset -p >~/told/variables
builtin print -l ${(ok)functions} >~/told/functions
builtin print -rl -- chpwd $chpwd_functions precmd $precmd_functions preexec $preexec_functions >~/told/hooks
builtin alias >~/told/aliases
builtin trap >~/told/traps
builtin fc -ln 1 >~/told/recorded
builtin zle -lL >~/told/widgets
builtin bindkey -L >~/told/keys
} 2>/dev/null
""",
    "fish": r"""
set --show | string match -rv '^\$(__fish|fish_pid|status|history|_|last_pid|status_generation)' >~/told/variables
functions --all >~/told/functions
functions --handlers >~/told/hooks
alias >~/told/aliases
bind >~/told/keys
set -q fish_private_mode; or history search --max 1000 >~/told/recorded
""",
}  # fmt: skip
