"""The integration of bash beside hooks, traps, options and themes: nothing is disturbed, and the history is exact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import PROMPT, Home, Sesh, Terminal, need, wait_until
from tests.terminal.looking import history

BASIS = f"PS1='{PROMPT} '; PROMPT_COMMAND=; unset PROMPT_COMMAND; HISTFILE=~/recorded\n"
LINE = 'eval "$(cat ~/init)"\n'
READY = b"\x1b[?2004h"  # readline edits a line
OURS = re.compile(rb"\x1b\](?:133;[A-DO](?:;\d+)?;sesh=\d+|7373;integration)[^\x07]*\x07")
NUMBERS = re.compile(rb";sesh=\d+")
LINES = (
    "begun=1",
    "false | true | (exit 3)",
    'echo "$? ${PIPESTATUS[*]} $_"',
    "true a b",
    "echo $_",
    " echo blank",
    "echo twice",
    "echo twice",
    "for each in 1 2",
    "do echo $each",
    "done",
    "ls -d /",
    "",
    "# a comment",
    "printf unfinished",
    "(kill -STOP $BASHPID)",
    "fg",
    "(kill -STOP $BASHPID)",
    "{ declare -p; set -o; shopt; alias; trap -p; declare -F; } >~/state",
    "history",
    "exit",
)
CHANGE = r"""
BASHPID BASH_ARGC BASH_ARGV BASH_COMMAND BASH_LINENO BASH_SOURCE EPOCHREALTIME EPOCHSECONDS HISTCMD LINENO PPID RANDOM
SECONDS SRANDOM _ PROMPT_COMMAND PS0 PS1 precmd_functions preexec_functions __sesh.* sesh-.*
"""
"""Variables and functions that two plain shells have differently, and those of the integration, as patterns."""


class Played(NamedTuple):
    raw: bytes  # without the marks of the integration
    state: list[str]
    recorded: str  # the history file


def at_prompt(terminal: Terminal, lines: Sequence[str]) -> None:
    """Type lines, each when the line editor is on."""
    for line in lines:
        typed = len(terminal.raw)
        terminal.type(f"{line}\r")
        terminal.wait_for_raw(READY, start=typed)


def begun(home: Home, rc: str, *words: str) -> Terminal:
    """Start bash in a terminal, without sesh, as in a session."""
    home.write(".bashrc", BASIS + rc)
    terminal = home.terminal(command=[need("bash"), *words], env={"SESH_ENV_FILE": f"{home.path}/newer"})
    terminal.wait_for_raw(READY)
    return terminal


def play(home: Home, rc: str) -> Played:
    terminal = begun(home, rc)
    at_prompt(terminal, LINES)  # the last one only warns of the stopped job
    terminal.type("exit\r")
    terminal.exit_code()
    state = Path(home.path, "state")
    rows = state.read_text().splitlines()
    state.unlink()
    left_out = re.compile(rf"declare -\S+ (?:{'|'.join(CHANGE.split())})(?:=.*)?|PIPESTATUS.*")
    recorded = Path(home.path, "recorded")
    text = recorded.read_text() if recorded.exists() else ""
    recorded.unlink(missing_ok=True)
    return Played(OURS.sub(b"", bytes(terminal.raw)), [row for row in rows if not left_out.fullmatch(row)], text)


INSTALLER = """
    bash_preexec_imported=defined
    arm() { armed=1; }
    seen() { [[ -z $armed ]] || { armed=; echo "<$BASH_COMMAND>"; }; }
    hook() { echo "hook $?"; }; precmd_functions+=(hook)
    run_precmd() { local code=$? each; for each in ${precmd_functions[@]}; do (exit $code); $each; done; }
    install() {
        [[ $PROMPT_COMMAND != *run_precmd* ]] || return
        PROMPT_COMMAND=${PROMPT_COMMAND/trap - DEBUG/run_precmd}; PROMPT_COMMAND=${PROMPT_COMMAND/install/arm}
        trap seen DEBUG; run_precmd; arm
    }
    PROMPT_COMMAND+=${PROMPT_COMMAND:+$'\\n'}$'trap - DEBUG\\ninstall'
"""
"""As bash-preexec: what goes into PROMPT_COMMAND at the first prompt has to be the first and the last there."""
PREEXEC = (
    INSTALLER.replace("echo", "run_preexec #", 1).replace("; }; }\n", "\n}; }\n", 1)
    + """
    run_preexec() { local each; for each in "${preexec_functions[@]}"; do "$each"; done; }
    before() { echo before; }; preexec_functions+=(before)
