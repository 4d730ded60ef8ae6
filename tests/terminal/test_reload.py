"""`reload` makes a running daemon go on as another sesh, unnoticed by program and clients."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading

import pytest

from sesh.daemon.requests.typed_text import Typing
from tests.support import PROMPT, Home, Sesh, rounds, wait_until
from tests.support.home import PATHS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOOD = "i=0; while [ ! -e enough ]; do i=$((i+1)); echo line $i; done; echo $i in all; exit 7"


def pids(home: Home, name: str) -> tuple[int, int]:
    status = home.summary(name)
    return status["daemon_pid"], status["pid"]


def numbered(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^line (\d+)\r?$", text, re.MULTILINE)]


def change(home: Home, name: str, path: str, text: str) -> None:
    """Append to a file of another sesh, after replacing the symbolic link by a copy."""
    changed = os.path.join(home.root, name, "sesh", path)
    with open(changed, encoding="utf-8") as file:
        before = file.read()
    os.unlink(changed)
    with open(changed, "w", encoding="utf-8") as file:
        file.write(before + text)


def other(home: Home, name: str, path: str = "", text: str = "") -> list[str]:
    """Return the command of another sesh in folder `name`, with text appended to one file.

    The files are symbolic links: hard links would change the ctime of the originals, by which zygotes are identified.
    """
    folder = os.path.join(home.root, name)
    for room in ("sesh", "daemon", "client", "remote", "completions"):
        target = os.path.join(folder, *(("sesh",) if room == "sesh" else ("sesh", room)))
        ignore = shutil.ignore_patterns("*.pyc.*", "daemon", "client", "remote", "completions")
        shutil.copytree(os.path.join(ROOT, room), target, ignore=ignore, dirs_exist_ok=True, copy_function=os.symlink)
    if path:
        change(home, name, path, text)
    places = f"sys.path[:] = [{folder!r}, *sys.path, *{PATHS[1:]!r}]"
    return [sys.executable, "-IS", "-c", f"import sys; {places}; from sesh.__main__ import start; start()"]


LOUDER = """
def _keep(self, lines): vars(self)["lines"] = lines
FaultLog.lines = property(lambda self: [*vars(self)["lines"], "louder"], _keep)
"""
"""For daemon/base/faults.py: a daemon of that sesh reports the fault `louder`."""
NOT_HERE = """
import sys
if {}:
    raise OSError("not here" + "\\0\\udcff" + "x" * 1_000_000)
"""
"""An error in some processes only, with a text that no program argument can hold."""


@pytest.mark.long
def test_reloads_amid_a_flood_lose_and_double_nothing(sesh: Sesh, home: Home) -> None:
    job = home.start("exec", "job", "--follow", "--", "sh", "-c", FLOOD)
    pieces: list[bytes] = []
    assert job.stdout is not None
    reading = threading.Thread(target=pieces.extend, args=[job.stdout])
    reading.start()  # the daemon no longer waits for a reader that stalls for two seconds
    wait_until(lambda: "job" in home.names(), "the session job exists")
    before = pids(home, "job")
    for _ in range(rounds(1, 50)):
        answer = sesh("reload", "job", "--json")
        assert answer.json() == {"ok": True, "reloaded": ["job"]}, answer.stderr
        assert (pids(home, "job"), faults(home, "job")) == (before, [])
    home.write("enough", "")
    assert job.wait(60) == 7
    reading.join(30)
    output = b"".join(pieces)
    reported = re.search(r"^(\d+) in all", output[-100:].decode(), re.MULTILINE)
    assert reported is not None
    assert numbered(output.decode()) == list(range(1, int(reported[1]) + 1))


def faults(home: Home, name: str) -> list[str]:
    return list(home.summary(name)["faults"])


def test_an_attached_client_stays_and_sees_every_line_once(sesh: Sesh, home: Home) -> None:
    person = home.terminal("work")
    person.wait_for("ready>")
    person.type('stty -echo; PS1=; i=0; echo rea""ding; while read -r x; do i=$((i+1)); echo "line $i $x"; done\r')
    drawn = home.terminal("work", "--read-only", columns=60, rows=10)
    person.wait_for("reading")  # before that, a typed CR stays a CR and does not end the line
    person.type("before\r")
    assert sesh("reload").code == 0
    person.type("behind\r")
    person.wait_for("line 2 behind")
    drawn.wait_for("line 2 behind")
    assert re.findall(r"line (\d) (\w+)", person.text()) == [("1", "before"), ("2", "behind")]
    assert sesh("status", "work", "--json").json()["attached"] == 2
    person.type("\x04exit 5\r")
    assert person.exit_code() == 5
    assert drawn.exit_code() == 5


def test_a_line_that_a_person_has_begun_is_known_after_a_reload(home: Home) -> None:
    """A command of `run` must not be appended to the person's line."""
    person = home.terminal("work", "--", "bash", "--norc")
    person.wait_for(PROMPT)
    person.type("echo wh''ole")
    person.wait_for("wh''ole")
    assert home.sesh("reload", "work").code == 0
    refused = home.sesh("run", "work", "--", "true")
    assert (refused.code, "unfinished line" in refused.stderr) == (125, True), refused.stderr
    person.type("\r")
    person.wait_for("whole")


