"""`--wait`, `--run`, `--events` and `--logs -f` over links that break: they come back and miss nothing."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import IO

import pytest

from sesh import protocol
from tests.remote.farm import Far, Farm
from tests.remote.test_cuts import hasty, silence
from tests.support import Home, processes, wait_until

GO = "while [ ! -e go ]; do sleep 0.02; done"


@pytest.fixture
def box(home: Home, farm: Farm) -> Far:
    """A host behind a network that obeys, with a session `work`."""
    far = farm.host("box", proxied=True)
    assert home.sesh("@box", "--open", "work").code == 0
    assert home.sesh("@box", "--wait", "work", "--prompt", "--timeout", "20").code == 0
    return far


def away(far: Far) -> None:
    """The link breaks, and cannot be had again until `restore`."""
    far.proxy.refuse()
    far.proxy.cut()


def settled(far: Far) -> None:
    """Somebody is connected to `work` on the host, and nothing passes any more: he waits."""
    daemon = far.sesh("--status", "work", "--json").json()["daemon_pid"]
    wait_until(lambda: processes.connections(daemon) > 0, what="somebody is connected to the daemon")
    wait_until(far.settled, 20)


def line_of(stream: IO[bytes] | None) -> bytes:
    """The next line; nothing behind it is taken."""
    assert stream is not None
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(stream.fileno(), 1)
        assert more, f"it has ended: {line!r}"
        line += more
    return line


def outcome(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=30)
    return process.returncode, out.decode(), error.decode()


@pytest.mark.parametrize(
    ("words", "line", "answer"),
    [
        (["--for", "^do+ne$"], "echo do''ne", "for: done\n"),
        (["--prompt"], "true", "prompt\n"),
        (["--exit"], "exit 5", "exit: 5\n"),
    ],
)
def test_what_comes_while_the_link_is_down_is_not_missed(
    home: Home, box: Far, words: list[str], line: str, answer: str
) -> None:
    assert box.sesh("--send", "work", f"{GO}; {line}", "--enter").code == 0
    waiting = home.start("@box", "--wait", "work", "--timeout", "30", *words)
    settled(box)
    away(box)
    box.write("go", "")
    if words == ["--exit"]:
        assert box.sesh("--wait", "work", "--exit").code == 5
    else:
        wait_until(lambda: box.sesh("--wait", "work", "--prompt", "--timeout", "5").code == 0)
    box.proxy.restore()
    code, out, error = outcome(waiting)
    assert (code, out) == (5 if words == ["--exit"] else 0, answer), error
    assert error.count("\n") in (1, 2)


def test_a_command_whose_link_was_lost_is_run_once_and_answered(home: Home, box: Far) -> None:
    script = f"echo begun; echo x >>ran; {GO}; echo done; sh -c 'exit 7'"
    running = home.start("@box", "--run", "work", "--", script)
    wait_until(lambda: box.exists("ran"))
    settled(box)
    box.proxy.cut()
    while b"reconnected to" not in line_of(running.stderr):
        pass
    away(box)
    box.write("go", "")
    wait_until(lambda: len(box.sesh("--history", "work", "--json").json()) == 1, interval=0.1)
    box.proxy.restore()
    code, out, error = outcome(running)
    assert (code, out, box.read("ran")) == (7, "begun\ndone\n", "x\n"), error


def test_a_command_that_ends_the_session_while_the_link_is_down_gives_its_code(home: Home, box: Far) -> None:
    running = home.start("@box", "--run", "work", "--json", "--", f"touch began; {GO}; exit 9")
    wait_until(lambda: box.exists("began"))
    settled(box)
    away(box)
    box.write("go", "")
    wait_until(lambda: box.names() == [])
    box.proxy.restore()
    code, out, error = outcome(running)
    assert (code, json.loads(out)["exit_code"], json.loads(out)["host"]) == (9, 9, "box"), error


def test_events_go_on_behind_the_last_one(home: Home, box: Far) -> None:
    following = home.start("@box", "--events", "work", "--since", "0", "--json")
    first = json.loads(line_of(following.stdout))
    away(box)
    for number in range(3):
        assert box.sesh("--run", "work", "--", f"printf '\\033]0;t{number}\\007'").code == 0
    box.proxy.restore()
    rest: list[dict[str, object]] = []
    while not rest or rest[-1].get("title") != "t2":
        rest.append(json.loads(line_of(following.stdout)))
    assert home.sesh("@box", "--kill", "work").code == 0
    _, out, error = outcome(following)
    rest += [json.loads(line) for line in out.splitlines()]
    assert [each["seq"] for each in rest] == list(range(first["seq"] + 1, first["seq"] + 1 + len(rest))), error
    assert [each["title"] for each in rest if each["event"] == "title"] == ["t0", "t1", "t2"]
    assert (rest[-1]["event"], rest[-1]["reason"], rest[-1]["host"]) == ("exited", "killed", "box")


def test_each_line_is_printed_once_through_cuts(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    script = f"echo line-0-; {GO}; i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo line-$i-; "
    script += "[ $((i%20)) = 0 ] && sleep 0.04; done; exit 3"
    assert home.sesh("@box", "--exec", "job", "-d", "--", "sh", "-c", script).code == 0
    lines = home.start("@box", "--logs", "job", "-f")
    assert lines.stdout is not None
    assert os.read(lines.stdout.fileno(), 100) == b"line-0-\n"
    far.write("go", "")
    for _ in range(2):
        accepted = far.proxy.accepted
        far.proxy.cut()
        wait_until(lambda: far.proxy.accepted > accepted)  # noqa: B023
    wait_until(lambda: far.names() == [], timeout=20)
    code, out, error = outcome(lines)
    assert (code, out.split()) == (0, [f"line-{number}-" for number in range(1, 601)]), error


def test_all_that_a_job_printed_is_collected_through_cuts(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    script = (
        "i=0; while [ $i -lt 8 ]; do i=$((i+1)); yes $i-0123456789-0123456789-0123456789 | head -n 10000; sleep 0.3; "
    )
    job = home.start("@box", "--exec", "job", "--print", "--", "sh", "-c", f"{script} done; exit 5")
    for _ in range(2):
        accepted = far.proxy.accepted
        wait_until(lambda: "job" in far.names())
        far.proxy.cut()
        wait_until(lambda: far.proxy.accepted > accepted)  # noqa: B023
    code, out, error = outcome(job)
    assert code == 5
    assert out == "".join(f"{number}-0123456789-0123456789-0123456789\n" * 10_000 for number in range(1, 9)), error


def test_a_link_that_goes_silent_is_mended_as_well(home: Home, box: Far) -> None:
    hasty(home)
    waiting = home.start("@box", "--wait", "work", "--exit")
    settled(box)
    silence(box, wait_until)
    assert b"lost the link" in line_of(waiting.stderr)
    assert b"reconnected to" in line_of(waiting.stderr)
    assert box.sesh("--run", "work", "--", "exit 8").code == 8
    assert outcome(waiting)[:2] == (8, "exit: 8\n")


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_sent_over_a_link_that_just_broke_tells_of_the_link(here: Home, box: Far, deep: bool) -> None:
    """A second cut met the command being given again, and was told as the daemon's death."""
    from sesh.errors import Lost, Unreachable
    from sesh.link_state import LinkState
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import open_link

    with open_link(Destination("box"), {}, ask=False) as through:
        through.keepalive = LinkState(time.monotonic(), beside=False) if deep else None
        away(box)

        def pinged() -> bool:
            through.send(protocol.frame(protocol.PING))
            return False

        with pytest.raises(Unreachable) as caught:
            wait_until(pinged)
        assert isinstance(caught.value, Lost) is deep


