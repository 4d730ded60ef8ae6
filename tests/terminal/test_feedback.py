"""A session that shows the terminal that shows it, through any multiplexer, is left with one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import PROMPT, Home, Open, Terminal, wait_until

END = re.compile(r"detached: work shows this terminal, and so itself, without end; .*sesh (?:@there )?kill work\]")


class Multiplexers:
    """A home in which multiplexers run."""

    def __init__(self, home: Home) -> None:
        self.home = home
        # A user's screen keeps its sockets in one directory, whatever the home is.
        home.env |= {"TMUX_TMPDIR": home.path, "SCREENDIR": home.path}

    def startup(self, line: str = "") -> None:
        """Have each shell run a line first. The pane of a tmux is a login shell, for which /etc/profile sets PATH."""
        path = f"PATH={os.path.join(self.home.path, 'bin')}:$PATH\n"
        self.home.write(".bashrc", f"{path}PS1='{PROMPT} '\nunset HISTFILE PROMPT_COMMAND\n{line}\n")

    def outer(self, command: str = "bash") -> Terminal:
        terminal = self.home.terminal(command=["bash", "--norc", "-c", f"exec {command}"], answers=True, columns=100)
        terminal.wait_for(PROMPT)
        return terminal

    def clients(self) -> int:
        """Count the terminals that show a session of tmux."""
        words = ["tmux", "list-clients", "-F", "#{client_tty}"]
        return len(subprocess.run(words, env=self.home.env, capture_output=True, check=False).stdout.split())

    def close(self) -> None:
        servers = (["tmux", "-L", name, "kill-server"] for name in ("default", "other", "inner"))
        for words in (*servers, ["screen", "-X", "quit"]):
            subprocess.run(words, env=self.home.env, capture_output=True, check=False)


@pytest.fixture
def multiplexers(home: Home) -> Iterator[Multiplexers]:
    found = Multiplexers(home)
    yield found
    found.close()


@pytest.fixture
def there() -> Iterator[Home]:
    own = Home()
    yield own
    own.close()


def type_and_wait_for_the_end(terminal: Terminal, line: str) -> str:
    """Type the line that begins the loop; return the closing line, once the shell outside takes keys again."""
    terminal.type(f"{line}\r")
    return wait_for_the_end(terminal)


def wait_for_the_end(terminal: Terminal) -> str:
    """Return the closing line, once the shell outside takes keys again."""
    found = terminal.wait_until(lambda: END.search(rows(terminal)), "the line that says why the session was left")
    terminal.type("echo still-$((40 + 2))\r")
    terminal.wait_for("still-42")
    return found.group()


def rows(terminal: Terminal) -> str:
    """Return the rows, without what breaks a line that is longer than they are."""
    return "".join(f"{row:<{terminal.glass.columns}}" for row in terminal.screen())


WHILE_ATTACHED = (
    """until [ -z "$SESH_SESSION" ] || sesh status "$SESH_SESSION" --json | grep -q '"attached": 1'; do :; done"""
)
TMUX = '[ -z "$TMUX" ] && exec tmux new-session -A -s main'
SCREEN = '[ -z "$STY" ] && exec screen -xRR -S main'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(TMUX, marks=pytest.mark.needs("tmux")),
        pytest.param(TMUX.replace("exec ", ""), marks=[pytest.mark.needs("tmux"), pytest.mark.soak]),
        pytest.param(SCREEN, marks=[pytest.mark.needs("screen"), pytest.mark.soak]),
    ],
    ids=["tmux", "tmux-without-exec", "screen"],
)
def test_a_shell_that_joins_the_multiplexer_in_which_one_is_does_not_show_itself(
    multiplexers: Multiplexers, line: str
) -> None:
    """The pane shrank to one row, and printed for ever."""
    multiplexers.startup(f"{WHILE_ATTACHED}\n{line}")
    told = type_and_wait_for_the_end(multiplexers.outer(), "sesh work")
    assert "only if SESH_SESSION is not set" in told


@pytest.mark.soak
@pytest.mark.needs("tmux")
def test_a_session_that_shows_itself_standing_still_is_left_once_a_key_comes_round(multiplexers: Multiplexers) -> None:
    """Without a status line nothing changes, so nothing flows: the screen is empty."""
    multiplexers.startup(f"{WHILE_ATTACHED}\n{TMUX} \\; set status off")
    terminal = multiplexers.outer()
    terminal.type("sesh work\r")
    terminal.wait_until(lambda: multiplexers.clients() == 2, "the session's shell has joined")
    terminal.type("\r")
    wait_for_the_end(terminal)


@pytest.mark.needs("tmux")
def test_a_session_whose_new_shell_has_joined_before_one_is_attached_is_refused(multiplexers: Multiplexers) -> None:
    multiplexers.startup(TMUX)
    joined = "until tmux list-clients -F '#{client_tty}' | grep -c . | grep -qx 2; do :; done"
    terminal = multiplexers.outer()
    terminal.type(f"sesh open work; {joined}; sesh work\r")
    terminal.wait_for("this terminal is in work already")


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        pytest.param("dtach -A beside bash", "dtach -a beside", marks=pytest.mark.needs("dtach")),
        pytest.param(
            "tmux new-session -s main", "tmux attach -t main", marks=[pytest.mark.needs("tmux"), pytest.mark.soak]
        ),
        pytest.param(
            "tmux -L other new-session -s main 'tmux -L inner new-session -s main'",
            "tmux -L other attach -t main",
            marks=[pytest.mark.needs("tmux"), pytest.mark.soak],
        ),
    ],
    ids=["dtach", "tmux", "tmux-in-tmux"],
)
def test_joining_it_by_hand_in_the_session_ends_the_attachment_too(
    multiplexers: Multiplexers, outside: str, inside: str
) -> None:
    multiplexers.startup()
    terminal = multiplexers.outer(outside)
    terminal.type("sesh work\r")
    wait_until(lambda: multiplexers.home.summary("work").get("attached") == 1, "the terminal is attached to work")
    terminal.type(f"{inside}\r")
    program = inside.split(maxsplit=1)[0]
    wait_until(
        lambda: (multiplexers.home.summary("work")["foreground"] or {}).get("command", [""])[0].startswith(program),
        "the session has joined",
    )
    terminal.type("\r")  # where the pictures are alike at once, nothing flows before
    told = wait_for_the_end(terminal)
    assert "SESH_SESSION" not in told
    assert multiplexers.home.summary("work")["state"] == "running"
    terminal.type("exit\r")
    terminal.exit_code()


@pytest.mark.soak
@pytest.mark.needs("tmux")
@pytest.mark.needs("screen")
def test_joining_a_screen_that_shows_a_tmux_ends_the_attachment_once_a_key_comes_round(
    multiplexers: Multiplexers,
) -> None:
    """On a fast machine the pictures are soon alike, and then nothing flows."""
    multiplexers.startup()
    home = multiplexers.home
    terminal = multiplexers.outer("screen -S main tmux new-session -s main")
    terminal.type("sesh work\r")
    wait_until(lambda: home.summary("work").get("attached") == 1, "the terminal is attached to work")
    terminal.type("screen -x main\r")
    joined = ["screen", "-x", "main"]
    wait_until(lambda: (home.summary("work")["foreground"] or {}).get("command") == joined, "the session has joined")
    terminal.type("\r")
    wait_for_the_end(terminal)
    assert home.summary("work")["state"] == "running"


@pytest.mark.soak
@pytest.mark.needs("tmux")
def test_a_pane_beside_another_is_left_too_though_it_becomes_too_narrow_for_a_line(multiplexers: Multiplexers) -> None:
    """It shows the whole window, in which it is as narrow again; a key comes round if that stands still in the end."""
    multiplexers.startup()
    terminal = multiplexers.outer("tmux new-session -s main 'tmux split-window -h; exec bash'")
    terminal.type("sesh work\r")
    wait_until(lambda: multiplexers.home.summary("work").get("attached") == 1, "the terminal is attached to work")
    terminal.type("tmux attach -t main\r")
    wait_until(lambda: multiplexers.clients() == 2, "the session has joined")
    terminal.type("\r")
    wait_until(lambda: multiplexers.home.summary("work").get("attached") == 0, "the session is left")
    terminal.type("tput reset; echo $((40 + 2))\r")
    terminal.wait_for("42")


@pytest.mark.soak
@pytest.mark.needs("tmux")
def test_a_session_of_a_host_that_is_this_machine_is_left_likewise(multiplexers: Multiplexers, there: Home) -> None:
    home = multiplexers.home
    way = f"env HOME={there.path} SESH_DIR={there.path}/.sesh TEST_HOME={there.root}"
    home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(way)}\n")
    multiplexers.startup()
    there.write(".bashrc", "exec tmux attach -t main\n")
    told = type_and_wait_for_the_end(multiplexers.outer("tmux new-session -s main"), "sesh @there work")
    assert "sesh @there kill work]" in told


def test_what_a_program_prints_without_end_is_no_loop(home: Home, terminal: Open) -> None:
    """The look holds the output back for a moment, and draws nothing."""
    opened = terminal("work", "--", "sh", "-c", "while :; do echo line; sleep 0.02; done")
    opened.wait_until(lambda: opened.raw.count(b"line") > 60, "more than a second of output")
    assert b"does the session show" not in opened.raw
