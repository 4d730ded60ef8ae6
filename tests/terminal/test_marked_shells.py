"""What is known of commands beside other integrations, in shells within shells, and where marks are missing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from sesh.daemon.pty.syscalls import Call, call_of
from tests.support import PROMPT, Home, Sesh, Terminal, need, wait_until
from tests.terminal.looking import history

BASH = f"PS1='{PROMPT}'; HISTFILE=\n"
LINE = ". ~/init\n"
SECOND = r"""
PS0='\e]133;C\a\e]633;C\a'"${PS0-}"
PROMPT_COMMAND=("printf '\e]133;D;%s\a\e]633;D\a\e]133;A\a' \"\$?\"" "${PROMPT_COMMAND[@]}")
"""
"""Other integrations, as those of iTerm2 and VS Code: marks without a command's text."""


@pytest.fixture
def bash(home: Home) -> Home:
    """A home whose shell is bash, with sesh's line in a file."""
    home.write("init", home.sesh("shell-init", "bash").raw)
    home.env["SHELL"] = need("bash")
    return home


def begun(home: Home, before: str = "", after: str = "") -> Terminal:
    """Open a session in a terminal; bash reads sesh's line between `before` and `after`."""
    home.write(".bashrc", BASH + before + LINE + after)
    terminal = home.terminal("work")
    at_prompt(home, terminal)
    return terminal


def at_prompt(home: Home, terminal: Terminal) -> None:
    def reads() -> bool:
        shown = [row for row in terminal.screen() if row.strip()]
        facts = home.summary("work")
        return bool(shown) and shown[-1].strip() == PROMPT.strip() and facts["activity"]["why"] == "prompt"

    terminal.wait_until(reads, "a shell is at its prompt, says the screen, and so says sesh")


def entered(home: Home, terminal: Terminal, lines: Sequence[str]) -> None:
    """Enter lines, each at a prompt; their output must not be mistaken for one."""
    for line in lines:
        terminal.type(f"{line}\r")
        terminal.wait_for(f"{line}\n")
        at_prompt(home, terminal)


def commands(home: Home) -> list[tuple[str, int | None, int | None]]:
    """Return text, code and length of the output of each command."""
    return [(row["command"][0], row["exit_code"], row["output_bytes"]) for row in history(home)]


def lacks(home: Home) -> list[str]:
    return list(home.summary("work")["integration"]["missing"])


def test_an_output_of_which_the_log_keeps_the_end_alone_is_told_as_its_end(home: Home, bash: Home) -> None:
    home.write(".bashrc", BASH + LINE)
    home.sesh("open", "work")
    home.sesh("wait", "work", "--prompt")
    home.sesh("send", "work", "seq 200000; read; echo end", "--enter")
    wait_until(lambda: home.summary("work")["activity"]["why"] == "tty-read", "all of it is drawn")
    home.sesh("send", "work", "", "--enter")
    wait_until(lambda: history(home), "the command has ended")
    assert commands(home) == [("seq 200000; read; echo end", 0, None)]
    shown = home.sesh("history", "work", "1")
    assert shown.stdout.endswith("\n199999\n200000\n\nend\n")
    assert "\n100\n" not in shown.stdout
    assert re.search(r"only the last [0-9,.]+ KiB of the output were kept", shown.stderr)
    assert home.sesh("history", "work", "1", "--json").json()["truncated"] is True


@pytest.mark.parametrize(("before", "after"), [(SECOND, ""), ("", SECOND)])
def test_another_integration_drops_and_doubles_nothing(home: Home, bash: Home, before: str, after: str) -> None:
    terminal = begun(home, before, after)
    listener = home.start("events", "work", "--from", "0", "--json")
    entered(home, terminal, ["echo one", "(exit 3)", "echo two"])
    wait_until(lambda: len(history(home)) == 3, "three commands are known")
    assert [command[:2] for command in commands(home)] == [("echo one", 0), ("(exit 3)", 3), ("echo two", 0)]
    assert {row["output_bytes"] for row in history(home)} <= {0, 4, None}, "its output, or none"
    home.sesh("kill", "work")
    told = [json.loads(line) for line in listener.communicate(timeout=60)[0].splitlines()]
    of_commands = [event["event"] for event in told if event["event"].startswith("command_")]
    assert of_commands == ["command_started", "command_ended"] * 3


