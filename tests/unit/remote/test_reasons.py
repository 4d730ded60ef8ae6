"""Why a host cannot be reached, in a few words, from what ssh prints."""

from __future__ import annotations

import time

import pytest

from sesh.errors import NO_ANSWER
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.ssh_messages import failure

PRINTED = {
    "ssh: connect to host box port 22: Connection refused": "connection refused",
    "ssh: connect to host box port 22: Connection timed out": NO_ANSWER,
    "Connection timed out during banner exchange": NO_ANSWER,
    "ssh: connect to host box port 22: Network is unreachable": "network is unreachable",
    "ssh: Could not resolve hostname box: Name or service not known": "name or service not known",
    "kex_exchange_identification: Connection closed by remote host\n"
    "Connection closed by 192.0.2.1 port 22": "connection closed by 192.0.2.1 port 22",
    "box: Something new.": "something new",
}


@pytest.mark.parametrize(("printed", "reason"), PRINTED.items(), ids=PRINTED.values())
def test_the_reason_is_the_end_of_what_ssh_prints(printed: str, reason: str) -> None:
    error = failure(Destination("box", settings={}), f"debug1: noise\n{printed}\n")
    assert error.reason == reason
    assert str(error) == f"cannot reach box: {printed.splitlines()[-1].rstrip('.')}"


def test_the_words_of_a_proxy_command_count_before_those_of_ssh_about_its_end() -> None:
    ends = (
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
        "banner exchange: Connection to UNKNOWN port 65535: Broken pipe",
        "kex_exchange_identification: read: Connection reset by peer\nConnection reset by UNKNOWN port 65535",
    )
    for end in ends:
        assert failure(Destination("box", settings={}), f"token expired\n{end}\n").reason == "token expired"
    assert failure(Destination("box", settings={}), f"{ends[0]}\n").reason == "connection closed by remote host"


def test_a_long_line_of_a_host_takes_no_time() -> None:
    """A host could stop the loop of an attached client for half a minute."""
    began = time.process_time()
    assert failure(Destination("box", settings={}), "1_" * 30_000 + "\n").reason.startswith("1_1_")
    assert time.process_time() - began < 1
