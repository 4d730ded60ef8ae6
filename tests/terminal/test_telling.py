"""A session that needs the user notifies once, on the terminal where the user is."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from sesh.client.display import notification
from sesh.daemon.clients import client
from sesh.reach import find
from sesh.wire import messages
from tests.support import PROMPT, Home, Sesh, Terminal, wait_until
from tests.support.processes import descendants
from tests.terminal.looking import logs

ASKS = ("sh", "-c", "printf 'push it? '; read x; sleep 60")
KITTY = {"KITTY_WINDOW_ID": "1"}
TOLD = b"\x1b]99;;job waits: push it?\x1b\\"


def here(home: Home, name: str = "work") -> Terminal:
    """Return a kitty terminal attached to a session."""
    terminal = home.terminal(name, env=KITTY)
    terminal.wait_for(PROMPT)
    return terminal


def needs(home: Home, *words: str, name: str = "job") -> None:
    """Start a session without clients, and wait until the session asks its question."""
    assert home.sesh("open", name, *words, "--", *ASKS).code == 0
    wait_until(lambda: home.summary(name)["activity"]["state"] == "waiting", f"{name} waits for a person")


def hooked(home: Home, source: str = 'echo "$SESH_EVENT $SESH_SESSION" >>told', quiet: str = "") -> None:
    """Configure a hook and quiet hours."""
    home.write(".config/sesh/config.toml", f"quiet = '{quiet}'\nhook = '''{source}'''\n")


def written(home: Home, name: str) -> str:
    path = os.path.join(home.path, name)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, f"{name} is written")
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_a_question_notifies_the_terminal_typed_in_last_and_runs_no_hook(sesh: Sesh, home: Home) -> None:
    hooked(home)
    others = here(home, "other")
    terminal = here(home)
    terminal.type("x")
    needs(home, "--label", "mute=1", name="muted")
    needs(home)
    terminal.wait_for_raw(TOLD)
    assert terminal.raw.count(b"\x1b]99;") == 1
    sesh("open", "broken", "--", "sh", "-c", "exit 3")
    terminal.wait_for_raw(b"\x1b]99;;broken failed: exited 3\x1b\\")
    others.pump(0.1)
    assert b"\x1b]99;" not in others.raw
    for window in (terminal, others):
        window.type("\x15exit\r")
        window.exit_code()
    sesh("open", "broken", "--", "sh", "-c", "exit 3")
    assert written(home, "told") == "failed broken\n"


def test_a_session_that_is_looked_at_tells_nothing(sesh: Sesh, home: Home) -> None:
    hooked(home)
    terminal = here(home)
    terminal.type("read -p 'push it? ' x\r")
    wait_until(lambda: home.summary("work")["activity"]["state"] == "waiting", "work waits for a person")
    needs(home)  # its notification comes after any of the other session
    terminal.wait_for_raw(TOLD)
    assert terminal.raw.count(b"\x1b]99;") == 1
    assert not os.path.exists(os.path.join(home.path, "told"))


@pytest.mark.needs_fork("a session that is unwatched at once")
def test_a_session_that_is_left_open_is_told_on_its_own_terminal(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attached terminal may be hidden behind other windows."""
    monkeypatch.setattr(client, "WATCHED_FOR", 0.0)
    terminal = here(home, "job")
    terminal.type("read -p 'push it? ' x\r")
    terminal.wait_for_raw(TOLD)
    assert sesh("status", "job", "--json").json()["attached"] == 1


def test_without_a_terminal_the_hook_is_run_with_what_is_asked(sesh: Sesh, home: Home) -> None:
    said = "$SESH_EVENT|$SESH_STATE|$SESH_WHY|$SESH_QUESTION|$SESH_SESSION|${SESH_HOST:+host}"
    hooked(home, f'echo "{said}" >told; kill -PIPE $$; echo still >>told')
    needs(home)
    assert written(home, "told") == "waiting|waiting|tty-read|push it?|job|host\n"
    wait_until(
        lambda: "the hook was ended by signal 13" in str(home.summary("job")["faults"]),
        "the daemon has noted how the hook ended",
    )


