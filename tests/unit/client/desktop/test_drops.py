"""A paste that may be dropped files is held, and whatever is not sent comes out as it went in."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.desktop.drops import ASK_TIME, MAX_HELD, SILENCE, Drops, DropState
from sesh.client.desktop.presses import PressFinder
from tests.unit.desktop.test_dropped import FORMS, NO_PATHS

START, END = b"\x1b[200~", b"\x1b[201~"
SHOT = START + b"/home/me/shot.png" + END
CTRL_V, ALT_V, ENTER, FOCUS = b"\x16", b"\x1bv", b"\r", b"\x1b[I"


class Holder:
    """Drops behind the finder of presses, and what they call. `there`: paths that do not make a drop."""

    def __init__(self, there: tuple[str, ...] = ()) -> None:
        self.now = 100.0
        self.there = there
        self.looks: list[tuple[int, list[list[str]]]] = []
        self.asked: list[list[str]] = []
        self.sent: list[str] = []
        self.drops = Drops[str](
            lambda number, paths: self.looks.append((number, paths)), self.asked.append, self.sent.extend
        )
        self._presses = PressFinder()

    def type(self, *writes: bytes) -> bytes:
        return b"".join(
            self.drops.take(part, press, self.now) for data in writes for part, press in self._presses.split(data)
        )

    def look(self) -> bytes:
        """Answer what is looked for; return what passes."""
        passed = b""
        looks, self.looks = self.looks, []
        for number, readings in looks:
            if set(readings[0]) & {*self.there}:
                passed += self.drops.missing(number)
            else:
                self.drops.found(number, readings[0], self.now)
        return passed

    def wait(self, seconds: float) -> bytes:
        self.now += seconds
        return self.drops.act(self.now)


@pytest.mark.parametrize("key", [CTRL_V, ALT_V, b"\x1b[118;5u"])
def test_a_drop_is_held_and_a_paste_key_has_it_sent(key: bytes) -> None:
    holder = Holder()
    assert holder.type(SHOT) == b""
    assert holder.drops.state is DropState.LOOKING
    assert holder.look() == b""
    assert holder.asked == [["/home/me/shot.png"]]
    assert holder.type(key) == b"", "neither the paste nor the key is for the program"
    assert holder.sent == ["/home/me/shot.png"]
    assert holder.type(b"ls" + ENTER + SHOT[:4]) == b"ls" + ENTER + SHOT[:4]


@pytest.mark.parametrize("pasted", [pasted for _, pasted in FORMS.values()], ids=FORMS)
def test_each_form_is_held_in_one_write_and_byte_by_byte(pasted: bytes) -> None:
    data = START + pasted + END
    for writes in ([data], [data[at : at + 1] for at in range(len(data))][6:], [data[:7], data[7:]]):
        holder = Holder()
        writes = writes if writes[0].startswith(START) else [START, *writes]
        assert holder.type(*writes) == b""
        assert len(holder.looks) == 1


@pytest.mark.parametrize("key", [ENTER, b"a", b"\x1b[A", b"\x03", b"\x1b", b"/", START + b"text" + END, START + END])
@pytest.mark.parametrize("looked", [False, True])
def test_any_other_key_passes_the_paste_and_then_the_key(key: bytes, looked: bool) -> None:
    holder = Holder()
    assert holder.type(SHOT) == b""
    if looked:
        holder.look()
    assert holder.type(key) == SHOT + key
    assert holder.look() == b""
    assert (holder.drops.state, holder.drops.due) == (DropState.PASSING, inf)
    assert holder.type(CTRL_V) == CTRL_V
    assert holder.sent == []


def test_a_paste_key_before_the_line_asks_is_a_key() -> None:
    holder = Holder()
    assert holder.type(SHOT, CTRL_V) == SHOT + CTRL_V
    assert holder.look() == b""
    assert holder.sent == []


def test_a_drop_that_nobody_answers_passes() -> None:
    holder = Holder()
    holder.type(SHOT)
    holder.look()
    assert holder.wait(ASK_TIME - 0.1) == b""
    assert holder.wait(0.2) == SHOT
    assert holder.drops.due == inf


def test_a_path_that_exists_there_passes_at_once() -> None:
    holder = Holder(there=("/home/me/shot.png",))
    assert holder.type(SHOT + FOCUS) == b""
    assert holder.look() == SHOT + FOCUS
    assert holder.asked == []


@pytest.mark.parametrize("pasted", NO_PATHS.values(), ids=NO_PATHS)
def test_a_text_that_looks_like_paths_passes_by_its_end(pasted: bytes) -> None:
    holder = Holder()
    data = START + pasted + END
    assert holder.type(data) == data
    assert b"".join(holder.type(data[at : at + 7]) for at in range(0, len(data), 7)) == data
    assert holder.looks == []


def test_what_does_not_begin_like_a_path_passes_before_its_end() -> None:
    holder = Holder()
    assert holder.type(START) == b""
    assert holder.type(b"T") == b""
    assert holder.type(b"raceback") == START + b"Traceback"
    assert holder.type(b" /home/me/shot.png") == b" /home/me/shot.png"


def test_a_paste_whose_end_does_not_come_passes() -> None:
    holder = Holder()
    assert holder.type(START, b"/home/me/") == b""
    holder.now += SILENCE / 2
    assert holder.type(b"shot") == b""
    assert holder.wait(SILENCE - 0.01) == b""
    assert holder.wait(0.02) == START + b"/home/me/shot"
    assert holder.type(b".png" + END) == b".png" + END, "its rest follows"
    assert holder.looks == []


def test_a_paste_that_is_too_long_passes() -> None:
    holder = Holder()
    most = START + b"/" + b"n" * (MAX_HELD - len(START) - 1)
    assert holder.type(most) == b""
    assert holder.type(b"n") == most + b"n"
    assert holder.type(END) == END
    assert holder.type(most + END) == most + END


def test_a_mark_whose_beginning_has_passed_begins_no_drop() -> None:
    holder = Holder()
    assert holder.type(SHOT[:3], SHOT[3:]) == SHOT


def test_several_pastes_are_one_drop() -> None:
    holder = Holder()
    other = START + b"/home/me/a.png" + END
    assert holder.type(SHOT + other) == b""
    assert holder.look() == b""
    assert holder.type(FOCUS, SHOT) == b"", "a further one joins, too"
    assert holder.drops.asks
    holder.look()
    assert holder.asked[-1] == ["/home/me/shot.png", "/home/me/a.png", "/home/me/shot.png"]
    assert holder.type(CTRL_V) == FOCUS, "what the terminal reports is for the program"
    assert holder.sent == holder.asked[-1]


def test_a_text_behind_a_drop_passes_both_in_their_order() -> None:
    holder = Holder()
    text = START + b"text" + END
    assert holder.type(SHOT) == b""
    holder.look()
    assert holder.type(FOCUS + text) == SHOT + FOCUS + text


def test_reports_wait_behind_a_drop_and_not_behind_an_offer() -> None:
    holder = Holder()
    holder.drops.offer(["picture"], holder.now)
    assert holder.type(FOCUS) == FOCUS
    assert holder.drops.asks
    assert holder.type(CTRL_V) == b""
    assert holder.sent == ["picture"]
    holder.drops.offer(["picture"], holder.now)
    assert holder.type(b"a") == b"a"
    assert not holder.drops.asks


def test_a_drop_takes_the_place_of_an_offer() -> None:
    holder = Holder()
    holder.drops.offer(["picture"], holder.now)
    assert holder.type(SHOT) == b""
    holder.look()
    holder.type(CTRL_V)
    assert holder.sent == ["/home/me/shot.png"]


def test_reports_without_end_have_a_drop_passed() -> None:
    holder = Holder()
    moved = b"\x1b[<35;10;10M" * 1000
    holder.type(SHOT)
    holder.look()
    passed = [holder.type(moved) for _ in range(10)]
    assert b"".join(passed).startswith(SHOT + moved)


_INPUT = st.lists(
    st.one_of(
        st.sampled_from(
            [SHOT, START, END, START + b"/a /b" + END, START + b"text" + END, FOCUS, b"ls\r", b"\x1b", b"/a"]
        ),
        st.binary(max_size=8).filter(lambda data: CTRL_V not in data and b"v" not in data and b"\x1b[1" not in data),
    ),
    max_size=12,
)


@given(_INPUT, st.data())
def test_without_a_paste_key_all_input_passes_in_its_order(writes: list[bytes], data: st.DataObject) -> None:
    holder = Holder(there=("/a",))
    passed = b""
    for write in writes:
        passed += holder.type(write)
        if data.draw(st.booleans()):
            passed += holder.look()
        passed += holder.wait(data.draw(st.sampled_from([0.0, 0.1, 0.4, 11.0])))
    assert passed + holder.drops.release() == b"".join(writes)
    assert holder.sent == []
