"""`SESH_LOG`: what goes wrong anywhere, in one file; and what `--doctor --report` makes of it for an issue."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

import pytest

from tests.support import Home, Result
from tests.support.waiting import wait_until

Sesh = Callable[..., Result]


@pytest.fixture
def log(home: Home) -> str:
    """The file that is named."""
    path = os.path.join(home.path, "sesh.log")
    home.env["SESH_LOG"] = path
    return path


def lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def test_daemons_and_commands_say_in_one_file_what_goes_wrong_and_nothing_that_was_typed(
    sesh: Sesh, home: Home, log: str
) -> None:
    home.write(".config/sesh/config.toml", '[hooks]\non_bell = "exit 3"\n')
    sesh("--open", "work")
    sesh("--run", "work", "--", "printf 'SECRET\\a'")
    wait_until(lambda: any(" daemon: the hook on_bell " in line for line in lines(log)))
    pid = sesh("--status", "work", "--json").json()["daemon_pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert sesh("--message", "work", "SECRET").code == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    assert sesh("--kill", "SECRET").code == 1
    assert sesh("--nosuch-SECRET").code == 2
    told = lines(log)
    assert re.fullmatch(r"\S+Z \d+ command --message: unreachable: the daemon of work does not answer \(.*\)", told[-1])
    assert "SECRET" not in "\n".join(told)
    assert len(told) == 2
    assert os.stat(log).st_mode & 0o777 == 0o600


def test_the_reason_why_a_command_fails_within_is_told_without_its_words(sesh: Sesh, home: Home, log: str) -> None:
    os.makedirs(home.directory, mode=0o700, exist_ok=True)
    os.chmod(home.directory, 0o500)
    assert sesh("--list").code == 1
    os.chmod(home.directory, 0o700)
    assert re.fullmatch(r"\S+Z \d+ command --list: refused \(paths\.py:\d+\)", lines(log)[-1])


def test_the_words_of_a_command_are_not_taken_for_the_verb(sesh: Sesh, log: str) -> None:
    assert sesh("work", "--", "tool", "--kill").code == 1  # without a terminal
    assert re.fullmatch(r"\S+Z \d+ command: refused \(\w+\.py:\d+\)", lines(log)[-1])


def test_a_log_that_is_another_s_or_no_file_is_not_written_and_stops_nothing(home: Home, sesh: Sesh, log: str) -> None:
    target = home.write("target", "")
    os.symlink(target, log)
    os.makedirs(home.directory, mode=0o700, exist_ok=True)
    os.chmod(home.directory, 0o500)
    assert "sesh: " in sesh("--list").stderr
    assert os.path.getsize(target) == 0
    os.unlink(log)
    os.mkfifo(log)
    assert "sesh: " in sesh("--list").stderr
    os.unlink(log)
    os.mkdir(log)
    assert "sesh: " in sesh("--list").stderr
    os.chmod(home.directory, 0o700)


def test_a_report_has_what_an_issue_needs_and_no_secret(sesh: Sesh, home: Home, log: str) -> None:
    home.write(
        ".config/sesh/config.toml",
        'detach_key = "C-g"\n[groups]\nprivategroup = ["privatehost"]\n[hooks]\non_bell = "exit 3 # PASSWORD"\n',
    )
    home.write("secretproject/readme", "")
    env = {"API_TOKEN": "PASSWORD", "SESH_IDENTITY": f"{home.path}/secretproject/key"}
    assert sesh("--open", "secretname", f"{home.path}/secretproject", "--label", "k=PASSWORD").code == 0
    sesh("--run", "secretname", "--", "printf 'PASSWORD\\a'")
    wait_until(lambda: any("on_bell" in line for line in lines(log)))
    with open(log, "a", encoding="utf-8") as file:
        file.write('2026-01-31T12:00:00Z 7 link: disconnect {"host":"elsewhere","session":"x","reason":"lost"}\n')
        file.write("2026-01-31T12:00:00Z 8 command --list: unreachable: elsewhere does not answer (link.py:1)\n")
        file.write(f"2026-01-31T12:00:00Z 9 daemon: {home.path}/secretproject: No space left on device\n")
    found = sesh("--doctor", "--report", "--json", env=env)
    report = found.json()
    assert (found.code, report["ok"], report["sessions"], report["remotes"]) == (0, True, 1, 0)
    assert report["settings"] == ["detach_key", "groups", "hooks"]
    assert {"SESH_LOG", "SESH_IDENTITY"} <= set(report["variables"])
    assert {"python", "directory", "versions"} <= {row["check"] for row in report["checks"]}
    assert any("the hook on_bell" in line for line in report["faults"])
    assert [line.partition(" ")[2] for line in report["log"][-3:]] == [
        "7 link: disconnect reason=lost",
        "8 command --list: unreachable (link.py:1)",
        "9 daemon: ~/…: No space left on device",
    ]
    text = sesh("--doctor", "--report", env=env).stdout
    assert "detach_key groups hooks" in text
    for secret in (
        "PASSWORD",
        "secret",
        "privategroup",
        "privatehost",
        "elsewhere",
        home.path,
        os.uname().nodename,
        "C-g",
    ):
        assert secret not in found.stdout, secret
        assert secret not in text, secret


def test_a_report_is_of_this_machine(sesh: Sesh) -> None:
    assert sesh("@box", "--doctor", "--report").code == 2