def test_an_assignment_below_the_line_leaves_an_idle_prompt_and_exact_commands(
    sesh: Sesh, home: Home, bash: Home
) -> None:
    terminal = begun(home, after="PROMPT_COMMAND='history -a'\n")
    entered(home, terminal, ["echo one", "(exit 3)"])
    wait_until(lambda: len(history(home)) == 2, "two commands are known")
    assert [(text, size) for text, _, size in commands(home)] == [("echo one", None), ("(exit 3)", None)]
    assert {code for _, code, _ in commands(home)} <= {0, 3, None}
    refused = sesh("history", "work", "1")
    assert (refused.code, refused.stdout) == (1, "")
    assert "output of command 1 is not known" in refused.stderr
    assert lacks(home) == ["not-first"]
    assert "not whole: another hook runs first" in sesh("status", "work").stdout
    found = [row for row in sesh("doctor", "--json").json()["checks"] if row["check"] == "integration"]
    assert [(row["state"], row["message"].partition(":")[0]) for row in found] == [("warning", "work")]


@pytest.mark.parametrize(
    ("after", "why", "look"),
    [
        (
            "trap '[[ $BASH_COMMAND != echo* ]] || printf trap' DEBUG\n",
            "a hook, a trap or the shell itself",
            "logs work",
        ),
        ('PROMPT_COMMAND=(true "${PROMPT_COMMAND[@]}")\n', "did not say exactly where it ends", "doctor"),
    ],
)
def test_an_output_that_is_not_known_has_its_reason(home: Home, bash: Home, after: str, why: str, look: str) -> None:
    """The history sent everybody to `doctor`, which had nothing to say of a trap."""
    entered(home, begun(home, after=after), ["echo one"])
    wait_until(lambda: history(home), "the command has ended")
    assert [size for *_, size in commands(home)] == [None]
    assert bool(lacks(home)) == (look == "doctor")
    shown = home.sesh("history", "work", "1")
    assert (shown.code, shown.stdout) == (1, "")
    assert why in shown.stderr
    assert look in shown.stderr


@pytest.mark.parametrize(
    ("after", "missing", "texts"),
    [
        (f"PS1='{PROMPT}'; PROMPT_COMMAND+=('history -a')\n", ["no-number"], []),
        (f"PS1='{PROMPT}'\n", [], ["echo one", "echo two"]),
        ("PROMPT_COMMAND+=('history -a')\n", [], ["echo one", "echo two"]),
    ],
)
def test_a_prompt_that_does_not_say_which_command_comes_next_is_told(
    home: Home, bash: Home, after: str, missing: list[str], texts: list[str]
) -> None:
    entered(home, begun(home, after=after), ["echo one", "echo two"])
    assert lacks(home) == missing
    assert [text for text, *_ in commands(home)] == texts


def test_a_mark_c_alone_is_no_evidence(sesh: Sesh, home: Home, bash: Home) -> None:
    """PS0 stood, what marks the end was gone, and each prompt waited for a person for ever."""
    terminal = begun(home, after=f"PROMPT_COMMAND=(:); PS1='{PROMPT}'\n")
    entered(home, terminal, ["echo one", "true"])
    assert lacks(home) == ["replaced"]
    assert sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    assert sesh("status", "work", "--json").json()["activity"]["why"] == "prompt"


def test_programs_and_commands_that_edit_a_line_are_no_prompt(home: Home, bash: Home) -> None:
    terminal = begun(home, after="ask() { read -re -p 'what? ' word; echo \"<$word>\"; return 4; }\n")
    terminal.type("ask\r")
    terminal.wait_for("what?")
    terminal.type("it\r")
    terminal.wait_for("<it>")
    at_prompt(home, terminal)
    terminal.type("python3 -q\r")
    terminal.wait_for(">>>")
    terminal.type("print(6 * 7)\r")
    terminal.wait_for("\n42\n>>>")
    assert len(history(home)) == 1
    terminal.type("exit(5)\r")
    at_prompt(home, terminal)
    wait_until(lambda: len(history(home)) == 2, "two commands are known")
    assert [command[:2] for command in commands(home)] == [("ask", 4), ("python3 -q", 5)]
    assert None not in [size for _, _, size in commands(home)]
    assert lacks(home) == []


