"""What parts of a session tell each other: each topic calls those who have subscribed to it, and knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, ParamSpec

if TYPE_CHECKING:
    from sesh.measures import Size
    from sesh.queries import Finding
    from sesh.schema import Event

Arguments = ParamSpec("Arguments")


class Topic(Generic[Arguments]):
    """Something that happens again and again; subscribers are called in the order in which they came."""

    def __init__(self) -> None:
        self._calls: list[Callable[Arguments, object]] = []

    def subscribe(self, *calls: Callable[Arguments, object]) -> None:
        """Call these each time."""
        self._calls += calls

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for call in self._calls:
            call(*args, **kwargs)


class Topics:
    """The topics of one session."""

    def __init__(self) -> None:
        self.added: Topic[[]] = Topic()
        """The log has more output."""
        self.stirred: Topic[[]] = Topic()
        """The program has printed, or something was typed."""
        self.found: Topic[[list[Finding], int]] = Topic()
        """The scanner has found something in a block, which begins at a position; its readers have not got it yet."""
        self.resized: Topic[[Size]] = Topic()
        """The session is to have another size."""
        self.stepped: Topic[[]] = Topic()
        """The emulator has come further."""
        self.looked: Topic[[]] = Topic()
        """It is known again how the session stands."""
        self.happened: Topic[[Event]] = Topic()
        """An event was reported."""
