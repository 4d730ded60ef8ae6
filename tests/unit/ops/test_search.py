"""Which command printed a line, whatever the lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.ops.search import _printed_by
from sesh.schema import Command
from tests.support import cost
from tests.support.data import command

COMMANDS = [
    (text, command(command=[text], output_bytes=size))
    for text, size in (("echo a", 2), ("a", None), ("ls", 9), ("ls", 0), ("true", 0))
]


def plainly(lines: list[str], at: int) -> Command | None:
    """The command that stands last above a line, or on it, if its output reaches so far."""
    for above in range(at, -1, -1):
        for text, entry in COMMANDS:
            line = lines[above].rstrip()
            if line.endswith(text):
                behind, prompt, size = lines[above + 1 : at + 1], line.removesuffix(text), entry["output_bytes"]
                if at > above and size is not None and sum(len(each.strip()) + 1 for each in behind[:-1]) >= size:
                    return None
                return None if prompt and any(each.startswith(prompt) for each in behind) else entry
    return None


LINES = ["$ echo a", "$ a  ", "ls", "$ ls", "ls x", "", "a b", "text", "$ true", "$ other"]


@given(st.lists(st.sampled_from(LINES), max_size=12), st.data())
def test_a_line_was_printed_by_the_command_that_stands_last_above_it(lines: list[str], data: st.DataObject) -> None:
    numbers = [at for at in range(len(lines)) if data.draw(st.booleans())]
    assert list(_printed_by(lines, numbers, COMMANDS)) == [plainly(lines, at) for at in numbers]
    assert list(_printed_by(lines, numbers, [])) == [None] * len(numbers)


def test_each_line_is_compared_once() -> None:
    """10,000 hits among lines in which none of 100 commands stands took half a minute."""
    commands = [(f"command {number} that stands nowhere", command()) for number in range(100)]

    def printed(text: str) -> None:
        lines = text.split("\n")
        assert list(_printed_by(lines, range(len(lines)), commands)) == [None] * len(lines)

    with cost.measuring():
        for word in ("line\n", "\n", "x " * 20 + "\n", "command 1 that stands nowher\n"):
            assert cost.excess(printed, cost.repeated(word, "", "")) is None
