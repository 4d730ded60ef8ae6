"""A link that breaks at any moment of a request: what it does is done once, and all that comes of it comes once."""

from __future__ import annotations

import json
import os
import shlex
import sys

import pytest

from sesh.daemon.shell import key_watch
from tests.remote.cutting import Moment
from tests.remote.via import Beside, ViaHost
from tests.support import Home, says_who_reads, wait_until

LINES = [f"line {number}" for number in range(40)]
PRINTS = "for n in $(seq 0 39); do echo line $n; done"

MOMENTS = [
    pytest.param(moment, marks=[] if moment in (Moment.AFTER_REQUEST, Moment.WITHIN_ANSWER) else pytest.mark.soak)
    for moment in Moment
]


@pytest.fixture
def far(home: Home, beside: Beside) -> ViaHost:
    """The host `@box`, with a session `work`, behind a link that breaks at a moment."""
    far = beside("box")
    script = os.path.join(os.path.dirname(__file__), "cutting.py")
    way = json.dumps(shlex.join([sys.executable, script, home.path, *far.way]))
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = {way}\n")
    home.env["PYTHONPATH"] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert home.sesh("@box", "open", "work").code == 0
    return far


def breaks_at(home: Home, moment: Moment, request: str) -> None:
    home.write("moment", f"{moment.value} {request}")


def has_broken(home: Home) -> bool:
    return not os.path.exists(os.path.join(home.path, "moment"))


def asked(home: Home) -> None:
    """Wait until the request has passed, or the link has broken before it."""
    passed = os.path.join(home.path, "moment-asked")
    wait_until(lambda: os.path.exists(passed) or has_broken(home), "the request has passed")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    ("request_name", "words"),
    [
        ("wait", ("exec", "job", "--follow", "--", "sh", "-c", f"echo x >>ran; {PRINTS}; exit 7")),
        ("run", ("run", "work", "--", f"echo x >>ran; {PRINTS}; (exit 7)")),
    ],
)
def test_a_job_or_command_runs_once_and_its_output_comes_once(
    home: Home, far: ViaHost, moment: Moment, request_name: str, words: tuple[str, ...]
) -> None:
    breaks_at(home, moment, request_name)
    run = home.start("@box", *words)
    out, error = run.communicate(timeout=30)
    assert (run.returncode, out.decode().splitlines()) == (7, LINES), error
    assert has_broken(home)
    assert far.read("ran") == "x\n"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_wait_ends_with_the_line_that_it_waits_for(home: Home, far: ViaHost, moment: Moment) -> None:
    breaks_at(home, moment, "wait")
    wait = home.start("@box", "wait", "work", "--for", "^found 42$", "--since-start", "--json")
    asked(home)
    assert far.sesh("run", "work", "--", "echo found $((40+2))").code == 0
    if moment is Moment.BEFORE_END:  # the wait ends by the line before any response
        os.unlink(os.path.join(home.path, "moment"))
    out, error = wait.communicate(timeout=30)
    assert wait.returncode == 0, error
    assert json.loads(out)["match"] == "found 42"
    assert has_broken(home)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_lines_of_a_session_come_once(home: Home, far: ViaHost, moment: Moment) -> None:
    script = f"until [ -e go ]; do sleep .02; done; {PRINTS}; until [ -e stop ]; do sleep .02; done"
    assert far.sesh("open", "lines", "--", "sh", "-c", script).code == 0
    breaks_at(home, moment, "wait")
    logs = home.start("@box", "logs", "lines", "-f")
    asked(home)
    far.write("go", "")
    assert logs.stdout is not None
    lines = [logs.stdout.readline().decode().rstrip("\n") for _ in LINES]
    far.write("stop", "")
    rest, error = logs.communicate(timeout=30)
    assert (logs.returncode, lines, rest) == (0, LINES, b""), error
    assert has_broken(home)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_events_of_a_session_come_once(home: Home, far: ViaHost, moment: Moment) -> None:
    rings = "until [ -e go ]; do sleep .02; done; for n in 1 2 3 4 5; do printf '\\a'; sleep .02; done"
    assert far.sesh("open", "rings", "--", "sh", "-c", rings).code == 0
    breaks_at(home, moment, "events")
    events = home.start("@box", "events", "rings", "--from", "0", "--json")
    asked(home)
    far.write("go", "")
    out, error = events.communicate(timeout=30)
    numbers = [json.loads(line)["seq"] for line in out.decode().splitlines()]
    assert (events.returncode, numbers) == (0, sorted(set(numbers))), error
    assert b"bell" in out
    assert b"exited" in out
    assert has_broken(home)


