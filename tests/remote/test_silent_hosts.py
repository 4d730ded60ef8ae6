"""Lists know what they do not know: hosts that do not answer, and what was last known of their sessions."""

from __future__ import annotations

import glob
import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.remote.farm import Far, Farm
from tests.remote.patches import patch, patch_host
from tests.remote.test_lookup import known
from tests.support import Home, processes, wait_until
from tests.support.slow import Slow

AHEAD = """
import time
now = time.time
time.time = lambda: now() + 3 * 86400
"""
"""The clock here is three days ahead of that of each host."""
BEHIND = (
    AHEAD.replace("+", "-")
    + """
from sesh import moments
from sesh.store import listing
told = listing.summaries

def behind(*words):
    rows = told(*words)
    for row in rows:
        since = moments.seconds(row["activity"]["since"])
        if since > time.time() + 86400:
            row["activity"]["since"] = moments.exact_stamp(since - 3 * 86400)
    return rows

listing.summaries = behind
"""
)
"""The clock of a host is three days behind, and that of its daemons, which may have been forked from others."""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def stale_rows(home: Home) -> list[str]:
    return [line for line in lines(home.sesh("--list").stdout) if line.startswith("?")]


def test_a_session_that_was_created_just_now_is_listed_with_its_directory_and_its_program(
    home: Home, farm: Farm
) -> None:
    """Nothing but its name was known."""
    far = farm.host("gone", proxied=True)
    known(home, far)
    terminal = home.terminal("@gone", "fresh", "--", "sh", "-c", "echo ready; exec cat")
    terminal.wait_for("ready")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    processes.kill(farm.masters())
    far.proxy.refuse()
    (row,) = stale_rows(home)
    assert re.fullmatch(r"\? fresh +seen just now +~ +sh -c 'echo ready; exec cat'", row)


def test_a_job_that_runs_is_listed_of_a_host_that_was_cut_off_right_after(home: Home, farm: Farm) -> None:
    """It was in no list until the host had told of it, though somebody waited for it in the next window."""
    far = farm.host("gone", proxied=True)
    known(home, far)
    job = home.start("@gone", "--exec", "job", "--follow", "--", "sh", "-c", "echo ready; exec cat")
    assert job.stdout is not None
    assert job.stdout.readline().strip() == b"ready"
    far.proxy.refuse()
    far.proxy.cut()
    (row,) = stale_rows(home)
    assert re.fullmatch(r"\? job +seen just now +~ +sh -c 'echo ready; exec cat'", row)
    processes.kill([job.pid])
    job.communicate()


@pytest.mark.parametrize(
    "words", [("--open", "job"), ("--new", "job", "-d"), ("--exec", "job", "-d")], ids=lambda w: w[0]
)
def test_a_session_that_nobody_attached_to_is_known_of_a_host_that_was_cut_off_right_after(
    home: Home, farm: Farm, words: tuple[str, ...]
) -> None:
    """`sesh job` created a session here without a question, as no list had shown the one there yet."""
    far = farm.host("gone", proxied=True)
    known(home, far)
    assert home.sesh("@gone", *words, "--", "cat").code == 0
    processes.kill(farm.masters())
    far.proxy.refuse()
    (row,) = stale_rows(home)
    assert re.fullmatch(r"\? job +seen just now +cat", row), row
    terminal = home.terminal("job")
    terminal.wait_for("job was there just now")


def test_a_session_that_a_terminal_has_just_left_was_seen_then(home: Home, farm: Farm) -> None:
    """`seen 4 min ago`, of a session that one had left ten seconds ago."""
    far = farm.host("gone", proxied=True)
    far.sesh("--open", "work", "--", "sh", "-c", "echo ready; exec cat")
    known(home, far)
    terminal = home.terminal("@gone", "work")
    terminal.wait_for("ready", 20)
    (path,) = glob.glob(os.path.join(home.path, ".local/state/sesh/remotes/*.names"))
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    home.write(path, json.dumps({**told, "at": time.time() - 240}), 0o600)
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    processes.kill(farm.masters())
    far.proxy.refuse()
    (row,) = stale_rows(home)
    assert re.fullmatch(r"\? work +seen just now +\ds +~ +sh -c 'echo ready; exec cat'", row)


