"""Effects: the sequences that act on or through a terminal rather than draw.

They are queries, bells, clipboard writes, notifications and images. A screen that is sent instead of output brings what
the output has drawn and set, but none of its effects; so these are sent beside it.

Sources: XTerm's control sequences, DEC STD 070 (sixel), kitty's protocols, iTerm2's OSC 9 and 1337, urxvt's OSC 777.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

MAX_EFFECT = 1 << 20  # bytes of an effect that are kept; a longer one is dropped whole
MAX_KEPT = 1000
MAX_KEPT_BYTES = 2 << 20
MAX_KEPT_BELLS = 8
_LEFT = 0.75  # the share of these bounds that is left when one is exceeded, so that few effects are looked at again


class EffectKind(str, Enum):
    """What an effect does."""

    QUERY = "query"  # a terminal replies
    BELL = "bell"
    CLIPBOARD = "clipboard"  # writes it
    NOTIFICATION = "notification"
    IMAGE = "image"  # shows, sends, places or deletes one


class Effect(NamedTuple):
    """A sequence with an effect, at the positions `start` to `end` of the output."""

    kind: EffectKind
    start: int
    end: int
    data: bytes  # what to send for the effect; empty if it is longer than `MAX_EFFECT`
    group: int
    """The start of the first sequence of the image, notification or clipboard write that this one is a part of."""


_STRING = re.compile(
    rb"\x1b(?:(?P<image>P[0-9;]*q|_G(?!(?:[^;]*,)?a=q)|\]1337;(?:(?:File|MultipartFile|FilePart)=|FileEnd))"
    rb"|(?P<clipboard>\]52;[^;]{0,64};(?!\?)|\]5522;(?!(?:[^;]*:)?type=read)|\]1337;Copy=)"
    rb"|(?P<notification>\]99;(?!(?:[^;]*:)?p=(?:\?|alive))))"
)
_SETTING = re.compile(rb"\x1b\](?:1[01][0-9]|133|633);")
"""Matches an OSC of a number from which on sequences may have replies, but that only sets something: colours, marks."""
_BEGINS = re.compile(rb"\x1b(?:_G(?:[^;]*,)?a=|\]1337;MultipartFile=|\]5522;(?:[^;]*:)?type=write)")
_GOES_ON = re.compile(
    rb"\x1b(?:_G(?:[^;]*,)?m=1|\]1337;(?:MultipartFile|FilePart)=|\]99;(?:[^;]*:)?d=0"
    rb"|\]5522;(?:[^;]*:)?type=(?:write|walias|wdata[^;]*;.))",
    re.DOTALL,
)
"""Matches a part of an image, a notification or a clipboard write that another part follows."""


def kind_of_string(string: bytes) -> EffectKind | None:
    """Return the effect that a control string's start tells; None for any other string, also a query."""
    match = _STRING.match(string)
    return EffectKind(match.lastgroup) if match is not None else None


def only_sets(string: bytes) -> bool:
    """Return whether an OSC of a high number is known to have no reply."""
    return _SETTING.match(string) is not None


def group_of(kind: EffectKind, start: int, string: bytes, begun: dict[str, int]) -> int:
    """Return the start of the first part of what a string is a part of.

    `string`: a control string that begins at `start`, or its head. `begun`: by the kind of effect, the start of the
    first part while more parts must follow, which this updates.
    """
    first = begun.pop(kind.value, start)
    if _BEGINS.match(string):
        first = start
    if _GOES_ON.match(string):
        begun[kind.value] = first
    return first


@dataclass
class EffectList:
    """The newest effects, within bounds. What is in parts is dropped whole, and so is what is too long to be kept."""

    all: list[Effect] = field(default_factory=list)  # in the order of their positions
    dropped: dict[str, int] = field(default_factory=dict)
    """By kind, the newest group that was dropped: its further parts go, too."""

    def add(self, effects: Iterable[Effect]) -> None:
        """Add effects that follow all others; drop the oldest ones beyond the bounds."""
        for effect in effects:
            if not effect.data:
                self._drop({(effect.kind, effect.group)})
            elif effect.group > self.dropped.get(effect.kind.value, -1):
                self.all.append(effect)
        bells = [effect for effect in self.all if effect.kind is EffectKind.BELL]
        gone = {(bell.kind, bell.group) for bell in bells[:-MAX_KEPT_BELLS]}
        count, size = len(self.all), sum(len(effect.data) for effect in self.all)
        if count > MAX_KEPT or size > MAX_KEPT_BYTES:
            for effect in self.all:
                if count <= MAX_KEPT * _LEFT and size <= MAX_KEPT_BYTES * _LEFT:
                    break
                gone.add((effect.kind, effect.group))
                count -= 1
                size -= len(effect.data)
        if gone:
            self._drop(gone)

    def _drop(self, groups: set[tuple[EffectKind, int]]) -> None:
        for kind, group in groups:
            self.dropped[kind.value] = max(group, self.dropped.get(kind.value, -1))
        self.all = [effect for effect in self.all if (effect.kind, effect.group) not in groups]

    def trim(self, position: int) -> None:
        """Drop the effects that end at a position or before: every terminal has them."""
        first = next((index for index, effect in enumerate(self.all) if effect.end > position), len(self.all))
        del self.all[:first]

    def between(self, start: int, end: int) -> list[Effect]:
        """Return the effects that a terminal lacks which has the output up to `start`, and a screen as of `end`.

        An effect that `start` cuts is among them; of one that `end` cuts, the rest comes with the output after it.
        """
        return [effect for effect in self.all if start < effect.end <= end]