@pytest.mark.parametrize(("request_name", "words"), [("send", ("--enter",)), ("press", ("--key", "Enter"))])
@pytest.mark.parametrize("moment", MOMENTS[:-1])  # the only answer is the end
def test_what_is_typed_is_typed_once(
    home: Home, far: ViaHost, moment: Moment, request_name: str, words: tuple[str, ...]
) -> None:
    assert far.sesh("open", "cat", "--", "sh", "-c", 'while read -r line; do echo "$line" >>typed; done').code == 0
    breaks_at(home, moment, request_name)
    send = home.start("@box", "send", "cat", *(["text"] if request_name == "send" else []), *words)
    _, error = send.communicate(timeout=30)
    assert send.returncode == 0, error
    assert has_broken(home)
    assert far.sesh("send", "cat", "last", "--enter").code == 0
    wait_until(lambda: "last" in far.read("typed"), "the last line has come")
    assert far.read("typed") == ("text\nlast\n" if request_name == "send" else "\nlast\n")


def test_a_command_whose_next_link_is_refused_may_have_run(home: Home, far: ViaHost) -> None:
    """The refusal was taken for one of the command: `the command did not run`."""
    home.write("moment", "none run")
    run = home.start("@box", "run", "work", "--", "until [ -e go ]; do sleep .02; done; echo x >>ran")
    asked(home)
    wait_until(lambda: far.summary("work")["activity"]["state"] == "working", "the command runs")
    os.chmod(far.directory, 0o777)  # noqa: S103 (a host trusts no such directory)
    far.cut()
    _, error = run.communicate(timeout=30)
    os.chmod(far.directory, 0o700)
    far.write("go", "")
    assert run.returncode == 255, error
    wait_until(lambda: far.read("ran") == "x\n", "the command has run")


def test_a_wait_does_not_find_what_was_printed_before_it_began_though_the_job_ends_in_an_outage(
    home: Home, far: ViaHost
) -> None:
    script = "echo ready; until [ -e go ]; do sleep .02; done"
    assert far.sesh("exec", "-d", "job", "--", "sh", "-c", script).code == 0
    far.prints("job", "ready")
    home.write("moment", "none wait")
    wait = home.start("@box", "wait", "job", "--for", "ready")
    asked(home)
    wait_until(far.settled, "both sides are at rest")
    far.away()
    far.write("go", "")
    wait_until(lambda: "job" not in far.names(), "the job has ended")
    far.back()
    _, error = wait.communicate(timeout=30)
    assert wait.returncode == 1, error


@says_who_reads
@pytest.mark.needs_fork("a program that gets less time")
@pytest.mark.parametrize("moment", [Moment.AFTER_REQUEST, pytest.param(Moment.WITHIN_ANSWER, marks=pytest.mark.soak)])
def test_a_command_that_waits_for_keys_is_told_of_behind_a_link_that_breaks(
    home: Home, far: ViaHost, monkeypatch: pytest.MonkeyPatch, moment: Moment
) -> None:
    monkeypatch.setattr(key_watch, "WAITED", 0.5)
    breaks_at(home, moment, "run")
    done = home.sesh("@box", "run", "work", "--json", "--", "bash -c 'echo x >>ran; read -n 1'")
    told = "bash waits for keys in work, and the command goes on; "
    way = "use it: sesh @box attach work, or send keys: sesh @box send work --key q"
    assert has_broken(home)
    assert (done.code, done.json()["error"]) == (255, {"code": "busy", "message": f"{told}{way}"})
    assert home.sesh("@box", "send", "work", "--key", "x").code == 0
    assert home.sesh("@box", "run", "work", "--", "cat ran").stdout == "x\n"