@pytest.mark.parametrize("end", ["--kill", "--kill-all", "--rename", "--exec", "attached"])
def test_what_is_known_to_have_ended_is_not_listed_of_a_silent_host(home: Home, farm: Farm, end: str) -> None:
    """A session that one had just killed was `seen just now`."""
    far = farm.host("gone", proxied=True)
    for name in ("job", "other"):
        if (name, end) != ("job", "--exec"):
            far.sesh("--open", name, "--", "sh", "-c", "echo ready; exec cat")
    job = home.start("@gone", "--exec", "job", "--", "cat") if end == "--exec" else None
    wait_until(lambda: far.names() == ["job", "other"])
    known(home, far)
    assert home.sesh("--list", "--json").code == 0
    if job is not None:
        assert far.sesh("--kill", "job").code == 0
        job.communicate(timeout=20)
    elif end == "attached":
        terminal = home.terminal("@gone", "job")
        terminal.wait_for("ready", 20)
        terminal.type(b"\x04")
        assert terminal.exit_code() == 0
    else:
        words = {"--kill": ["job"], "--kill-all": ["-y"], "--rename": ["job", "new"]}[end]
        assert home.sesh("@gone", end, *words).code == 0
    processes.kill(farm.masters())
    far.proxy.refuse()
    left = {"--kill-all": set(), "--rename": {"new", "other"}}.get(end, {"other"})
    assert {row.split()[1] for row in stale_rows(home)} == left


def test_a_slow_host_s_sessions_stand_in_the_list_as_they_were_last_seen(home: Home, farm: Farm) -> None:
    """Its rows vanished, for a minute, and nothing said why."""
    far, other = farm.host("slow", proxied=True), farm.host("alpha")
    far.sesh("--open", "build", "~/", "--label", "team=mine", "--", "sh", "-c", "exec sleep 600")
    other.sesh("--open", "quick")
    known(home, far, other)
    far.proxy.delay(0.5)
    listed = lines(home.sesh("--list").stdout)
    remark = listed.index("@slow  no answer yet")
    assert listed[remark - 2] == "@alpha"
    assert re.fullmatch(r"\? build +seen just now +\ds +~ +sh -c 'exec sleep 600'", listed[remark + 1])
    rows = home.sesh("--list", "--json").json()
    assert [(row["name"], row["host"]) for row in rows] == [("quick", "alpha"), ("build", "slow")]
    assert "stale" not in rows[0]
    stale = rows[1]["stale"]
    assert stale["reason"] == "no answer yet"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stale["since"])
    assert (rows[1]["command"], rows[1]["labels"]) == (["sh", "-c", "exec sleep 600"], {"team": "mine"})
    assert [row["name"] for row in home.sesh("--list", "--label", "team=mine", "--json").json()] == ["build"]
    far.proxy.delay(0)
    assert "stale" not in home.sesh("--list", "--json").json()[1], "it is asked again each time"


def test_the_list_of_one_host_that_does_not_answer_shows_what_was_last_known(home: Home, farm: Farm) -> None:
    """It was an error alone; a person waited fourteen seconds for it."""
    far = farm.host("gone", proxied=True)
    known(home, far)
    far.sesh("--open", "build", "--label", "team=mine", "--", "cat")
    assert home.sesh("@gone", "--list").code == 0
    processes.kill(farm.masters())
    far.proxy.silence()
    opened = home.terminal("@gone")
    opened.wait_for("connecting to gone")
    assert opened.exit_code() == 1
    assert re.search(r"@gone +no answer yet\n\? build +seen just now", opened.text()), opened.text()
    far.proxy.refuse()
    processes.kill(farm.masters())
    listed = home.sesh("@gone", "--list")
    assert listed.code == 1
    assert "? build " in listed.stdout
    assert listed.stderr.startswith("sesh: cannot reach gone: ")
    assert home.sesh("@gone", "--list", "--label", "team=none").stdout == ""
    failed = home.sesh("@gone", "--list", "--json")
    assert (failed.code, failed.json()["error"]["code"]) == (1, "unreachable")


