"""What the files of sesh may hold, and their types, say the same: the keys, and the kind of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest

from sesh import schema
from sesh.store import checkpoints, records, results, shapes

KINDS: dict[Callable[[object], bool], Any] = {
    **dict.fromkeys((shapes.text, shapes.line, shapes.identifier), str),
    **dict.fromkeys((shapes.whole, shapes.natural, shapes.process, shapes.code), int),
    **dict.fromkeys((shapes.number, shapes.moment), float),
    shapes.truth: bool,
    shapes.words: list[str],
    shapes.words_or_line: list[str],
    shapes.pairs: dict[str, str],
}
"""Of an older sesh the words of a command may be one text."""
PARTS = {"run": schema.RunFacts, "history": list[schema.RunFacts], "model": schema.ModelState}
"""What holds keys of its own."""
UNCHECKED = {
    schema.Record: {"name", "found_lost"},
    schema.CheckpointHeader: {"format"},
}
"""Not of the file's content, and what is compared where it is read."""


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (records._SHAPE, schema.Record),
        (results._SHAPE, schema.JobResult),
        (checkpoints._SHAPE, schema.CheckpointHeader),
        (shapes.RUN, schema.RunFacts),
    ],
)
def test_a_file_is_read_as_what_its_type_says(shape: shapes.Shape, kind: Any) -> None:
    hints = get_type_hints(kind)
    assert hints.keys() - shape.keys() <= UNCHECKED.get(kind, set())
    for key, fits in shape.items():
        kinds = set(get_args(hints[key])) - {type(None)} if type(None) in get_args(hints[key]) else {hints[key]}
        assert kinds == {KINDS.get(fits) or PARTS[key]}, key