def test_each_shell_within_a_shell_has_its_own_commands(home: Home, bash: Home) -> None:
    terminal = begun(home)
    entered(home, terminal, ["bash", "echo within"])
    terminal.type("exit 3\r")
    wait_until(lambda: any(text == "bash" for text, *_ in commands(home)), "the inner shell has ended")
    at_prompt(home, terminal)
    terminal.type(f"PS1='{PROMPT}' bash --norc\r")
    at_prompt(home, terminal)
    entered(home, terminal, ["echo unmarked"])
    terminal.type("exit 4\r")
    wait_until(lambda: len(history(home)) == 4, "four commands are known")
    assert [command[:2] for command in commands(home)] == [
        ("bash", 3),
        ("echo within", 0),
        ("exit 3", None),
        (f"PS1='{PROMPT}' bash --norc", 4),
    ]
    assert lacks(home) == []


def test_what_is_typed_ahead_is_whole_in_each_shell(home: Home, bash: Home) -> None:
    """When the daemon reads the marks of one command, the next one or another shell may be in the foreground."""
    terminal = begun(home)
    within, without = [[f"sh -c 'echo {code}; exit {code}'" for code in codes] for codes in (range(9), range(10, 19))]
    terminal.type("".join(f"{line}\r" for line in ["bash", *within, "exit 99", *without, "true"]))
    wait_until(lambda: commands(home)[-1:] == [("true", 0, 0)], "the last command is known")
    bash_, *inner, leaves = commands(home)[:11]
    assert (bash_[:2], leaves[:2]) == (("bash", 99), ("exit 99", None))
    assert inner == [(line, code, 2) for code, line in enumerate(within)]
    assert commands(home)[11:-1] == [(line, code, 3) for code, line in enumerate(without, 10)]


def test_a_shell_in_the_place_of_another_is_at_its_prompt(home: Home, bash: Home) -> None:
    terminal = begun(home)
    entered(home, terminal, ["exec bash", "echo one"])
    entered(home, terminal, [f"PS1='{PROMPT}' exec bash --norc", "echo two"])
    assert [command[:2] for command in commands(home)][:2] == [("exec bash", None), ("echo one", 0)]


def test_a_prompt_that_is_left_is_no_command(home: Home, bash: Home) -> None:
    """By Enter alone or Ctrl-C; what a stopped program reads on belongs to `fg`."""
    terminal = begun(home)
    terminal.type("\r")
    terminal.wait_for(f"{PROMPT}\n{PROMPT}")
    at_prompt(home, terminal)  # else the terminal echoes what comes, and Ctrl-C ends a prompt that is not drawn yet
    terminal.type("half a line")
    terminal.wait_for("half a line")
    # Ctrl-C that comes before bash sleeps again has no effect until the next key.
    wait_until(lambda: call_of(f"/proc/{home.summary('work')['pid']}")[0] is not Call.OTHER, "bash sleeps")
    terminal.type("\x03")
    terminal.wait_for("^C\n")
    at_prompt(home, terminal)
    entered(home, terminal, ["(exit 3)"])
    terminal.type("cat\r")
    wait_until(lambda: home.summary("work")["activity"]["why"] == "tty-read", "cat reads")
    terminal.type("\x1a")
    at_prompt(home, terminal)
    terminal.type("fg\r")
    wait_until(lambda: home.summary("work")["activity"]["why"] == "tty-read", "cat reads on")
    terminal.type("\x04")
    terminal.wait_until(lambda: len(history(home)) == 3, "three commands are known")
    assert [command[:2] for command in commands(home)] == [("(exit 3)", 3), ("cat", 148), ("fg", 0)]


def test_a_command_is_whole_though_the_session_is_reloaded_meanwhile(sesh: Sesh, home: Home, bash: Home) -> None:
    terminal = begun(home)
    terminal.type("echo one; read word; (exit 6)\r")
    wait_until(lambda: home.summary("work")["activity"]["why"] == "tty-read", "read reads")
    assert sesh("reload", "work").code == 0
    assert home.summary("work")["activity"]["why"] == "tty-read", "it is no prompt"
    terminal.type("it\r")
    wait_until(lambda: len(history(home)) == 1, "the command is known")
    assert commands(home)[0][:2] == ("echo one; read word; (exit 6)", 6)
    assert sesh("history", "work", "1").stdout == "one\nit\n"
    assert home.summary("work")["integration"] == {"shell": "bash", "missing": []}
