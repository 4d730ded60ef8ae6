"""What a fork takes on from its creator where a system or a container has none of it."""

from __future__ import annotations

import pytest

from sesh.daemon.spawn import attributes
from sesh.system import inherited, kernel_calls, platforms


@pytest.mark.parametrize("policy", ["", "default", "a policy of a later kernel"])
def test_nothing_is_said_without_the_calls(monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    monkeypatch.setattr(kernel_calls, "_KNOWN", {})
    attributes.take_on({"memory_policy": policy, "keyring": "one", "keyring_id": 1}, 1)
    attributes.take_on({}, 0)


@pytest.mark.parametrize(
    ("maps", "policy"),
    [
        (b"5561 default file=/usr/bin/python3.11 mapped=2 N0=2\n7f00 bind:0 anon=1\n", "default"),
        (b"5561 prefer (many):0-1 file=/usr/bin/python3.11 mapped=2", "prefer (many):0-1"),
        (b"5561 interleave=static:0 file=/a file=b", "interleave=static:0"),
        (b"", ""),
    ],
)
def test_the_policy_of_a_process_is_that_of_its_first_mapping(
    monkeypatch: pytest.MonkeyPatch, maps: bytes, policy: str
) -> None:
    monkeypatch.setattr(platforms, "content", lambda path, *_: maps if path.endswith("numa_maps") else b"")
    assert inherited.of_this_process() == {"memory_policy": policy, "keyring": "", "keyring_id": 0}
