"""Lists with silent hosts have the reason, and what is known of their sessions."""

from __future__ import annotations

import os
import re
import time

import pytest

from sesh.ops import lookup
from tests.remote.test_lookup import known
from tests.remote.via import Beside
from tests.support import Home, wait_until

DAYS = 3 * 86_400
"""Seconds by which the clock here is ahead of that of each host, in one test."""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def stale_rows(home: Home) -> list[str]:
    return [line for line in lines(home.sesh("list").stdout) if line.startswith("?")]


def test_what_is_known_to_have_ended_is_not_listed_of_a_silent_host(home: Home, beside: Beside) -> None:
    """A session that the user had just killed was listed as `seen just now`."""
    far = beside("gone")
    for name in ("killed", "renamed", "attached", "other"):
        far.sesh("open", name, "--", "sh", "-c", "echo ready; exec cat")
    job = home.start("@gone", "exec", "job", "--", "cat")
    wait_until(lambda: len(far.names()) == 5, "five sessions exist on the host")
    assert len(home.sesh("@gone", "list", "--json").json()) == len(home.sesh("list", "--json").json()) == 5
    assert far.sesh("kill", "job").code == 0
    job.communicate(timeout=30)
    terminal = home.terminal("@gone", "attached")
    terminal.wait_for("ready")
    terminal.type(b"\x04")
    assert terminal.exit_code() == 0
    assert home.sesh("@gone", "kill", "killed").code == 0
    assert home.sesh("@gone", "rename", "renamed", "new").code == 0
    far.away()
    assert {row.split()[1] for row in stale_rows(home)} == {"new", "other"}


