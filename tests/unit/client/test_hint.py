"""The line of a new session: while it stands, and once it has gone, the rest is what it would be without it."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sesh.client.hint import Hint, joined
from sesh.vt.emulator import Emulator

COLUMNS, ROWS = 20, 8
TEXT = "new session"
PIECES = (
    b"word ", "é世─".encode(), b"\r\n", b"\n", b"\r", b"\t", b"\b", b"x" * 19, b"x" * 20, b"\x1b[31m", b"\x1b[0m",
    b"\x1b[m", b"\x1b[44;1m", b"\x1b[J", b"\r\x1b[J", b"\r\x1b[0m\x1b[27m\x1b[J% ", b"\x1b[K", b"\x1b[5C", b"\x1b[3D",
    b"\x1b[9G", b"\x1b[?2004h", b"\x1b]0;title\x07", b"\x1b7", b"\x1b8", b"\x1b[s", b"\x1b[u", b"\x1b[H",
    b"\x1b[?1049h", b"\x1b[3", b"\xe2\x94", b"\x1b[?1048l", b"\x1b[!p", b"\x1b[2;5r", b"\x1b[A", b"\x0b",
)  # fmt: skip
BLOCKS = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(b"".join), max_size=6)


def hinted(blocks: list[bytes]) -> tuple[Emulator, bytes]:
    """A terminal that showed the line and these blocks, and has it no more; and all that came for the line."""
    terminal, hint = Emulator(COLUMNS, ROWS), Hint(TEXT, COLUMNS, ROWS)
    own = hint.begin()
    terminal.feed(own)
    for block in blocks:
        for before, data, after in hint.around(block) if hint.shown else [(b"", block, b"")]:
            terminal.feed(before + data + after)
            own += before + after
    end = hint.end()
    terminal.feed(end)
    return terminal, own + end


def state(terminal: Emulator) -> dict[str, object]:
    names = ("screen", "main", "cursor", "pen", "saved", "scrollback", "pending", "partial", "modes")
    whole = terminal.state()
    return {name: whole[name] for name in names}


@settings(deadline=None)
@given(BLOCKS)
@example([b"\x1b[44;1m\r\x1b[J"])
def test_what_stays_is_what_the_program_has_printed(blocks: list[bytes]) -> None:
    terminal, own = hinted(blocks)
    alone = Emulator(COLUMNS, ROWS)
    alone.feed(b"".join(blocks))
    assert TEXT not in str(terminal.state())
    if b"\x1b7" not in own:  # else the saved cursor is lost, where a line may have wrapped
        assert state(terminal) == state(alone)


def test_it_is_drawn_again_where_a_prompt_has_erased_it() -> None:
    terminal, hint = Emulator(COLUMNS, ROWS), Hint(TEXT, COLUMNS, ROWS)
    terminal.feed(hint.begin())
    for block in (b"\x1b[7m%\x1b[27m\x1b[0m" + b" " * 19 + b"\r \r", b"\r\x1b[0m\x1b[J% \x1b[K"):
        for before, data, after in hint.around(block):
            assert b"\x1b7" not in before + after
            terminal.feed(before + data + after)
    assert hint.shown
    assert TEXT in terminal.text()[-1]
    assert terminal.cursor == (0, 2)


def test_the_key_that_leaves_stays_whole_in_any_width() -> None:
    """At 90 columns its name was cut in the middle."""
    told, leaves = "job build ended 3m ago: 2; see: sesh --logs build", "Ctrl-\\ leaves"
    assert joined(told, leaves, 100) == f"{told} · {leaves}"
    assert joined(told, leaves, 60) == f"job build ended 3m ago: 2; see: sesh… · {leaves}"
    assert joined(told, leaves, 20) == leaves
