"""The Python API with `host`: the same calls, over links that never prompt anybody."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sesh import Session, Stop, sessions
from sesh.errors import Exists, NotDeployed, NotFound, SeshError, TimedOut, Unreachable, UsageError
from sesh.link.link import Link
from sesh.remote import known
from tests.remote.via import Beside, ViaHost
from tests.support import Home, processes, wait_until

pytestmark = pytest.mark.usefixtures("inside")


def test_a_session_over_there_is_driven_as_one_here(beside: Beside) -> None:
    far = beside("box")
    work = Session.open("work", host="box", env={"COLOUR": "blue"}, labels={"team": "web"})
    assert far.names() == ["work"]
    assert work.ensure() is False
    result = work.run("echo $COLOUR; cd /tmp; printf '\\377'; exit_with() { return 3; }; exit_with")
    assert (result.exit_code, result.data, result.host) == (3, b"blue\n\xff", "box")
    assert work.run(["printf", "%s|", "a b", "$HOME", "-c"]).output == "a b|$HOME|-c|"
    assert work.run("pwd").output == "/tmp\n"
    position = work.send("echo do''ne", enter=True)
    met = work.wait(pattern="^done$", since=position, timeout=20)
    assert (met.met, met.match) == ("for", "done")
    assert work.logs(2)[0] == "done"
    assert "done" in work.screen()
    assert work.screen("json")["columns"] == 80
    status = work.status()
    assert (status["host"], status["labels"], status["link"]) == ("box", {"team": "web"}, "up")
    assert [each["command"] for each in work.history()][-1] == ["pwd"]
    assert [(each["name"], each["host"]) for each in sessions("box")] == [("work", "box")]
    assert ("work", "box") in [(each["name"], each["host"]) for each in sessions(remotes=True)]
    assert work.label(team="", kind="x") == {"kind": "x"}
    events = work.events(since=0)
    assert next(events)["event"] == "created"
    work.kill()
    assert [*events][-1]["event"] == "exited"
    assert not work.exists()
    with pytest.raises(NotFound) as caught:
        work.run("true")
    assert (caught.value.code, caught.value.exit_code) == ("not_found", 125)
    assert "sesh @box" in str(caught.value)


def test_a_group_of_the_settings_is_a_host_or_several(beside: Beside, home: Home) -> None:
    """A group was taken for an ssh destination."""
    for name in ("box", "den"):
        beside(name)
        Session.open("work", name)
    path = Path(home.path, ".config/sesh/config.toml")
    path.write_text('[groups]\nall = ["@box", "@den"]\nfirst = ["@box"]\n' + path.read_text())
    assert [(row["name"], row["host"]) for row in sessions("all")] == [("work", "box"), ("work", "den")]
    assert Session("work", "@first") == Session("work", "box")
    with pytest.raises(UsageError, match="all is a group of several hosts; name one of them: box, den"):
        Session("work", "all")
    refused = home.sesh("import", input='[{"name": "new", "host": "all"}, {"name": "more"}]')
    assert (refused.code, "all is a group" in refused.stderr, home.names()) == (2, True, [])


def test_jobs_over_there_give_codes_and_output(beside: Beside) -> None:
    beside("box")
    result = Session("build", "box").exec("echo hello; exit 7", directory="/tmp", env={"A": "b"}, timeout=30)
    assert (result.exit_code, result.output, result.session, result.host) == (7, "hello\n", "build", "box")
    job = Session.job("sleep 0.2; exit 4", host="box")
    assert (job.name, job.wait().exit_code) == ("1", 4)
    kept_result = Session("build", "box").result()
    assert (kept_result.exit_code, kept_result.output, kept_result.host) == (7, "hello\n", "box")
    kept = Session("kept", "box")
    assert kept.exec(["true"], keep=True).ok
    with pytest.raises(Exists):
        kept.exec(["true"])
    kept.kill()
    with pytest.raises(SeshError) as caught:
        Session("none", "box").exec(["no-such-program"])
    assert (caught.value.code, caught.value.exit_code) == ("not_found", 127)


def test_another_thread_ends_what_waits_over_there(beside: Beside) -> None:
    far = beside("box")
    work = Session.open("work", "box")
    work.wait(prompt=True, timeout=20)
    stop = Stop()
    found: dict[str, object] = {}

    def waiting() -> None:
        try:
            work.wait(stop=stop)
        except SeshError as error:
            found["wait"] = error.code

    calls = {
        "run": lambda: found.update(run=work.run("sleep 100", stop=stop).exit_code),
        "exec": lambda: found.update(exec=Session("job", "box").exec("exec sleep 100", stop=stop).exit_code),
        "wait": waiting,
    }
    threads = [threading.Thread(target=call) for call in calls.values()]
    for thread in threads:
        thread.start()
    wait_until(lambda: running(far) == 2 and len(stop._callbacks) == 3, "both commands run and all three calls wait")
    stop.stop()
    for thread in threads:
        thread.join(30)
    assert found == {"run": 130, "exec": 130, "wait": "interrupted"}


def running(far: ViaHost) -> int:
    """Count the `sleep` processes on the host."""
    return [processes.called(pid) for pid in far.processes()].count("sleep")


def test_hosts_that_cannot_be_used_say_so_without_a_prompt(home: Home, beside: Beside) -> None:
    far = beside("box")
    work = Session.open("work", "box")
    with pytest.raises(TimedOut):
        work.wait(timeout=0.2)
    far.away()
    with pytest.raises(Unreachable):
        work.status()
    with pytest.raises(UsageError):
        Session("work", "-oProxyCommand=x")
    home.write(".config/sesh/config.toml", '[remotes.bare]\nvia = "env HOME=/nonexistent PATH=/usr/bin:/bin"\n')
    with pytest.raises(NotDeployed) as caught:
        Session.open("work", host="@bare")
    assert "sesh deploy @bare" in str(caught.value)


@pytest.mark.soak
def test_a_link_that_stays_lost_is_given_up_in_time_or_when_somebody_says_so(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    far = beside("box")
    work = Session.open("work", "box")
    work.wait(prompt=True, timeout=20)
    stop, found = Stop(), []
    monkeypatch.setenv("SESH_EVENT_LOG", str(log := tmp_path / "events"))

    def called(call: Callable[[], object]) -> None:
        try:
            call()
        except SeshError as error:
            found.append(error.code)

    calls = (lambda: work.run("sleep 60", timeout=8.0), lambda: work.wait(stop=stop))
    threads = [threading.Thread(target=called, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    # A link that is lost before it is logged as connected is not replaced.
    wait_until(
        lambda: running(far) == 1 and log.read_text().count('"connect"') == len(calls),
        "the command runs and each call is connected",
    )
    far.away()
    threads[0].join(30)
    assert found == ["timeout"]
    stop.stop()
    threads[1].join(30)
    assert found == ["timeout", "interrupted"]


@pytest.mark.parametrize(("place", "of_run", "of_exec"), [("link", 125, 125), ("response", 125, 255)])
def test_any_fault_says_by_its_exit_code_whether_the_command_may_have_begun(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, place: str, of_run: int, of_exec: int
) -> None:
    """A link connects to the session before `run` is sent; but the response to `exec` comes once the job has begun."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    beside("box")
    work = Session.open("work", host="box")
    if place == "link":
        monkeypatch.setattr(Link, "first_frames", fail)
    else:
        monkeypatch.setattr(known, "cache_changes", fail)
    with pytest.raises(SeshError, match="Input/output error") as run:
        work.run("true")
    with pytest.raises(SeshError, match="Input/output error") as job:
        Session("job", "box").exec(["true"])
    assert (run.value.exit_code, job.value.exit_code) == (of_run, of_exec)
