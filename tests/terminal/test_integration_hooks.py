"""The integration of zsh and fish beside hooks, traps and themes: nothing is disturbed, and the history is exact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import PROMPT, Home, Sesh, need, wait_until
from tests.terminal.looking import history


@dataclass(frozen=True)
class Shell:
    name: str
    file: str
    basis: str
    """What each start file begins with."""
    ready: bytes
    """What comes at a prompt, behind everything else."""
    lines: Sequence[str]

    def play(self, home: Home, rc: str, lines: Sequence[str] | None = None) -> tuple[str, bytes]:
        """Type lines in this shell, without sesh; return what its terminal shows, and the bytes."""
        home.write(self.file, self.basis + rc)
        terminal = home.terminal(command=[need(self.name)], env={"SESH_ENV_FILE": f"{home.path}/newer"})
        ready = re.compile(self.ready, re.DOTALL)
        terminal.wait_for_raw(ready)
        for line in self.lines if lines is None else lines:
            typed = len(terminal.raw)
            terminal.type(f"{line}\r")
            terminal.wait_for_raw(ready, start=typed)
        terminal.type("exit 0\r")
        terminal.exit_code()
        return terminal.text(), bytes(terminal.raw)


ZSH = Shell(
    "zsh",
    ".zshrc",
    f"PROMPT='{PROMPT} '; HISTFILE=\n",
    rb"\x1b\[\?2004h",
    [
        "n=0",
        "(exit 7)",
        "echo $? $_",
        "printf unfinished",
        "true a b | false; echo $pipestatus",
        " echo blank",
        "",
        "for each in 1 2",
        "do echo $each",
        "done",
        "echo secret",
        "fc -l -2",
        "unset precmd_functions 2>&-",
        "echo $n",
    ],
)
ZSH_HOOKS = {
    "hooks that print": """
        precmd() { print -r -- precmd $? $pipestatus $_ }; before() { print -r -- "preexec $1 $?" }
        preexec_functions+=(before); setopt print_exit_value no_unset prompt_subst; PROMPT_EOL_MARK='%K{white} %k'
        mark() { print -r -- "mark ${PROMPT_EOL_MARK-none}" }; precmd_functions+=(mark)
    """,
    "traps": """
        trap '[[ -n $n ]] && print debug $((++n))' DEBUG; trap 'print failed' ZERR; TRAPEXIT() { print bye }
        precmd() { true }; zshaddhistory() { [[ $1 != *secret* ]] }
    """,
    "a trap behind each command": """
        unsetopt debug_before_cmd; TRAPDEBUG() { [[ -n $n ]] && print debug $((++n)) }
        export PROMPT_EOL_MARK=; PROMPT='ready> %'
        h() { [[ $1 != *secret* ]] }; zshaddhistory_functions=(h); setopt hist_ignore_space
    """,
    "a prompt that is another one while it is typed at": """
        long() { PROMPT="$? %~ ready> " }; precmd_functions=(long); RPROMPT=%?
        short() { PROMPT='> '; zle reset-prompt }; zle -N zle-line-finish short; unsetopt prompt_cr
    """,
    "other options": """
        printf() { print mine }; alias print='print -r -- mine' builtin=false typeset=false
        setopt ksh_arrays sh_word_split all_export no_clobber ignore_braces warn_create_global prompt_bang no_prompt_sp
    """,
}
FISH = Shell(
    "fish",
    ".config/fish/config.fish",
    f'set -g fish_greeting\nfunction fish_prompt; echo -n "[$status] {PROMPT} "; end\n',
    rb"\x1b\[\?2004h.*\x1b\[K\r\x1b\[\d+C",
    [
        "false | true | sh -c 'exit 3'",
        "echo $status $pipestatus",
        "printf unfinished",
        " echo blank",
        "",
        "for each in 1 2; echo $each; end",
        "functions fish_prompt",
        "set -g fish_trace 1",
        "true traced",
    ],
)
FISH_HOOKS = {
    "handlers that print": """
        function before --on-event fish_preexec; echo preexec $argv $status; end
        function after --on-event fish_postexec; echo postexec $argv $status $pipestatus; end
        function again --on-event fish_prompt; echo prompt $status; end
    """,
    "its own way": """
        fish_vi_key_bindings; function each; echo mine; end
        function fish_title; end; set -g fish_private_mode 1
    """,
}


@pytest.mark.parametrize(
    ("shell", "hooks"),
    [*((ZSH, hooks) for hooks in ZSH_HOOKS), *((FISH, hooks) for hooks in FISH_HOOKS)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_terminal_shows_the_same_wherever_the_line_stands(home: Home, shell: Shell, hooks: str) -> None:
    home.write("init", home.sesh("shell-init", shell.name).raw)
    rc = (ZSH_HOOKS if shell is ZSH else FISH_HOOKS)[hooks]
    plain, _ = shell.play(home, f"{rc}\ntrue\n")
    for start in (f". ~/init\n{rc}\ntrue\n", f"{rc}\n. ~/init\ntrue\n"):
        shown, raw = shell.play(home, start)
        assert shown == plain
        assert b"\x1b]133;" in raw, "the integration was there"


def marks(raw: bytes, letters: bytes = b"ACD") -> list[bytes]:
    """Return what the marks say, without the number of the shell's process."""
    return [
        re.sub(rb";sesh=\d+", b"", mark) for mark in re.findall(rb"\x1b\]133;([" + letters + rb"][^\x07]*)\x07", raw)
    ]