def test_what_a_person_ends_has_not_failed(sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own `kill` must not be reported as `job failed: exited 129`."""
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setenv("SESH_DIR", home.directory)
    terminal = here(home)
    ends: dict[str, Callable[[str], object]] = {
        "killed-job": lambda name: sesh("kill", name),
        "interrupted-job": lambda name: find.request(name, messages.INTERRUPT),
        "ctrl-c-job": lambda name: sesh("send", name, "--key", "C-c"),
    }
    for name in ends:
        sesh("open", name, "--", "sh", "-c", "trap 'exit 1' INT; echo ready; while :; do sleep 0.05; done")
    for name, end in ends.items():
        wait_until(lambda name=name: "ready" in logs(home, name), f"{name} has printed 'ready'")  # type: ignore[misc]
        end(name)
        wait_until(lambda name=name: home.summary(name).get("state") != "running", f"{name} has ended")  # type: ignore[misc]
    sesh("open", "broken", "--", "sh", "-c", "exit 3")
    terminal.wait_for_raw(b"\x1b]99;;broken failed: exited 3\x1b\\")
    assert b"job" not in terminal.raw


def test_what_is_typed_after_a_ctrl_c_is_not_ended_by_it(sesh: Sesh, home: Home) -> None:
    hooked(home, '[ "$SESH_EVENT" = waiting ] || echo "$SESH_SESSION" >>failed')
    sesh("open", "job", "--", "sh", "-c", "trap : INT; echo ready; read x; read x; exit 3")
    assert sesh("wait", "job", "--for", "ready", "--since-start", "--timeout", "30").code == 0
    sesh("send", "job", "--key", "C-c", "--key", "Enter", "--key", "Enter")
    assert written(home, "failed") == "job\n"


@pytest.mark.soak
def test_a_bell_is_told_once_a_minute_and_takes_nothing_from_the_question_behind_it(sesh: Sesh, home: Home) -> None:
    """A bell together with a question must not delay the question by a minute."""
    hooked(home, 'echo "$SESH_QUESTION" >>told')
    sesh("open", "job", "--", "sh", "-c", "printf 'push it? \\a'; read x; printf 'and now? \\a'; sleep 60")
    assert written(home, "told") == "push it?\n"
    terminal = here(home)
    sesh(
        "open",
        "other",
        "--",
        "sh",
        "-c",
        "printf '\\a'; sleep 0.3; printf '\\a'; until [ -e rung ]; do sleep 0.05; done; printf 'push it? '; read x",
    )
    terminal.wait_for_raw(b"\x1b]99;;other rings\x1b\\")
    home.write("rung", "")
    terminal.wait_for_raw(b"\x1b]99;;other waits: push it?\x1b\\")
    sesh("open", "both", "--", "sh", "-c", "printf '\\apush it? '; read x")
    terminal.wait_for_raw(b"\x1b]99;;both waits: push it?\x1b\\")
    needs(home, name="last")
    terminal.wait_for_raw(b"\x1b]99;;last waits")
    assert b"both rings" not in terminal.raw
    assert terminal.raw.count(b"other rings") == 1


def test_a_terminal_without_notifications_says_in_a_line_which_session_it_is(sesh: Sesh, home: Home) -> None:
    """Such a terminal must not only ring."""
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    needs(home)
    terminal.wait_for("job waits: push it?")
    assert b"\a" in terminal.raw


def test_nothing_is_told_in_quiet_hours(sesh: Sesh, home: Home) -> None:
    hooked(home, quiet="00:00-24:00")
    needs(home)
    daemon = sesh("status", "job", "--json").json()["daemon_pid"]
    wait_until(lambda: len(descendants(daemon)) == 1, "the child that reads the settings has ended")
    hooked(home)
    needs(home, name="late")
    assert written(home, "told") == "waiting late\n"


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"TERM": "xterm-kitty"}, b"\x1b]99;;job waits\x1b\\"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, b"\x1b]9;job waits\x1b\\"),
        ({"TERM": "xterm-ghostty"}, b"\x1b]9;job waits\x1b\\"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, b"\x1b]777;notify;sesh;job waits\x1b\\"),
        ({"TERM": "foot"}, b"\x1b]777;notify;sesh;job waits\x1b\\"),
        ({"TERM": "xterm-256color"}, b"\a"),
        ({"TERM": "tmux-256color", "TMUX": "x", "KITTY_WINDOW_ID": "1"}, b"\a"),
    ],
)
def test_each_terminal_is_told_in_its_own_way(environment: dict[str, str], shown: bytes) -> None:
    assert notification("job waits", environment) == shown


def test_what_is_told_cannot_act_on_the_terminal() -> None:
    told = notification("a\x1b]52;c;eA==\x07b\n" + "x" * 5000, {"TERM": "foot"})
    assert told.count(b"\x1b") == 2
    assert b"\n" not in told
    assert len(told) < 400