def test_the_rows_of_all_machines_stand_below_the_same_headings(home: Home, farm: Farm) -> None:
    """Rows that came later were wider: no column stood below its heading."""
    far, other = farm.host("slow", proxied=True), farm.host("alpha")
    home.sesh("--open", "me", "~/")
    far.sesh("--open", "a-name-that-is-long", "~/", "--", "sleep", "600")
    other.sesh("--open", "quick-as-a-flash", "~/")
    known(home, far, other)
    for _ in range(2):
        rows = [line for line in home.sesh("--list").stdout.splitlines() if line[:1] != "@"]
        assert len(rows) == 4
        column = rows[0].index(" DIRECTORY")
        assert {row.index(" ~") for row in rows[1:]} == {column}, rows
        far.proxy.silence()
    assert rows[-1].startswith("? a-name-that-is-long  seen ")


def test_each_list_says_why_a_host_does_not_answer(home: Home, farm: Farm) -> None:
    """Each of these was `unreachable`."""
    changed, locked = farm.host("changed", proxied=True), farm.host("locked", sshd={"PasswordAuthentication": "yes"})
    refused, bare = farm.host("refused", proxied=True), farm.host("bare")
    hosts = (changed, locked, refused, bare)
    for far in hosts:
        far.sesh("--open", f"on-{far.word}")
    known(home, *hosts)
    processes.kill(farm.masters())
    farm.change_key(changed)
    refused.proxy.refuse()
    bare.run("rm .local/bin/sesh")
    with open(farm.config, encoding="utf-8") as file:
        before, host, after = file.read().partition("Host locked")
    with open(farm.config, "w", encoding="utf-8") as file:
        file.write(before + host + after.replace(farm.ground.identity, "/nonexistent", 1))
    reasons = {
        "bare": "not deployed; install it with: sesh --deploy @bare",
        "changed": "host key changed",
        "locked": "asks for a password",
        "refused": "connection refused",
    }
    for _ in range(2):  # the second time those that refused a login are not asked, and the reason stands
        listed = [line.partition("; not asked")[0] for line in lines(home.sesh("--list").stdout) if line[:1] in "@?"]
        assert [line for line in listed if line[0] == "@"] == [f"@{host}  {why}" for host, why in reasons.items()]
        assert [line.split()[1] for line in listed if line[0] == "?"] == [f"on-{host}" for host in reasons]
        rows = home.sesh("--list", "--json").json()
        assert {row["host"]: row["stale"]["reason"] for row in rows} == reasons
    opened = home.terminal("--watch", columns=100)
    for host, why in reasons.items():
        opened.wait_for(re.compile(rf"^@{host}  {re.escape(why)}\n\? on-{host} +seen just now", re.MULTILINE))
    opened.type("q")
    assert opened.exit_code() == 0
    opened = home.terminal("--pick", columns=120)
    opened.wait_for(re.compile(r"\?@refused on-refused +seen just now"))
    opened.type("on-refused")
    opened.wait_for("@refused does not answer (connection refused)")
    opened.type("\x1b")
    opened.exit_code()
    opened = home.terminal("--next", columns=300)
    assert opened.exit_code() == 1
    assert "@locked (asks for a password), @refused (connection refused) could not be asked" in opened.text()
    completed = home.sesh("--complete", "bash", "--", "--status", "on-r").stdout
    assert re.search(r"^on-refused\tseen just now, @refused, connection refused, ~", completed, re.MULTILINE)
    found = home.sesh("--doctor", "@changed", "@refused")
    assert "host key of changed has changed" in found.stdout
    assert "Connection refused" in found.stdout


