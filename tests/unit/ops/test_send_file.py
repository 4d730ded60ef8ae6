"""What a daemon says of a file that was sent, in the words of the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh.errors import Refused, SeshError, UsageError, rebuild
from sesh.ops import send_file
from sesh.reach.caller import Caller
from sesh.reach.exchange import Exchange
from sesh.reach.stream import Arrival, Stream
from sesh.reach.target import Target
from sesh.schema.outcomes import SentFile
from sesh.wire import protocol

OLDER = rebuild({"code": "usage", "what": "sesh 0.1, which work runs, has no request put"})


class Daemon:
    """The stream of a daemon that answers a request at once."""

    host, name, lost = None, "work", False

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.connection = self
        self.exchange: Exchange[Any] | None = None

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, exchange: Exchange[Any]) -> Exchange[Any]:
        self.exchange = exchange
        return exchange

    def close(self, exchange: Exchange[Any]) -> None: ...

    def decode_response(self, _: object, answer: Any) -> Any:
        if isinstance(answer, SeshError):
            raise answer
        return answer

    def arrivals(self, **_: object) -> Iterator[Arrival]:
        yield Arrival(protocol.RESPONSE, 1, self.answers.pop(0), self.exchange)


Send = Callable[..., SentFile]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return what sends a file to a daemon with these answers."""

    def sends(*answers: Any) -> SentFile:
        monkeypatch.setattr(Stream, "open", lambda *_: Daemon([*answers]))
        return send_file.send_file(Target(Caller()), "work", send_file.of_bytes(b"data", "shot.png"))

    return sends


def refusal(sent: Send, *answers: Any) -> str:
    with pytest.raises(Refused) as caught:
        sent(*answers)
    return str(caught.value)


def test_what_was_not_done_is_said(sent: Send) -> None:
    there = {"ok": True, "why": "", "path": "/s/.files.00ff/shot.png", "pasted": False, "words": "it does not read"}
    assert refusal(sent, there) == (
        "/s/.files.00ff/shot.png is there, but its path was not pasted: it does not read"
    )  # fmt: skip
    assert refusal(sent, {"ok": False, "why": "size", "words": "too large"}) == "too large"
    assert refusal(sent, {"ok": False, "why": "gone"}, *[{"why": "gone"}] * 2) == "shot.png was not sent"
    assert refusal(sent, OLDER) == "work runs an older sesh, which takes no files; run: sesh reload work"


def test_after_a_reload_it_is_sent_again(sent: Send) -> None:
    done = {"ok": True, "why": "", "path": "/p", "pasted": True}
    assert sent({"ok": False, "why": "gone", "words": "work was reloaded meanwhile"}, done) == {
        "path": "/p",
        "bytes": 4,
    }


def test_a_file_without_a_name_or_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="no name"):
        send_file.of_bytes(b"", "")
    with pytest.raises(Refused, match="64 MiB"):
        send_file.of_bytes(bytes((64 << 20) + 1), "a")


def test_a_file_whose_size_nobody_knows_is_read_first() -> None:
    source = send_file.of_path("/proc/self/cmdline")
    with source.opened() as read, open("/proc/self/cmdline", "rb") as file:
        assert (source.name, read(0, 1 << 20)) == ("cmdline", file.read())
    assert source.size > 1