def test_what_is_typed_and_sent_amid_reloads_arrives_once_and_in_order(sesh: Sesh, home: Home) -> None:
    person = home.terminal("work", "--", "sh", "-c", "stty raw -echo; echo go; exec cat > out")
    person.wait_for("go")
    typed = b"".join(b"%07d," % number for number in range(8_000))
    sent = typed.translate(bytes.maketrans(b"0123456789,", b"abcdefghijk"))
    with open(home.write("sent", sent), "rb") as file:
        sending = home.start("send", "work", "-", stdin=file.fileno())
    middle = len(typed) // 2
    for part in range(2):
        reloading = home.start("reload", "work")
        person.type(typed[part * middle : (part + 1) * middle], timeout=60)
        assert reloading.wait(30) == 0
    assert sending.wait(30) == 0
    path = os.path.join(home.path, "out")
    wait_until(lambda: os.path.getsize(path) >= 2 * len(typed), "the program has what was typed, twice")
    with open(path, "rb") as file:
        arrived = file.read()
    assert re.sub(rb"[a-k]", b"", arrived) == typed
    assert re.sub(rb"[0-9,]", b"", arrived) == sent
    assert sesh("kill", "work").code == 0


def test_who_waits_follows_or_asks_for_the_history_is_not_forgotten(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    assert sesh("run", "work", "--", "X=3; echo one").stdout == "one\n"
    waits = [home.start("wait", "work", "--exit", "--json"), home.start("wait", "work", "--for", "magic", "--json")]
    events = home.start("events", "work", "--json")
    wait_until(lambda: home.sesh("run", "work", "--", "true").code == 0, "the shell runs a command again")
    assert sesh("reload", "work").code == 0
    assert [each["n"] for each in sesh("history", "work", "--json").json()] == [1, 2]
    assert sesh("history", "work", "1").stdout == "one\n"
    assert sesh("run", "work", "--", "echo $X; echo ma''gic").stdout == "3\nmagic\n"
    assert json.loads(waits[1].communicate(timeout=30)[0])["met"] == "for"
    sesh("send", "work", "exit 4", "--enter")
    assert json.loads(waits[0].communicate(timeout=30)[0])["exit_code"] == 4
    reported = [json.loads(line) for line in events.communicate(timeout=30)[0].splitlines()]
    assert [each["seq"] for each in reported] == sorted({each["seq"] for each in reported})
    assert reported[-1]["event"] == "exited"


@pytest.mark.long
def test_a_program_that_ends_amid_reloads_has_its_code_delivered(sesh: Sesh, home: Home) -> None:
    """The new image must not miss a SIGCHLD that the old image has received."""
    for number in range(rounds(1, 6)):
        script = f"until [ -e go{number} ]; do sleep 0.02; done; sleep 0.{3 + number}; exit {10 + number}"
        job = home.start("exec", f"job{number}", "--", "sh", "-c", script)
        wait_until(lambda number=number: f"job{number}" in home.names(), f"the session job{number} exists")  # type: ignore[misc]
        home.write(f"go{number}", "")
        while sesh("reload", f"job{number}").code == 0:
            continue
        assert job.wait(30) == 10 + number


def test_a_session_that_runs_a_command_of_run_is_busy_and_the_command_goes_on(sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    running = home.start("run", "work", "--", "echo beg''un; while [ ! -e enough ]; do sleep 0.02; done; (exit 5)")
    assert sesh("wait", "work", "--for", "begun", "--since-start", "--timeout", "30").code == 0
    refused = sesh("reload", "work", "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (1, "busy"), refused.stdout
    home.write("enough", "")
    assert running.communicate(timeout=30)[0] == b"begun\n"
    assert running.returncode == 5
    for number in range(rounds(1, 8)):
        reloading = home.start("reload", "work")
        answer = sesh("run", "work", "--", f"echo {number}; (exit {number})")
        assert (answer.code, answer.stdout) == (number, f"{number}\n")
        assert reloading.wait(30) in (0, 1), "or it is busy"
    assert faults(home, "work") == []


@pytest.mark.soak
def test_a_sesh_that_was_replaced_in_its_place_is_taken_up(sesh: Sesh, home: Home) -> None:
    """After an upgrade by pip, late-loaded modules may not fit; `reload` must still work."""
    home.command = other(home, "sesh")
    sesh("open", "work", "--", "sh", "-c", "echo here; read x")
    wait_until(
        lambda: any(name.startswith(".checkpoint") for name in os.listdir(home.directory)), "a checkpoint is written"
    )
    change(home, "sesh", "daemon/reload.py", NOT_HERE.format("'-I' not in sys.orig_argv"))
    change(home, "sesh", "daemon/base/faults.py", LOUDER)
    assert sesh("reload", "work").code == 0
    assert faults(home, "work")[-1:] == ["louder"]


@pytest.mark.soak
def test_a_session_whose_sesh_was_removed_goes_on_and_can_be_moved(home: Home) -> None:
    command = home.command
    home.command = other(home, "removed", "daemon/base/faults.py", LOUDER)
    assert home.sesh("open", "work").code == 0
    before = pids(home, "work")
    assert faults(home, "work")[-1:] == ["louder"]
    shutil.rmtree(os.path.join(home.root, "removed"))
    home.command = command
    assert home.sesh("run", "work", "--", "echo on").stdout == "on\n"
    moved = home.sesh("reload", "work")
    assert (moved.code, moved.stdout) == (0, "work runs the installed sesh now\n"), moved.stderr
    assert pids(home, "work") == before
    assert home.sesh("run", "work", "--", "echo further").stdout == "further\n"


def test_a_job_is_fed_on(sesh: Sesh, home: Home) -> None:
    import subprocess

    job = home.start("exec", "job", "--stdin", "--follow", "--", "cat", stdin=subprocess.PIPE)
    assert job.stdin is not None
    wait_until(lambda: "job" in home.names(), "the session job exists")
    job.stdin.write(b"one\n")
    job.stdin.flush()
    assert sesh("reload", "job").code == 0
    assert job.communicate(b"two\n", timeout=30)[0].replace(b"\r", b"") == b"one\ntwo\n"


@pytest.mark.needs_fork("the daemon notes that the text waits")
def test_a_long_text_that_waits_for_its_program_is_typed_once(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender must repeat only the piece that waits for room."""
    is_full, waits = Typing._is_full, os.path.join(home.root, "waits")

    def noted(typing: Typing, data: bytes) -> bool:
        if full := is_full(typing, data):
            os.close(os.open(waits, os.O_CREAT))
        return full

    monkeypatch.setattr(Typing, "_is_full", noted)
    script = "mkfifo gate; stty raw -echo; echo ready; read line <gate; exec head -c 300000 >got"
    assert sesh("open", "slow", "--", "sh", "-c", script).code == 0
    assert sesh("wait", "slow", "--for", "ready", "--since-start").code == 0
    text = "".join(f"{number:7}\n" for number in range(37_500))
    with open(os.path.join(home.root, "text"), "w+") as file:
        file.write(text)
        file.seek(0)
        sender = home.start("send", "slow", "-", stdin=file.fileno())
    wait_until(lambda: os.path.exists(waits), "the daemon waits for the program")
    assert sesh("reload", "slow").code == 0
    with open(f"{home.path}/gate", "w") as gate:
        gate.write("go\n")
    assert sender.wait(60) == 0
    assert sesh("wait", "slow", "--exit").code == 0
    with open(f"{home.path}/got") as got:
        assert got.read() == text


@pytest.mark.soak
def test_a_client_that_reads_nothing_meanwhile_stays(sesh: Sesh, home: Home) -> None:
    """The daemon cannot tell it of the reload: its connection is full."""
    script = "echo begun; read -r x; yes $(printf %0900d 1) | head -c 600000; echo over; cat"
    person = home.terminal("work", "--", "sh", "-c", script)
    person.wait_for("begun")
    person.signal(signal.SIGSTOP)
    assert sesh("send", "work", "--enter", "go").code == 0
    assert sesh("wait", "work", "--for", "over").code == 0
    assert sesh("reload", "work").code == 0
    person.signal(signal.SIGCONT)
    person.wait_for("over")
    person.type("still here\r")
    person.wait_for("still here")
    person.type(b"\x1c")
    assert person.exit_code() == 0


@pytest.mark.soak
def test_a_follower_that_reads_nothing_meanwhile_follows_on(sesh: Sesh, home: Home) -> None:
    """It said that the job's daemon had died."""
    source = "echo begun; read -r x; yes | head -c 4000000; echo over; read -r x; exit 7"
    follower = home.start("exec", "job", "-f", "--", "sh", "-c", source)
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"begun\n"
    follower.send_signal(signal.SIGSTOP)
    assert sesh("send", "job", "--enter", "go").code == 0
    wait_until(lambda: "over" in sesh("screen", "job").stdout, "job shows 'over'")
    assert sesh("reload", "job").code == 0
    follower.send_signal(signal.SIGCONT)
    assert sesh("send", "job", "--enter", "end").code == 0
    error = follower.communicate(timeout=60)[1]
    assert follower.returncode == 7, error


@pytest.mark.soak
def test_a_reload_is_done_once_the_other_sesh_serves(sesh: Sesh, home: Home) -> None:
    """A verb that followed found a daemon that did not answer yet."""
    dying = "\ndef take_over(memory, serve=take_over):\n    memory and os._exit(3)\n    serve(memory)\n"
    assert sesh("open", "work").code == 0
    home.command = other(home, "dying", "daemon/reload.py", dying)
    done = sesh("reload", "work")
    assert done.code == 1, done
    assert home.summary("work")["state"] == "lost"