def test_hosts_and_sessions_stand_in_the_order_of_their_names(home: Home, farm: Farm) -> None:
    """Hosts came as they answered, and s10 before s2."""
    hosts = [farm.host(word) for word in ("n10", "n2", "n1")]
    for name in ("s10", "s1", "s2"):
        home.sesh("--open", name)
        hosts[0].sesh("--open", f"far-{name}")
    for far in hosts[1:]:
        far.sesh("--open", f"on-{far.word}")
    known(home, *hosts)
    expected = ["s1", "s2", "s10", "on-n1", "on-n2", "far-s1", "far-s2", "far-s10"]
    for _ in range(3):
        assert [row["name"] for row in home.sesh("--list", "--json").json()] == expected
    listed = [line.split()[0] for line in lines(home.sesh("--list").stdout)[1:]]
    assert [name for name in listed if name[0] != "@"] == expected
    assert [name for name in listed if name[0] == "@"] == ["@n1", "@n2", "@n10"]
    completed = home.sesh("--complete", "bash", "--", "--status", "").stdout
    assert [line.split("\t")[0] for line in completed.splitlines()[1:4]] == ["s1", "s2", "s10"]
    opened = home.terminal("--watch", columns=100)
    opened.wait_until(lambda: re.findall(r"^ +([\w-]+) +detached", opened.text(), re.MULTILINE) == expected)
    opened.type("q")
    opened.exit_code()


def test_a_host_whose_clock_is_days_off_has_the_ages_that_passed(home: Home, farm: Farm) -> None:
    """A new session was three days old, and waited longest of all."""
    far = farm.host("box")
    far.sesh("--open", "work", "--", "sh", "-c", "sesh --state waiting 'which?'; exec sleep 600")
    patch(home, AHEAD)
    for words in (["@box", "--list"], ["--list"]):
        (row,) = [line for line in lines(home.sesh(*words).stdout) if line.startswith("work")]
        assert re.search(r" \d+s +\d+s +~", row), row
    home.sesh("--open", "older", "--", "sh", "-c", "exec sleep 600")
    assert re.search(r"^created: .* \(\d+s ago\)", home.sesh("@box", "--status", "work").stdout, re.MULTILINE)
    assert abs(home.sesh("--list", "--json").json()[-1]["clock"] + 3 * 86400) < 60


def test_next_goes_by_what_has_passed_not_by_what_a_host_s_clock_says(home: Home, farm: Farm) -> None:
    """It went to a host first whose clock was three days behind."""
    far = farm.host("box")
    patch_host(far, BEHIND)
    asks = ["--", "sh", "-c", "printf '\\033]9;which?\\007'; exec sleep 600"]
    home.sesh("--open", "first", *asks)
    assert home.sesh("--wait", "first", "--waiting", "--timeout", "10").code == 0
    home.sesh("@box", "--open", "second", *asks)
    assert home.sesh("@box", "--wait", "second", "--waiting", "--timeout", "10").code == 0
    behind = home.sesh("--list", "--json").json()[-1]
    assert (behind["name"], round(behind["clock"] / 86400)) == ("second", -3)
    opened = home.terminal("--next")
    opened.wait_for("which")
    opened.type(b"\x1c")
    assert opened.exit_code() == 0
    assert "[detached from first]" in opened.text()
    opened = home.terminal("--watch", columns=100)
    opened.wait_for(re.compile(r"first +\d+s  which\?\n.*second@box +\d+s  which\?"))
    opened.type("q")
    opened.exit_code()


@pytest.fixture
def twins(home: Home, farm: Farm) -> tuple[Far, Far]:
    """One account under two names, by two ways."""
    lan = farm.host("lan")
    vpn = farm.host("vpn", same_user=lan, proxied=True)
    known(home, lan, vpn)
    lan.sesh("--open", "work")
    return lan, vpn


def test_one_account_under_two_names_lists_each_session_once(home: Home, twins: tuple[Far, Far]) -> None:
    rows = home.sesh("--list", "--json").json()
    assert [(row["name"], row["host"]) for row in rows] == [("work", "lan")]
    listed = home.sesh("--list").stdout
    assert (len(re.findall(r"^  work ", listed, re.MULTILINE)), "@vpn" in listed) == (1, False), listed
    opened = home.terminal("--watch", columns=100)
    opened.wait_for(re.compile(r"^@lan\n +work", re.MULTILINE))
    opened.type("q")
    opened.exit_code()
    assert len(re.findall(r"(?m)^[ >]? *work ", opened.text())) == 1
    assert home.sesh("--status", "work", "--json").json()["host"] == "lan", "nobody is asked which of the two is meant"
    twins[1].proxy.silence()
    assert [row["host"] for row in home.sesh("--list", "--json").json()] == ["lan"]


