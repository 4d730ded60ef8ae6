"""Why a host cannot be reached, in a few words, from what ssh prints."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.errors import NO_ANSWER, LoginRefused
from sesh.remote.ssh.causes import brief, cause
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.ssh_messages import failure

BOX = Destination("box", settings={})
ADDED = "Warning: Permanently added '[127.0.0.1]:22' (ED25519) to the list of known hosts."
CHANGED = "Host key for {} has changed and you have requested strict checking."

PRINTED = {
    "ssh: connect to host box port 22: Connection refused": "connection refused",
    "ssh: connect to host box port 22: Connection timed out": NO_ANSWER,
    "Connection timed out during banner exchange": NO_ANSWER,
    "ssh: connect to host box port 22: Network is unreachable": "network is unreachable",
    "ssh: Could not resolve hostname box: Name or service not known": "name or service not known",
    "kex_exchange_identification: Connection closed by remote host\n"
    "Connection closed by 192.0.2.1 port 22": "connection closed by 192.0.2.1 port 22",
    "box: Something new.": "something new",
    "Unable to negotiate with ::1 port 22: no matching host key type found. Their offer: ssh-rsa": (
        "no matching host key type found"
    ),
    f"{ADDED}\nunix_listener: cannot bind to path /home/ann/.ssh/s/1: No such file or directory": (
        "cannot bind to path /home/ann/.ssh/s/1: No such file or directory"
    ),
    "/home/ann/.ssh/config: line 5: Bad configuration option: foo": "line 5: Bad configuration option: foo",
    "no reason given": "no reason given",
}


@pytest.mark.parametrize(("printed", "reason"), PRINTED.items(), ids=PRINTED.values())
def test_the_reason_is_the_end_of_what_ssh_prints(printed: str, reason: str) -> None:
    error = failure(BOX, f"debug1: noise\n{printed}\n")
    assert error.reason == reason
    assert str(error) == f"cannot reach box: {printed.splitlines()[-1].rstrip('.')}"


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (["f: line 5: Bad configuration option: foo", "f: terminating, 1 bad configuration options"], 0),
        (["f line 3: missing argument.", "f: line 5: Bad yes/no argument: a", "f: terminating, 2 bad"], 0),
        (['f line 2: unsupported option "maybe".', "f: terminating, 1 bad configuration options"], 0),
        (["Missing Match criteria for foo", "f line 1: Bad Match condition", "f: terminating, 1 bad"], 1),
        (["jumphost loop via h"], 0),
        (['f line 1: Unsupported option "rsa"', "f: line 5: Bad option: a", "f: terminating, 1 bad"], 1),
        (['f line 1: Unsupported option "rsa"', "ssh: connect to host box port 22: Connection refused"], 1),
        (
            [
                "bind [127.0.0.1]:80: Address already in use",
                "channel_setup_fwd_listener_tcpip: cannot listen to port: 80",
                "Could not request local forwarding.",
            ],
            0,
        ),
        (["no such identity: /k: No such file or directory", "Connection closed by 192.0.2.1 port 22"], 1),
        (["token expired", "kex_exchange_identification: read: Connection reset by peer"], 0),
        ([ADDED, "muxserver_listen: link mux listener a => b: Operation not permitted"], 1),
        (["channel 0: open failed: connect failed: No route to host", "stdio forwarding failed"], 0),
    ],
)
def test_the_line_that_names_the_cause_is_found_among_others(lines: list[str], number: int) -> None:
    """Only what a mistake in ssh_config led to was shown, and a warning in place of an error."""
    assert cause(lines) == lines[number]


def test_a_warning_is_no_reason() -> None:
    assert failure(BOX, f"{ADDED}\n").reason == "no reason given"


def test_a_changed_host_key_is_said_first_and_whose_it_is() -> None:
    """A status line had room for the end of ssh's sentence alone."""
    ends = "Host key verification failed.\nConnection closed by UNKNOWN port 65535\n"
    error = failure(BOX, f"@@@@@\n@ WARNING: IT HAS CHANGED! @\n{CHANGED.format('box')}\n{ends}")
    assert (type(error), error.reason) == (LoginRefused, "its host key has changed")
    said = "Host key for box has changed and you have requested strict checking"
    assert str(error) == f"cannot reach box: its host key has changed: {said}; `ssh box` says more"
    inner = Destination("inner", settings={"hostname": ["10.0.0.1"], "port": ["22"], "proxyjump": ["gate"]})
    assert failure(inner, CHANGED.format("10.0.0.1")).reason == "its host key has changed"
    assert failure(inner, CHANGED.format("gate")).reason == "the host key of gate has changed"


def test_the_words_of_a_proxy_command_count_before_those_of_ssh_about_its_end() -> None:
    ends = (
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
        "banner exchange: Connection to UNKNOWN port 65535: Broken pipe",
        "kex_exchange_identification: read: Connection reset by peer\nConnection reset by UNKNOWN port 65535",
    )
    for end in ends:
        assert failure(BOX, f"token expired\n{end}\n").reason == "token expired"
    assert failure(BOX, f"{ends[0]}\n").reason == "connection closed by remote host"


@given(st.lists(st.text(min_size=1)))
def test_the_cause_is_one_of_the_lines(lines: list[str]) -> None:
    assert cause(lines) in ("", *lines)
    assert isinstance(brief(cause(lines)), str)


def test_a_long_line_of_a_host_takes_no_time() -> None:
    """A host could stop the loop of an attached client for half a minute."""
    for line in ("1_" * 30_000, "a: line " * 10_000, "line 1" * 10_000, ": " * 30_000, ". " * 30_000, "a" * 60_000):
        began = time.process_time()
        failure(BOX, f"{line}\n")
        assert time.process_time() - began < 1
    assert failure(BOX, "1_" * 30_000 + "\n").reason.startswith("1_1_")
