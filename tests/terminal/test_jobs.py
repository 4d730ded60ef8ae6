"""Jobs in great number, watched jobs, and jobs that are read from their results."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from sesh.ops import create
from sesh.store import results
from tests.support import Home, processes, wait_until
from tests.terminal.looking import logs


def test_job_after_job_leaves_nothing_but_the_newest_results(home: Home) -> None:
    folder = os.path.join(home.directory, ".results")
    assert home.sesh("exec", "job", "--", "true").code == 0
    (first,) = os.listdir(folder)
    for number in range(results.NEWEST):  # each a little older than the next one
        copied = shutil.copy2(os.path.join(folder, first), os.path.join(folder, f"{number:016x}.json"))
        os.utime(copied, (time.time() - 1000 + number,) * 2)
    for code in (2, 3):
        done = home.sesh("exec", "job", "--", "sh", "-c", f"exit {code}")
        assert (done.code, done.stdout, done.stderr) == (code, "", "")
    left = [name for name in os.listdir(home.directory) if not name.startswith(".zygote.")]
    assert sorted(left) == [".lock", ".results", ".starting", "bin"]
    kept = os.listdir(folder)
    assert len(kept) == results.NEWEST
    assert first in kept
    assert not {f"{number:016x}.json" for number in range(3)}.intersection(kept), "the oldest go"
    assert home.sesh("wait", "job", "--exit").code == 3


def test_a_watcher_attaches_at_any_moment_and_its_keys_reach_the_job(home: Home) -> None:
    script = "echo one; read line; echo got $line; exit 5"
    job = home.start("exec", "job", "--print", "--", "sh", "-c", script)
    wait_until(lambda: "one" in logs(home, "job"), "job has printed 'one'")
    watcher = home.terminal("job")
    watcher.wait_for("one")
    watcher.type(b"this\r")
    out, _ = job.communicate(timeout=30)
    assert (job.returncode, out) == (5, b"one\nthis\ngot this\n")
    assert watcher.exit_code() == 5


def test_all_that_a_job_printed_is_printed_and_its_end_is_kept(home: Home) -> None:
    """`--print` must not lose all but the last 270 KB of slow output."""
    piece = "yes 012345678901234567890123456789012345678 | head -c 200000; sleep 0.15"
    words = ("--", "sh", "-c", f"for i in 1 2 3; do {piece}; done; echo the end")
    done = home.sesh("exec", "job", "--print", *words)
    assert (done.code, done.stderr) == (0, "")
    assert len(done.raw) == 3 * 200_000 + len("the end\n")
    assert done.raw.endswith(b"\nthe end\n")
    kept = home.sesh("logs", "job", "5000").raw
    assert len(kept) > 150_000
    assert done.raw.endswith(kept)


def test_a_job_that_is_gone_is_read_from_its_result(home: Home) -> None:
    """Verbs, and not only the API, must show the kept output of a job."""
    home.sesh("exec", "long", "--", "seq", "12000")
    assert home.sesh("logs", "long", "20000").stdout.count("\n") == 12000
    script = "seq 40; printf '\\033[31mred\\033[m\\n'; exit 3"
    home.sesh("exec", "night", "-d", "--", "sh", "-c", script)
    wait_until(lambda: home.names() == [], "no session is left")
    lines = home.sesh("logs", "night")
    assert (lines.code, lines.stdout.split()) == (0, [*map(str, range(1, 41)), "red"])
    assert home.sesh("logs", "night", "1", "--ansi").stdout == "\x1b[0;31mred\x1b[m\n"
    assert home.sesh("logs", "night", "2", "-f").stdout == "40\nred\n"
    screen = home.sesh("screen", "night", "--json").json()["lines"]
    assert (len(screen), screen[-3:]) == (24, ["40", "red", ""])
    assert home.sesh("grep", "^17$", "night").code == 0
    status = home.sesh("status", "night", "--json").json()
    assert (status["state"], status["exit_code"], status["command"]) == ("exited", 3, ["sh", "-c", script])
    assert (status["activity"]["state"], status["columns"], status["daemon_pid"]) == ("failed", 80, None)
    shown = home.sesh("status", "night").stdout
    assert "exited 3" in shown
    assert "None" not in shown
    assert home.sesh("logs", "morning").code == 1
    home.sesh("open", "night", "--", "sh", "-c", "echo newer; read x")
    wait_until(lambda: "newer" in logs(home, "night"), "night has printed 'newer'")
    assert home.sesh("logs", "night").stdout == "newer\n", "what runs goes before what is kept"


def test_each_job_without_a_name_has_a_number_of_its_own_as_long_as_its_result_is_kept(home: Home) -> None:
    """The second job took the first one's number, and its result hid the first result."""
    begun = []
    for code in (3, 4):
        begun.append(home.sesh("exec", "-d", "--", "sh", "-c", f"exit {code}").stdout.strip())
        wait_until(lambda: home.names() == [], "the job has ended")
    assert [home.sesh("wait", name, "--exit").code for name in begun] == [3, 4]
    assert home.sesh("new", "-d", "--", "sleep", "60").stdout.strip() == "3", "no session takes a job's number either"
    home.sesh("exec", "3-2", "--", "true")
    assert home.sesh("new", "3", "--new-name", "-d", "--", "true").stdout.strip() == "3-3"


@pytest.mark.needs_fork("another job that begins and ends while a number is chosen")
def test_a_job_takes_no_number_whose_job_has_ended_since_it_chose(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = create.numbered

    def chosen_and_stopped(prefix: str, number: int) -> str:
        name = chosen(prefix, number)
        monkeypatch.setattr(create, "numbered", chosen)
        os.kill(os.getpid(), signal.SIGSTOP)
        return name

    with monkeypatch.context() as patch:
        patch.setattr(create, "numbered", chosen_and_stopped)
        late = home.start("exec", "-d", "--", "sh", "-c", "exit 4")
    wait_until(lambda: processes.stopped(late.pid), "it has chosen a number")
    assert home.sesh("exec", "--", "sh", "-c", "exit 3").code == 3
    os.kill(late.pid, signal.SIGCONT)
    assert late.communicate()[0].decode().split() == ["2"]
    assert [home.sesh("wait", name, "--exit").code for name in ("1", "2")] == [3, 4]
