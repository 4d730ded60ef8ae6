"""`dict[str, Any]` stands where the JSON of strangers is read; all other data has a type with fields."""

from __future__ import annotations

from tests.house.source import modules

WORDS = "dict[str, Any]"
MOST = 40
READERS = {
    # Words of requests, and arguments of ops, on their way to who checks them.
    "client/attach.py", "sesh/cli/events.py", "sesh/cli/wait.py", "sesh/ops/events.py", "sesh/ops/jobs.py",
    "sesh/ops/recording.py", "sesh/ops/shell.py", "sesh/ops/wait.py", "sesh/reach/calls.py", "sesh/reach/links.py",
    "sesh/reach/op.py", "sesh/reach/origin.py", "sesh/reach/target.py",
    "daemon/upgrade/shape.py",  # the attributes of objects, in a state that another version may have written
    "sesh/mcp/serve.py",  # the words of a client of the MCP server
    "sesh/mcp/tools.py",  # rows with the keys of --list, whose schema is shown to MCP clients
    "sesh/protocol.py",  # what a frame says, before the gate
    "sesh/stored.py",  # the emulator's state in `ModelState`: `vt` alone knows it
    "sesh/vt/emulator.py",  # the same, of several versions
}  # fmt: skip
"""The modules that may, each for the reason beside it."""


def test_data_without_fields_stands_where_strangers_are_read() -> None:
    found = {each.path: each.text.count(WORDS) for each in modules() if WORDS in each.text}
    assert found.keys() - READERS == set(), "give it a TypedDict, or Mapping[str, object] until it is checked"
    assert sum(found.values()) <= MOST
