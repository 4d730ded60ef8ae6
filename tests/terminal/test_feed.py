"""`exec --stdin`: the job reads the stdin of sesh, byte for byte, to the end."""

from __future__ import annotations

import hashlib
import subprocess

from tests.support import Home, Sesh, wait_until

HASH = ("python3", "-c", "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())")


def test_every_byte_arrives(sesh: Sesh) -> None:
    data = bytes(range(256)) * 4_000
    done = sesh("exec", "job", "--stdin", "--print", "--", *HASH, input=data)
    assert (done.code, done.stdout.strip()) == (0, hashlib.sha256(data).hexdigest())


def test_a_job_that_reads_no_further_or_closes_its_input_goes_on_and_ends_with_its_own_code(sesh: Sesh) -> None:
    for script, printed in (("head -c 3; exit 4", "abc"), ("exec 0</dev/null; sleep 0.2; echo on; exit 4", "on\n")):
        done = sesh("exec", "--stdin", "--print", "--", "sh", "-c", script, input=b"abc" * 200_000)
        assert (done.code, done.stdout) == (4, printed)


def test_stdin_is_a_pipe_and_the_terminal_is_still_there(sesh: Sesh) -> None:
    script = (
        "test -t 0 && echo terminal; test -p /dev/stdin && echo pipe; test -t 1 && echo out; tty </dev/tty >/dev/null"
    )
    done = sesh("exec", "--stdin", "--print", "--", "sh", "-c", script, input=b"")
    assert (done.code, done.stdout.split()) == (0, ["pipe", "out"])


def test_a_job_whose_feeder_dies_reads_the_end_and_goes_on(sesh: Sesh, home: Home) -> None:
    process = home.start("exec", "job", "--stdin", "--", "sh", "-c", "cat >/dev/null; exit 9", stdin=subprocess.PIPE)
    wait_until(lambda: "job" in home.names(), "the session job exists")
    process.kill()
    process.communicate()
    assert sesh("wait", "job", "--exit").code == 9


def test_a_job_that_ends_before_it_is_fed_has_its_own_code(sesh: Sesh) -> None:
    """A daemon that ended before the first bytes were sent must not count as dead."""
    for code in (0, 3) * 2:
        done = sesh("exec", "--stdin", "--", "sh", "-c", f"exit {code}", input=b"x" * 100_000)
        assert (done.code, done.stderr) == (code, "")