@pytest.mark.parametrize(
    ("rc", "expected"),
    [
        ("PROMPT_EOL_MARK=''; precmd() { print hook }", [b"D;3", b"A"]),
        ("unsetopt prompt_sp", [b"D;3", b"A"]),
        ("unsetopt prompt_sp; precmd() { print hook }", [b"D", b"A;code=3"]),
        ("readonly PROMPT_EOL_MARK=x", [b"D", b"A;code=3"]),
        ("trap 'print trap' DEBUG", [b"D;3", b"A"]),
        ("trap 'n=$((n + 1)); print $n >>~/log' DEBUG", [b"D;3", b"A"]),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_the_end_of_a_command_in_zsh_is_exact_or_has_no_code(
    home: Home, rc: str, expected: list[bytes], *, behind: bool
) -> None:
    home.write("init", home.sesh("shell-init", "zsh").raw)
    _, raw = ZSH.play(home, f"{rc}\n. ~/init\n" if behind else f". ~/init\n{rc}\n", ["true", "(exit 3)"])
    *_, begun, ended, prompt, last = marks(raw)
    assert [ended, prompt] == expected
    assert begun == (b"C;mixed=1" if "print trap" in rc else b"C") + b";cmdline_url=(exit 3)"
    assert last == begun.replace(b"(exit 3)", b"exit 0")


def test_a_handler_that_stands_above_in_fish_leaves_the_code(home: Home) -> None:
    home.write("init", home.sesh("shell-init", "fish").raw)
    rc = "function above --on-event fish_postexec; echo above; end\n. ~/init\n"
    assert marks(FISH.play(home, rc, ["sh -c 'exit 3'"])[1])[2:4] == [b"D", b"A;code=3"]
    assert marks(FISH.play(home, f"{rc}functions -e above", ["sh -c 'exit 3'"])[1])[2:4] == [b"D;3", b"A"]


def test_a_shell_within_zsh_that_gets_its_prompts_prints_no_marks(home: Home) -> None:
    home.write("init", home.sesh("shell-init", "zsh").raw)
    lines = ["zsh -f", "false", "exit 4"]
    _, raw = ZSH.play(home, "export PROMPT PROMPT_EOL_MARK=\n. ~/init\n", lines)
    assert marks(raw[raw.index(b"zsh -f") :], b"BD") == [b"D;4", b"B"]


def test_what_zsh_keeps_out_of_its_history_is_not_recorded(home: Home) -> None:
    home.write("init", home.sesh("shell-init", "zsh").raw)
    home.write(
        ".zshrc",
        f"""PROMPT='{PROMPT} '; HISTFILE=
        setopt hist_ignore_space hist_no_store hist_no_functions hist_ignore_dups; alias quiet=' echo quiet'
        zshaddhistory() {{ [[ $1 != *first* ]] }}; other() {{ [[ $1 != *second* ]] }}; zshaddhistory_functions=(other)
        TRAPDEBUG() {{ n=$((n + 1)) }}; TRAPEXIT() {{ echo bye >>~/bye }}
        . ~/init
        """,
    )
    home.env["SHELL"] = need("zsh")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    kept = ["echo one", "echo one", "echo two | cat", "true"]
    for line in [
        "echo one",
        "echo first",
        "echo one",
        "echo second",
        "fc -l",
        "f() { }",
        "quiet",
        " echo four",
        *kept[2:],
    ]:
        typed = len(terminal.raw)
        terminal.type(f"{line}\r")
        terminal.wait_for_raw(b"\x1b[?2004h", start=typed)
    wait_until(lambda: history(home)[-1:] and history(home)[-1]["command"] == ["true"], "the last one is recorded")
    assert [row["command"] for row in history(home)] == [[each] for each in kept]
    terminal.type("exit\r")
    terminal.exit_code()
    assert Path(home.path, "bye").read_text() == "bye\n", "no trap ran in a subshell of ours"


def test_the_output_of_zsh_is_exact_whatever_stands_behind_an_unfinished_line(home: Home, sesh: Sesh) -> None:
    home.write("init", home.sesh("shell-init", "zsh").raw)
    hooks = """
        precmd() { print hook }; before() { print hook }
        late() { preexec_functions=(${preexec_functions:#before} before) }; precmd_functions=(late)
    """
    home.write(".zshrc", f"{ZSH.basis}. ~/init\n{hooks}\n")
    home.env["SHELL"] = need("zsh")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    changes = ["PROMPT_EOL_MARK=''", "PROMPT_EOL_MARK='⏎'", "PROMPT_EOL_MARK='%K{white} %k'", "unset PROMPT_EOL_MARK"]
    for number, change in enumerate(changes, 1):
        for line in (change, "printf unfinished"):
            typed = len(terminal.raw)
            terminal.type(f"{line}\r")
            terminal.wait_for_raw(b"\x1b[?2004h", start=typed)
        wait_until(lambda number=number: len(history(home)) == 2 * number, "the history has both commands")  # type: ignore[misc]
        assert sesh("history", "work", str(2 * number)).stdout == "unfinished"


def test_what_fish_keeps_out_of_its_history_is_not_recorded(home: Home, sesh: Sesh) -> None:
    home.write("init", home.sesh("shell-init", "fish").raw)
    home.write(FISH.file, f"{FISH.basis}. ~/init\n")
    home.env["SHELL"] = need("fish")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    lines = [
        "echo one",
        " echo two",
        "set -g fish_private_mode 1",
        "echo three",
        "set -e fish_private_mode",
        "printf four",
    ]
    for line in lines:
        typed = len(terminal.raw)
        terminal.type(f"{line}\r")
        terminal.wait_for_raw(re.compile(FISH.ready, re.DOTALL), start=typed)
    wait_until(
        lambda: history(home)[-1:] and history(home)[-1]["command"] == ["printf four"], "the last one is recorded"
    )
    assert [row["command"] for row in history(home)] == [["echo one"], ["set -g fish_private_mode 1"], ["printf four"]]
    assert sesh("history", "work", "3").stdout == "four"
