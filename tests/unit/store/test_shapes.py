"""What the files of sesh may hold, and their types, say the same: the keys, and the kind of each."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from sesh import schema, shapes, stored
from sesh.remote import known
from sesh.store import checkpoints, files, records, results

KINDS: dict[shapes.Shape, Any] = {
    **dict.fromkeys((shapes.system_text, shapes.system_line, shapes.session_id), str),
    **dict.fromkeys((shapes.exact, shapes.exact_natural, shapes.process, shapes.code), int),
    **dict.fromkeys((shapes.number, shapes.moment), float),
    shapes.flag: bool,
    files.words: list[str],
    files.resume: list[str],
    files.labels: dict[str, str],
    shapes.natural: int,
    known._KEPT["command"]: list[str],
    known._FIELDS[known._RECORD]["aliases"]: list[str],
    known._KEPT["labels"]: dict[str, str],
}
PARTS = {
    "run": schema.RunFacts, "history": list[schema.RunFacts], "model": stored.ModelState,
    "scrollback": stored.ScrolledOff,
}  # fmt: skip
"""What holds keys of its own."""
UNCHECKED = {
    stored.Record: {"name", "found_lost"},
    stored.CheckpointHeader: {"format"},
}
"""Not of the file's content, and what is compared where it is read."""


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (records._FIELDS, stored.Record),
        (results._FIELDS, schema.JobResult),
        (checkpoints._FIELDS, stored.CheckpointHeader),
        (files.RUN, schema.RunFacts),
        (known._FIELDS[known._RECORD], stored.RemoteRecord),
        (known._KEPT, stored.KeptSession),
    ],
)
def test_a_file_is_read_as_what_its_type_says(fields: shapes.Fields, kind: Any) -> None:
    hints = get_type_hints(kind)
    assert get_type_hints(stored.ScrolledOff).keys() == checkpoints._SCROLLED_OFF.keys()
    assert hints.keys() - fields.keys() <= UNCHECKED.get(kind, set())
    for key, shape in fields.items():
        kinds = set(get_args(hints[key])) - {type(None)} if type(None) in get_args(hints[key]) else {hints[key]}
        assert kinds == {KINDS.get(shape) or PARTS[key]}, key