"""
)
SETUPS = {
    "nothing": "",
    "a hook": "PROMPT_COMMAND='echo \"$? $_\"'",
    "hooks that read all": """
        h() { echo "$? ${PIPESTATUS[*]} $_"; }; PROMPT_COMMAND=(h 'echo "$? ${PIPESTATUS[*]} $_"')
    """,
    "an installer": INSTALLER,
    "an installer that runs preexec_functions": PREEXEC,
    "a trap that has to be armed last": """
        arm() { armed=1; }; seen() { [[ -z $armed ]] || { armed=; echo "<$BASH_COMMAND>"; }; }
        PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND; }arm; trap seen DEBUG
    """,
    "a timer": """
        start() { timer=${timer:-$HISTCMD}; }; stop() { took=$timer; unset timer; }; trap start DEBUG
        PROMPT_COMMAND="stop${PROMPT_COMMAND:+; $PROMPT_COMMAND}"; PS1='[$took] ready> '
    """,
    "traps": """
        set -E; trap 'echo "failed $?: $BASH_COMMAND"' ERR; trap 'echo bye' EXIT; PROMPT_COMMAND='false; true'
    """,
    "functrace": "set -T; PROMPT_COMMAND=:; trap '[[ -z $begun ]] || echo \"debug $BASH_COMMAND\"' DEBUG",
    "a theme": """
        theme() { local code=$? each=${PIPESTATUS[*]}; PS1="$code $each \\$ "; }; PROMPT_COMMAND=theme
        PS0='$? $_ '; PS2='+ '
    """,
    "vi": "set -o vi; bind 'set show-mode-in-prompt on'; PS1='two\\nlines $? $(echo $?)> '; PS2=",
    "strict": """
        set -u; set -o posix; set -o noclobber; shopt -s nocasematch failglob; IFS=sesh_; HISTCONTROL=ignoreboth
    """,
    "names": """
        alias local=x printf=x builtin=x trap=x exit='echo no' history=x declare=x read=x set='echo no' export=x unset=x
        \\unalias exit history declare set trap; x() { echo mine; }; shopt() { echo mine; }; set -a
    """,
    "no history": "set +o history; PROMPT_COMMAND='PROMPT_COMMAND=echo'",
    "promptvars": "shopt -u promptvars; PS1='$ ' PS0='$? '; PROMPT_COMMAND='history -a'",
    "readonly": "PROMPT_COMMAND='echo $?'; readonly PROMPT_COMMAND",
    "readonly prompts": "readonly PS0 PS1",
}


@pytest.mark.parametrize("name", SETUPS)
def test_bash_prints_knows_and_records_the_same_wherever_the_line_stands(home: Home, name: str) -> None:
    home.write("init", home.sesh("shell-init", "bash").raw)
    lines = f"{SETUPS[name]}\n"
    plain = play(home, f"{lines}true\n")
    assert play(home, f"{LINE}{lines}true\n") == plain
    assert play(home, f"{lines}{LINE}true\n") == plain


def test_a_long_line_is_edited_at_its_place(home: Home) -> None:
    home.write("init", home.sesh("shell-init", "bash").raw)
    terminal = begun(home, f"PS1='\\[\\e[1;32m\\]me\\[\\e[0m\\]:\\[\\e[34m\\]{PROMPT}\\[\\e[0m\\] '\n{LINE}")
    long = "x" * 200
    for keys, text, at in (
        (f"{long}yz", f"{long}yz", 202),
        ("\x01w", f"w{long}yz", 1),
        ("\x05\x7f\x7f", f"w{long}", 201),
        ("\x0cend", f"w{long}end", 204),
        ("\x15\x10", "", 0),
    ):
        terminal.type(keys)
        shown = f"me:{PROMPT} {text}"
        rows = [shown[start : start + 80].rstrip() for start in range(0, len(shown), 80)]
        cursor = divmod(len(shown) - len(text) + at, 80)
        terminal.wait_until(
            lambda rows=rows, cursor=cursor: (terminal.screen()[: len(rows)], terminal.cursor) == (rows, cursor),  # type: ignore[misc]
            f"{rows} with the cursor at {cursor}",
        )


def marks(raw: bytes) -> list[str]:
    """Return what the marks say, without the number of the shell's process."""
    found = re.findall(rb"\x1b\](?:133;([ABCD][^\x07]*)|7373;(integration[^\x07]*);\d+)\x07", raw)
    return [NUMBERS.sub(b"", mark or announced).decode().rstrip(";") for mark, announced in found]


@pytest.mark.parametrize(
    ("rc", "line", "expected"),
    [
        ("shopt -u promptvars", LINE, ["integration;bash;promptvars"]),
        ("readonly PS1", LINE, ["integration;bash;readonly"]),
        ("old=(4 3)", LINE.replace("cat", "sed s/BASH_VERSINFO/old/"), ["integration;bash;old-shell"]),
        (
            "old=(5 0)",
            LINE.replace("cat", "sed s/BASH_VERSINFO/old/"),
            ["integration;bash;", "D;0", "A;h=1", "A;h=1", "B"],
        ),
        ("readonly PROMPT_COMMAND", LINE, ["integration;bash;readonly", "D", "A;h=1;code=0", "B"]),
    ],
)
def test_bash_says_what_is_missing_and_prints_no_marks_that_say_too_little(
    home: Home, rc: str, line: str, expected: list[str]
) -> None:
    home.write("init", home.sesh("shell-init", "bash").raw)
    terminal = begun(home, f"unset HISTFILE\n{rc}\n{line}")
    terminal.wait_for(PROMPT)
    expected = [each.rstrip(";") for each in expected]
    assert marks(bytes(terminal.raw)) == expected
    at_prompt(terminal, ["(exit 3)"])
    terminal.type("#")
    terminal.wait_for("#")
    after = [each.replace("=1", "=2").replace("0", "3") for each in dict.fromkeys(expected[1:])]
    assert marks(bytes(terminal.raw))[len(expected) :] == (["C;h=1;cmdline_url=(exit 3)", *after] if after else [])


