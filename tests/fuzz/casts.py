"""The target of recordings: any output, however it is cut, is a cast that plays back to the same text."""

from __future__ import annotations

import json
import random
import zlib

from sesh.ops.recording import Cast
from tests.fuzz import grammar
from tests.fuzz.target import pure
from tests.unit.vt.streams import cut


def check(case: bytes) -> None:
    """Each event is a line of JSON of its own; the text of them all is the output's."""
    lines: list[str] = []
    cast = Cast(lambda value: lines.append(json.dumps(value)))
    script = grammar.script(case)
    cast.header("work", *script.size, "sh")
    rng = random.Random(zlib.crc32(case))
    written = b""
    for step in script.steps:
        if isinstance(step, tuple):
            cast.resized(*step)
        else:
            written += step
            for piece in cut(rng, step):
                cast.output(piece, now=rng.random() < 0.9)
    cast.ended(3)
    assert not any("\n" in line for line in lines)
    header, *events = map(json.loads, lines)
    assert (header["version"], header["width"], header["height"]) == (2, *script.size)
    assert all(isinstance(moment, int | float) and moment >= 0 for moment, _, _ in events)
    assert "".join(text for _, kind, text in events if kind == "o") == written.decode("utf-8", "replace")
    assert cast.events == len(events)
    assert events[-1][1:] == ["m", "ended: 3"]


TARGETS = (pure("cast", grammar.make, check),)