# -- a host that was restarted while the link was down


def restarted(far: Far, *, reboot: bool = True) -> None:
    """All processes of the host end, as in a power cut; with `reboot` its records are those of an earlier start."""
    away(far)
    far.account.end()
    for name in far.names():
        record = {**json.loads(far.read(f".sesh/{name}.json"))}
        far.write(f".sesh/{name}.json", json.dumps({**record, "boot": "before"} if reboot else record), 0o600)
    far.proxy.restore()


HOW = {
    True: "box was restarted; work is lost; `sesh @box work` shows its last screen and starts it again",
    False: "work was lost: its daemon died; `sesh @box work` shows its last screen and starts it again",
}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--wait", "work", "--exit"), 1),
        (("--run", "work", "--", "echo begun; cat"), 255),
        (("--exec", "work", "--follow", "--keep", "--", "sh", "-c", "echo begun; exec sleep 100"), 255),
        (("--logs", "work", "-f"), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_who_waits_for_what_was_lost_with_its_host_hears_that_too(
    home: Home, box: Far, words: tuple[str, ...], code: int
) -> None:
    if words[0] == "--exec":
        assert home.sesh("@box", "--kill", "work").code == 0
    process = home.start("@box", *words)
    if code == 255:
        assert line_of(process.stdout) == b"begun\n"
    else:
        settled(box)
    restarted(box)
    ended, _, said = outcome(process)
    assert (ended, said.splitlines()[-1]) == (code, f"sesh: {HOW[True]}")