def test_a_trap_sees_what_a_login_renews_once(home: Home) -> None:
    home.write("init", home.sesh("shell-init", "bash").raw)
    trap = "trap 'echo \"$BASH_COMMAND\" >>~/seen' DEBUG\n"
    terminal = begun(home, f"PROMPT_COMMAND=('h=$?')\n{LINE}set -x\n{trap}")
    at_prompt(terminal, ["n=1"])
    home.write("newer", "MY_TICKET=of mine\nDISPLAY=:7\n")
    at_prompt(terminal, ["false", 'echo "$h $MY_TICKET $DISPLAY"'])
    home.write("newer", "DISPLAY=\n")
    at_prompt(terminal, ["", "", 'echo "none${DISPLAY-}none"'])
    rows = terminal.text().splitlines()
    assert "1 of mine :7" in rows
    assert "nonenone" in rows
    assert "__sesh" not in terminal.text(), "a trace shows nothing of it"
    seen = Path(home.path, "seen").read_text().splitlines()
    assert [each for each in seen if "sesh" in each] == ["__sesh_renew"] * 2


MANY = ["echo one", "(exit 3)", " echo blank", "pass word", "(exit 3)", "for each in 1 2; do echo $each; done"]
EXACT = [("echo one", 0, "one\n"), ("(exit 3)", 3, ""), (MANY[-1], 0, "1\n2\n")]
NO_OUTPUT = [(text, code, None) for text, code, _ in EXACT]


@pytest.mark.parametrize(
    ("above", "below", "lines", "expected"),
    [
        ("theme() { PS1='ready> '; }; PROMPT_COMMAND='theme; echo hook'", "", MANY, EXACT),
        (INSTALLER, "", MANY, NO_OUTPUT),  # its trap prints
        (PREEXEC, "", MANY, EXACT),
        (INSTALLER.replace("echo", "last+=", 1) + "PROMPT_COMMAND+=$'\\nhistory -a'", "", MANY, EXACT),
        (
            "",
            'PROMPT_COMMAND="echo hook; $PROMPT_COMMAND"',
            MANY,
            NO_OUTPUT,
        ),
        (r"PS0='\e]0;running\a'", "", MANY, EXACT),
        ("", r"PS0+='\e]0;running\a'", MANY, NO_OUTPUT),
        (
            "title() { printf '\\e]0;%s\\a' \"$BASH_COMMAND\"; }; trap title DEBUG",
            "",
            MANY,
            NO_OUTPUT,
        ),
        ("readonly PROMPT_COMMAND", "", MANY, NO_OUTPUT),
        (
            "shopt -s lithist; HISTTIMEFORMAT='%F '",
            "",
            ["echo 'a", "b'", "echo"],
            [("echo 'a\nb'", 0, "a\nb\n"), ("echo", 0, "\n")],
        ),
        ("shopt -u cmdhist", "", ["echo 'a", "b'", "echo"], [("echo", 0, "\n")]),
        ("", "shopt -u promptvars", ["echo one", "shopt -s promptvars", "echo two"], [("echo two", 0, "two\n")]),
        ("HISTSIZE=0", "", ["echo one"], []),
        ("", "theme() { PS1='ready> '; }; PROMPT_COMMAND+=(theme 'history -s one')", [" echo two", "echo three"], []),
    ],
)
def test_the_history_is_exact_or_silent(
    home: Home, sesh: Sesh, above: str, below: str, lines: list[str], expected: list[tuple[str, int, str | None]]
) -> None:
    home.write("init", home.sesh("shell-init", "bash").raw)
    basis = f"{BASIS}HISTCONTROL=ignoreboth; HISTIGNORE='pass *'; PROMPT_COMMAND=\n"
    home.write(".bashrc", f"{basis}{above}\n{LINE}{below}\n")
    home.env["SHELL"] = need("bash")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    at_prompt(terminal, [*lines, ": the last"])
    wait_until(lambda: home.summary("work")["activity"]["why"] == "prompt", "the shell is at its prompt")
    rows = [row for row in history(home) if row["command"] != [": the last"]]
    found: list[tuple[str, int, str | None]] = []
    for row in rows:
        output = sesh("history", "work", str(row["n"]))
        found.append((row["command"][0], row["exit_code"], output.stdout if output.code == 0 else None))
    assert found == expected