@pytest.mark.soak
@pytest.mark.needs_fork("a list that waits five seconds")
def test_a_slow_host_s_sessions_stand_in_the_list_as_they_were_last_seen(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a slow host vanished for a minute, and nothing said why."""
    far, other = beside("slow"), beside("alpha")
    far.sesh("open", "build", "~/", "--label", "team=mine", "--", "sh", "-c", "exec sleep 600")
    other.sesh("open", "quick")
    known(home, far, other)
    with monkeypatch.context() as patch:
        far.fall_silent()
        patch.setattr(lookup, "HOST_TIMEOUT", 5)  # the other host answers in time
        listed = lines(home.sesh("list").stdout)
        remark = listed.index("@slow  no answer yet")
        assert listed[remark - 2] == "@alpha"
        assert re.fullmatch(r"\? build +seen just now +\d+s +~ +sh -c 'exec sleep 600'", listed[remark + 1])
        rows = home.sesh("list", "--json").json()
    assert [(row["name"], row["host"]) for row in rows] == [("quick", "alpha"), ("build", "slow")]
    assert "stale" not in rows[0]
    stale = rows[1]["stale"]
    assert stale["reason"] == "no answer yet"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stale["since"])
    assert (rows[1]["command"], rows[1]["labels"]) == (["sh", "-c", "exec sleep 600"], {"team": "mine"})
    far.end_silence()
    assert "stale" not in home.sesh("list", "--json").json()[1], "it is asked again each time"


def test_each_list_says_why_a_host_does_not_answer(home: Home, beside: Beside) -> None:
    """The list said `unreachable` for each of these reasons."""
    gone, bare = beside("gone"), beside("bare")
    for far in (gone, bare):
        assert home.sesh(far.at, "open", f"on-{far.word}").code == 0
    known(home, gone, bare)
    gone.away()
    os.unlink(bare.launcher)
    reasons = {"bare": "not deployed; install it with: sesh deploy @bare", "gone": "no route"}
    listed = [line for line in lines(home.sesh("list").stdout) if line[:1] in "@?"]
    assert [line for line in listed if line[0] == "@"] == [f"@{host}  {why}" for host, why in reasons.items()]
    assert [line.split()[1] for line in listed if line[0] == "?"] == [f"on-{host}" for host in reasons]
    rows = home.sesh("list", "--json").json()
    assert {row["host"]: row["stale"]["reason"] for row in rows} == reasons
    opened = home.terminal("watch", columns=100)
    for host, why in reasons.items():
        opened.wait_for(re.compile(rf"^\?@{host} on-{host} +seen just now", re.MULTILINE))
        opened.wait_for(re.compile(rf"^@{host}  {re.escape(why)}"[:40], re.MULTILINE))
    opened.type("\x1b")
    assert opened.exit_code() == 0
    opened = home.terminal("pick", columns=120)
    opened.wait_for(re.compile(r"\?@gone on-gone +seen just now"))
    opened.type("on-gone")
    opened.wait_for("@gone does not answer (no route)")
    opened.type("\x1b")
    opened.exit_code()


@pytest.mark.needs_fork("another clock on the host")
def test_a_host_whose_clock_is_days_off_has_the_ages_that_passed(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new session was listed as three days old, and as waiting longest of all."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + DAYS * (os.environ["HOME"] == home.path))
    far = beside("box")
    far.sesh("open", "work", "--", "sh", "-c", "sesh state waiting 'which?'; exec sleep 600")
    for words in (["@box", "list"], ["list"]):
        (row,) = [line for line in lines(home.sesh(*words).stdout) if line.startswith("work")]
        assert re.search(r" \d+s +\d+s +~", row), row
    assert re.search(r"^created: .* \(\d+s ago\)", home.sesh("@box", "status", "work").stdout, re.MULTILINE)
    assert abs(home.sesh("list", "--json").json()[-1]["clock"] + DAYS) < 60


@pytest.mark.needs_fork("another clock on the host")
def test_lines_since_a_moment_are_those_of_this_machines_clock_also_from_a_host(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--since 9:30` is what the person's clock shows; that of the host is an hour behind."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600 * (os.environ["HOME"] == home.path))
    beside("box").sesh("open", "work", "--", "sh", "-c", "echo old; read word; echo new $word; exec cat")
    assert home.sesh("@box", "wait", "work", "--idle", "3", "--timeout", "30").code == 0
    moment = time.strftime("%H:%M:%S", time.localtime(now() + 3600 - 1))
    home.sesh("@box", "send", "work", "word", "--enter")
    assert home.sesh("@box", "wait", "work", "--for", "^new", "--timeout", "30").code == 0
    assert home.sesh("@box", "logs", "work", "--since", moment).stdout == "word\nnew word\n"
    assert home.sesh("@box", "logs", "work", "--since", "5m").stdout == "old\nword\nnew word\n"
    following = home.start("@box", "logs", "work", "--since", moment, "-f")
    assert following.stdout is not None
    assert [following.stdout.readline() for _ in range(2)] == [b"word\n", b"new word\n"]
    following.terminate()
    following.communicate()


@pytest.mark.soak
def test_a_job_that_times_out_in_a_cut_names_the_host_that_is_silent(home: Home, beside: Beside) -> None:
    """The message blamed the job's daemon, which had ended the job on time."""
    far = beside("slow")
    line = "echo begun; exec sleep 600"
    job = home.start("@slow", "exec", "job", "--follow", "--timeout", "5", "--", "sh", "-c", line)
    assert job.stdout is not None
    assert job.stdout.readline() == b"begun\n"
    far.fall_silent()
    _, said = job.communicate(timeout=60)
    assert job.returncode == 124
    assert said.decode().splitlines() == [
        "sesh: lost the link to @slow; job keeps running, reconnecting",
        "sesh: job timed out, but @slow does not answer, so the job may still run; end it: sesh @slow kill job",
    ]


@pytest.mark.soak
def test_a_jobs_time_begins_when_the_job_does(home: Home, beside: Beside) -> None:
    """After a long login, the host did not seem to answer."""
    far = beside("slow")
    far.fall_silent()
    job = home.start("@slow", "exec", "--timeout", "8", "--", "sleep", "600")
    wait_until(far.held, "a link is held")
    late = time.monotonic() + 3.5  # of the 8 s; the job's end would be later than that of the caller's patience
    wait_until(lambda: time.monotonic() > late, "3.5 s are over")
    far.end_silence()
    _, said = job.communicate(timeout=60)
    assert (job.returncode, b"was ended" in said) == (124, True), said
