"""An answer whose link is lost on its way is asked for again."""

from __future__ import annotations

from types import SimpleNamespace, TracebackType
from typing import Any

from sesh.errors import Lost
from sesh.ops import send


class Link:
    """A connection of a host that is lost at the first answer, and its target, a stream that reconnects."""

    host, name = "gpu", "work"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connection: Any = SimpleNamespace(request=self.request)

    def request(self, verb: str, text: bytes, deadline: float, **words: object) -> tuple[dict[str, bool], bytes]:
        self.asked.append(str(words["key"]))
        if len(self.asked) == 1:
            raise Lost("lost the link")
        return {"submitted": True}, b""

    def open_stream(self, name: str) -> Link:
        return self

    def greet(self, until: float | None = None) -> None:
        """Says HELLO."""

    def reconnect(self) -> None:
        """Gets another connection."""

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Closes it."""


def test_an_answer_is_asked_for_again_after_a_lost_link() -> None:
    link: Any = Link()
    send.answer(link, "work", "yes", "now", "Go on?")
    assert link.asked == [link.asked[0]] * 2
