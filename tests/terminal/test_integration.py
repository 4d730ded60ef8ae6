"""`shell-init`: the shell reports its commands, and takes over changes of the environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import PROMPT, Home, Sesh, Terminal, need, wait_until
from tests.terminal.looking import history

BASH = """
PS1='ready> '; HISTFILE=
PROMPT_COMMAND='before=$?; [ "$before" = 0 ] || echo "code $before"'
. ~/init; . ~/init
"""
ZSH = """
PROMPT='ready> '; HISTFILE=
precmd() { local before=$?; [ $before = 0 ] || echo "code $before" }
. ~/init; . ~/init
"""
FISH = """
set -g fish_greeting
function fish_prompt; set -l before $status; test $before = 0; or echo "code $before"; echo -n 'ready> '; end
source ~/init; source ~/init
"""
FILES = {"bash": (".bashrc", BASH), "zsh": (".zshrc", ZSH), "fish": (".config/fish/config.fish", FISH)}


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, home: Home) -> str:
    """Each shell in turn, with the integration."""
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(f"no {request.param}")
    integrated(home, request.param)
    home.env["SHELL"] = path
    return str(request.param)


def integrated(home: Home, shell: str, before: str = "") -> None:
    """Write a start file that loads the integration twice, from a file to save time."""
    home.write("init", home.sesh("shell-init", shell).raw)
    file, source = FILES[shell]
    home.write(file, before + source)


def typed(terminal: Terminal, home: Home, lines: Sequence[str], before: int = 0) -> None:
    """Type lines, each when the shell reads, because the terminal would echo it earlier."""
    for number, line in enumerate(lines, before + 1):
        terminal.type(f"{line}\r")
        wait_until(lambda number=number: len(history(home)) >= number, f"the history has {number} commands")  # type: ignore[misc]
        wait_until(lambda: not home.summary("work")["modes"]["canonical"], "the shell edits its line")


def test_what_is_typed_is_in_the_history_with_its_output_and_code(sesh: Sesh, home: Home, shell: str) -> None:
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    typed(terminal, home, ["echo one; echo 'semi;colon 50% ü'", "sh -c 'exit 3'", "cd /usr", "printf unfinished"])
    terminal.wait_for("code 3")
    rows = history(home)
    assert [row["command"] for row in rows] == [
        ["echo one; echo 'semi;colon 50% ü'"],
        ["sh -c 'exit 3'"],
        ["cd /usr"],
        ["printf unfinished"],
    ]
    assert [row["exit_code"] for row in rows] == [0, 3, 0, 0]
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert rows[3]["cwd"] == "/usr"
    assert sesh("history", "work", "1").stdout == "one\nsemi;colon 50% ü\n"
    assert sesh("history", "work", "4").stdout == "unfinished"
    terminal.type(" echo secret\r")
    terminal.wait_for("secret\n")
    typed(terminal, home, ["echo last"], 4)
    commands = history(home)
    assert len(commands) == 5, "what begins with a blank is not kept"
    assert "secret" not in str(commands)
    terminal.type("read -s word\r" if shell == "fish" else "stty -echo; printf 'pass%s' word; read w\r")
    terminal.wait_for("read>" if shell == "fish" else "password")
    terminal.type("hunter2\r")
    wait_until(lambda: len(history(home)) == 6, "the history has 6 commands")
    seen = sesh("history", "work", "--json").stdout + sesh("logs", "work").stdout
    assert "hunter2" not in seen, "what is typed unseen is kept nowhere"
    terminal.type("exit\r")
    terminal.exit_code()


def test_commands_that_are_run_stay_exact_and_stand_there_once(sesh: Sesh, home: Home, shell: str) -> None:
    sesh("open", "work")
    listener = home.start("events", "work", "--from", "0", "--json")
    for words, output, code in (
        (["printf 'a\\nb'"], "a\nb", 0),
        (["echo", "two  words"], "two  words\n", 0),
        (["sh -c 'echo out; exit 5'"], "out\n", 5),
    ):
        done = sesh("run", "work", "--ansi", "--", *words)
        assert (done.stdout, done.code) == (output, code), done.stderr
    sesh("send", "work", "echo typed", "--enter")
    wait_until(lambda: len(history(home)) == 4, "the history has 4 commands")
    rows = history(home)
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["command"] == ["echo typed"]
    assert [row["exit_code"] for row in rows] == [0, 0, 5, 0]
    assert sesh("run", "work", "--", "echo after").stdout == "after\n"
    sesh("kill", "work")
    events = [json.loads(line) for line in listener.communicate(timeout=30)[0].splitlines()]
    # The shell's own marks, if read together with the end of a short command, must not report that end twice.
    assert [event["exit_code"] for event in events if event["event"] == "command_ended"] == [0, 0, 5, 0, 0]


def test_no_mark_of_a_command_that_is_run_names_the_one_before(sesh: Sesh, home: Home) -> None:
    """Commands that bash keeps out of its history must not be reported as earlier ones."""
    integrated(home, "bash", "HISTCONTROL=ignoreboth\n")
    home.env["SHELL"] = shutil.which("bash") or ""
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    typed(terminal, home, ["echo one"])
    terminal.type(" echo topsecret\r")
    terminal.wait_for("\ntopsecret")
    assert sesh("run", "work", "--", "echo", "two").stdout == "two\n"
    typed(terminal, home, ["echo three"], 2)
    terminal.wait_until(lambda: "three" in terminal.screen(), "the terminal shows the output 'three'")
    named = [re.findall(rb"cmdline_url=([^;]*)", mark) for mark in re.findall(rb"\x1b\]133;C([^\x07]*)", terminal.raw)]
    assert named == [[b"echo one"], [], [], [b"echo three"]]
    assert [row["command"] for row in history(home)] == [["echo one"], ["echo", "two"], ["echo three"]]


def test_a_shell_takes_over_the_display_an_agent_and_the_new_name_before_its_next_prompt(
    sesh: Sesh, home: Home, shell: str, tmp_path: Path
) -> None:
    """Without an ssh agent SSH_AUTH_SOCK stays unset, so that the shell can start one."""
    sesh("open", "work", env={"DISPLAY": ":1", "SESH_SESSION": "play"})  # from inside a session of the later name
    assert sesh("run", "work", "--", 'echo "agent=$SSH_AUTH_SOCK="').stdout == "agent==\n"
    assert not [entry for entry in os.listdir(home.directory) if entry.startswith(".env.")], "nothing has changed yet"
    agent = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(agent)
        home.write(".config/sesh/config.toml", 'renew = ["MY_TICKET"]\n')
        bringing = {"DISPLAY": ":2", "XAUTHORITY": "/run/cookie", "MY_TICKET": "of mine", "SSH_AUTH_SOCK": agent}
        second = home.terminal("work", env=bringing)
        second.wait_for(PROMPT)
        sesh("rename", "work", "play")
        second.type("\r")
        second.type("echo $DISPLAY,$XAUTHORITY,$MY_TICKET,$SESH_SESSION; readlink $SSH_AUTH_SOCK | tr a-z A-Z\r")
        second.wait_for(":2,/run/cookie,of mine,play")
        second.wait_for(agent.upper())
        second.type(b"\x1c")
        assert second.exit_code() == 0
    third = home.terminal("play", env={"DISPLAY": None})
    third.wait_for(":2,")
    third.type("\r")
    third.type("echo none${DISPLAY}none\r" if shell != "fish" else 'set -q DISPLAY; or echo none"none"\r')
    third.wait_for("none" * 2)
    third.type("exit\r")
    third.exit_code()
    assert not [entry for entry in os.listdir(home.directory) if entry.startswith(".env.")]


def test_a_display_that_is_gone_is_unset_also_after_a_client_that_has_brought_only_its_agent(
    sesh: Sesh, home: Home, shell: str, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "agent"))
        creator = {"DISPLAY": ":1", "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        sesh("open", "work", env=creator)
        first = home.terminal("work", env=creator)
        first.wait_for(PROMPT)
        first.type(b"\x1c")
        assert first.exit_code() == 0
    second = home.terminal("work", env={"DISPLAY": None})
    second.wait_for(PROMPT)
    second.type("\r")
    second.type("echo none${DISPLAY}none\r" if shell != "fish" else 'set -q DISPLAY; or echo none"none"\r')
    second.wait_for("none" * 2)


@pytest.mark.parametrize(
    ("shell", "path", "theme"),
    [
        ("zsh", ".zshrc", f"HISTFILE=\ntheme() {{ PROMPT='{PROMPT}' }}\nprecmd_functions+=(theme)\n"),
        (
            "bash",
            ".bashrc",
            f"theme() {{ PS1='{PROMPT}'; }}\nPROMPT_COMMAND=${{PROMPT_COMMAND:+$PROMPT_COMMAND;}}theme\n",
        ),
        ("fish", ".config/fish/config.fish", f"function fish_prompt; echo -n '{PROMPT}'; end\n"),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_a_theme_that_makes_each_prompt_anew_leaves_the_marks(
    home: Home, shell: str, path: str, theme: str, *, behind: bool
) -> None:
    sets_up = "sesh shell-init fish | source\n" if shell == "fish" else f'eval "$(sesh shell-init {shell})"\n'
    home.write(path, sets_up + theme if behind else theme + sets_up)
    home.env["SHELL"] = need(shell)
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    for text in ("one", "two", "three"):
        terminal.type(f"echo {text}\r")
        terminal.wait_for(re.compile(f"^{text}\n{PROMPT}", re.MULTILINE))
    # The first prompt may be in the screen that the terminal got when it attached. B is the theme's to keep or to drop.
    marks = re.findall(rb"\x1b\]133;([ACD])", terminal.raw)
    assert b"CDACDACDA" in b"".join(marks), marks


def test_an_array_of_prompt_commands_and_a_trace_are_kept(sesh: Sesh, home: Home) -> None:
    home.write(".bashrc", "PS1='ready> '\nPROMPT_COMMAND=('one=1' 'two=2')\neval \"$(sesh shell-init bash)\"\nset -u\n")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type('echo "${#PROMPT_COMMAND[@]} $one $two"\r')
    terminal.wait_for("3 1 2")
    terminal.type("set -x; echo traced\r")
    terminal.wait_for("+ echo traced")
    assert sesh("run", "work", "--", "echo exact; (exit 4)").code == 4
    terminal.type("exit\r")
    terminal.exit_code()


def test_who_attaches_again_gets_the_prompts_in_place(sesh: Sesh, home: Home) -> None:
    integrated(home, "bash")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    typed(terminal, home, ["echo one", "seq 100", "false"])
    sesh("wait", "work", "--prompt", "--timeout", "30")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    again = home.terminal("work")
    again.wait_for("code 1")
    assert {mark[:1] for mark in re.findall(rb"\x1b\]133;([^\x1b]*)\x1b\\", again.raw)} == {b"A", b"B"}
    shown = re.sub(rb"\x1b\[[0-9;]*m", b"", again.raw)
    for command in (b"echo one", b"seq 100", b"false"):
        assert re.search(rb"\x1b\]133;A\x1b\\[^\n]*ready> " + command, shown)
    path = home.write("shown", bytes(again.raw))
    again.type(f"cat {path}\r")
    wait_until(lambda: len(history(home)) >= 4, "the history has 4 commands")
    assert [entry["command"] for entry in history(home)][-2:] == [["false"], [f"cat {path}"]]
    assert history(home)[-1]["exit_code"] == 0


def test_a_file_that_is_printed_holds_up_nobody(sesh: Sesh, home: Home) -> None:
    """The end of a printed file must not block the daemon for minutes."""
    integrated(home, "bash")
    for number, word in enumerate(("\x1b[m", "\x1b(B", "\x1b[1;7m\x1b(B")):
        home.write(f"printed{number}", word * (100_000 // len(word)) + "\n")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    typed(terminal, home, ["cat printed0", "cat printed1", "cat printed2", "echo do''ne"])
    terminal.wait_for("done")
    assert [row["output_bytes"] > 95_000 for row in history(home)] == [True, True, True, False]