def test_a_host_that_is_forgotten_while_the_list_is_watched_stays_forgotten(home: Home, farm: Farm) -> None:
    far, other = farm.host("box"), farm.host("other")
    far.sesh("--open", "work")
    other.sesh("--open", "there")
    known(home, far, other)
    opened = home.terminal("--watch", columns=100)
    opened.wait_for("work")
    assert home.sesh("--forget", "@box").code == 0
    opened.wait_until(lambda: "@box" not in opened.text(), 20)
    other.sesh("--open", "later")
    opened.wait_for("later")
    opened.type("q")
    opened.exit_code()
    assert "known: @other" in home.sesh("--forget", "@box").stderr


def test_a_host_far_away_is_listed_once_it_has_been_logged_in_to(home: Home, farm: Farm) -> None:
    """At 500 ms of round trip a host was never listed, warm or cold: the login began anew each time."""
    far = farm.host("far", proxied=True)
    far.sesh("--open", "build")
    known(home, far)
    processes.kill(farm.masters())
    far.proxy.delay(0.25)
    asked = len(farm.connections())
    listed = [home.start("--list"), home.start("--list")]
    for process in listed:
        assert b"@far  no answer yet" in process.communicate(timeout=20)[0]
    sockets = os.path.join(home.directory, ".control")
    wait_until(lambda: [name for name in os.listdir(sockets) if "." not in name], 20)
    wait_until(lambda: "stale" not in home.sesh("--list", "--json").json()[0], 20)
    logins = [call for call in farm.connections()[asked:] if "-N" in call]
    assert len(logins) == 1, "one at a time, and it goes on by itself"


@pytest.mark.parametrize("count", [4096, 1, 2])
def test_a_host_whose_login_files_read_what_is_sent_early_is_listed(home: Home, farm: Farm, count: int) -> None:
    """If they read a part, the rest made no sense, whatever was sent after it."""
    far = farm.host("box")
    far.sesh("--open", "work")
    known(home, far)
    far.login_files("")
    far.write(".bashrc", f"read -r -t 0.3 -N {count}\n")
    rows = home.sesh("--list", "--json").json()
    assert [(row["name"], "stale" in row) for row in rows] == [("work", False)]


def test_the_columns_of_all_hosts_line_up_if_no_session_runs_here(home: Home, farm: Farm) -> None:
    """A mark, a long name or a program that had failed shifted the rows of its host against the headings."""
    one, two = farm.host("one"), farm.host("two")
    known(home, one, two)
    one.sesh("--open", "calm", "--", "cat")
    two.sesh("--open", "bell", "--", "sh", "-c", r"printf '\a'; exec cat")
    wait_until(lambda: "! bell" in two.sesh("--list").stdout)

    def places() -> set[int]:
        heading, *rows = home.sesh("--list").stdout.splitlines()
        return {heading.index("DIRECTORY"), *(row.index(" ~ ") + 1 for row in rows if not row.startswith("@"))}

    assert len(places()) == 1
    two.sesh("--open", "a-long-name-of-a-session", "--", "cat")
    two.sesh("--open", "broken", "--", "sh", "-c", "exit 3")
    wait_until(lambda: "exited 3" in two.sesh("--list").stdout)
    places()
    assert len(places()) == 1


def test_a_job_that_times_out_in_a_cut_names_the_host_that_is_silent(home: Home) -> None:
    """It blamed the job's daemon, which had ended the job on time."""
    slow = Slow(home)
    job = home.start("@slow", "--exec", "job", "--timeout", "3", "--", "sleep", "600")
    wait_until(lambda: "job" in home.names())
    with slow.stopped():
        _, said = job.communicate(timeout=60)
    assert (job.returncode, said.decode()) == (
        124,
        "sesh: job timed out, but @slow does not answer, so the job may still run; end it: sesh @slow --kill job\n",
    )
