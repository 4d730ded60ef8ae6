"""The model: where it is in the log, with which size, and how many lines went by since a client left."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.daemon.pty.output_log import IN_MEMORY, OutputLog
from sesh.daemon.pty.pty import TURN
from sesh.daemon.screen import model as models
from sesh.daemon.screen.model import LITTLE, UNLOADED_LAG, UNLOADED_PLAIN_LAG, Model
from sesh.vt.emulator import Emulator

WORDS = [
    "a line\r\n",
    "wide words ",
    "\x1b[31mred\x1b[m",
    "\x1b[5;5H",
    "\r\n\r\n",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "界界",
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("print"), st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map("".join)),
        st.tuples(st.just("resize"), st.tuples(st.integers(1, 60), st.integers(1, 20))),
        st.tuples(st.just("step"), st.none()),
        st.tuples(st.just("json"), st.none()),
    ),
    max_size=25,
)


def model(columns: int = 80, rows: int = 24) -> tuple[OutputLog, Model]:
    log = OutputLog()
    return log, Model(log, columns, rows)


# A line feed between left and right margins moves the cells of all rows: a megabyte of them takes a minute.
DEAR = b"\x1b[?69h\x1b[2;299s\x1b[100;2H" + b"\n" * (1 << 20) + b"\x1b[?69l\x1b[m\x1b[2J"


def test_one_who_looks_is_not_kept_waiting_for_what_takes_the_emulator_minutes() -> None:
    faults: list[str] = []
    log = OutputLog()
    behind = Model(log, 300, 100, lambda line, _: faults.append(line))
    log.append(b"before\r\n\x1b[?2004h" + DEAR + "\x1b[Hé the last of it\r\n".encode() * 300)
    while behind.position < 1000:
        behind.step()
    assert behind.skip_ahead()
    assert behind.catch_up(20.0)
    emulator = behind.emulator
    assert emulator.text()[0] == "é the last of it"
    assert emulator.mode(2004)
    assert len(faults) == 1
    assert "bytes of output out" in faults[0]
    assert not behind.skip_ahead()


@pytest.mark.parametrize(
    "line", ["a line of text\r\n", "\x1b[31mred\x1b[m and \x1b[1;44mblue\x1b[m\r\n", "中文 한국어 👩\r\n"]
)
def test_nothing_is_left_out_of_a_flood_of_any_script(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(models, "TOO_LONG", 3 * models.TOO_LONG)  # a processor that others share is slower
    log, behind = model()
    data = line.encode() * ((1 << 20) // len(line.encode()))
    while log.head < IN_MEMORY - len(data):
        log.append(data)
    for _ in range(20):
        behind.step()
        assert not behind.skip_ahead()


def test_a_program_that_waits_for_the_emulator_is_read_in_slices() -> None:
    """64 KiB were read at once: the echo of a key, behind them, took as long as the emulator took for all of them."""
    log, behind = model()
    log.append(b"x" * (IN_MEMORY - TURN - 1))
    assert behind.portion == TURN
    log.append(b"x" * TURN)
    assert behind.portion <= 16 << 10


@given(STEPS)
def test_a_model_behind_is_the_emulator_that_saw_all_in_order(steps: list[tuple[str, object]]) -> None:
    """Whenever it catches up, in whatever slices, through a dump and a load: each resize counts where it happened."""
    log, behind = model(30, 10)
    seen: list[tuple[str, object]] = []
    for step, value in steps:
        if step == "print":
            assert isinstance(value, str)
            log.append(value.encode())
            seen.append((step, value.encode()))
        elif step == "resize":
            assert isinstance(value, tuple)
            behind.resize(*value)
            if seen and seen[-1][0] == "resize" and behind.lag:
                seen.pop()  # a size at which nothing was printed, and which nobody saw
            seen.append((step, value))
        elif step == "step":
            behind.step()
            if not behind.lag:
                seen.append(("stepped", None))
        else:
            state = json.loads(json.dumps(behind.dump()))
            behind = Model(log, 30, 10)
            behind.restore(state)
    expected = Emulator(30, 10)
    for step, value in seen:
        if step == "print":
            assert isinstance(value, bytes)
            expected.feed(value)
        elif step == "resize":
            assert isinstance(value, tuple)
            expected.resize(*value)
    assert behind.catch_up(10)
    assert behind.position == log.head
    assert behind.emulator.text() == expected.text()
    assert behind.emulator.last_lines(1000) == expected.last_lines(1000)
    assert (behind.emulator.columns, behind.emulator.rows) == (behind.columns, behind.rows)


def test_a_small_session_that_nobody_looks_at_loads_no_emulator() -> None:
    log, small = model()
    log.append(bytes(UNLOADED_LAG))
    assert (small.has_work, small.loaded) == (False, False)
    log.append(b"x")
    assert (small.has_work, small.loaded) == (True, False)
    small.step()
    small.catch_up(10)
    assert (small.has_work, small.loaded) == (False, True)
    log.append(b"x")
    assert (small.has_work, small.loaded) == (True, True)


SIMPLE = [
    "a line\r\n", "words ", "\x1b[31;44mred\x1b[m", "\x1b[K", "\x1b[2C", "\x1b[3D", "\x1b[7G", "\x1b[2B", "\x1b[A",
    "\x1b[J", "\x1b[2;2H", "\x1b[?7l", "\x1b[?7h", "\r", "\n", "\b", "\t", "界界", "e\u0301",
    "\x1b]0;title\x07", "\x1b[?2004h$ ", "\x1b[41m", "\x1b[2K", "x" * 45, "word " * 9,
]  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.lists(st.sampled_from(SIMPLE), min_size=1, max_size=12).map("".join),
            st.tuples(st.integers(1, 40), st.integers(1, 12)),
        ),
        max_size=6,
    )
)
@example(["\x1b[41mblank rows scroll in\r\n\r\n\r\n\r\n", (23, 12)])
def test_rows_below_the_cursor_are_known_without_an_emulator_only_if_there_are_none(
    steps: list[str | tuple[int, int]],
) -> None:
    log, unloaded = model(28, 4)
    for step in steps:
        if isinstance(step, str):
            log.append(step.encode())
        else:
            unloaded.resize(*step)
    below = unloaded.nothing_below()
    assert not unloaded.loaded
    if below:
        assert unloaded.catch_up(20.0)
        assert unloaded.emulator.rows_below() == 0


@pytest.mark.parametrize("output", ["", "a line\r\n", "\x1b[?2004h\x1b]0;~\x07\x1b[32muser\x1b[m:~$ ", "one\r\n" * 100])
def test_lines_and_a_prompt_leave_nothing_below_the_cursor(output: str) -> None:
    log, unloaded = model()
    log.append(output.encode())
    unloaded.resize(100, 30)
    assert unloaded.nothing_below()


def test_what_is_little_waits_for_more_until_the_program_has_ended() -> None:
    """The daemon woke up once more behind each key to draw its echo for nobody."""
    log, loaded = model()
    log.append(b"$ ")
    assert not loaded.waits_for_more, "who looks would have to load the emulator first"
    loaded.catch_up(10)
    log.append(b"x" * LITTLE)
    assert (loaded.has_work, loaded.waits_for_more) == (True, True)
    loaded.ended = True
    assert not loaded.waits_for_more
    loaded.ended = False
    log.append(b"x")
    assert not loaded.waits_for_more
    assert loaded.catch_up(10)


def test_little_that_has_waited_long_makes_no_burst_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seconds counted: of the burst behind them each turn fed the emulator."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log, loaded = model()
    log.append(b"x" * (LITTLE + 1))
    assert not loaded.overdue()
    loaded.step()
    now += 60
    log.append(b"x" * (1 << 20))
    assert not loaded.overdue()


def test_lines_of_text_that_nobody_looks_at_load_no_emulator_for_longer() -> None:
    """20 sessions with 10,000 lines each took twice what tmux takes, most of it for code and tables."""
    for line, waits in ((b"what a compiler says of a file\r\n", True), (b"\x1b[31mred\x1b[m and so on\r\n", False)):
        log, unseen = model()
        while log.head <= UNLOADED_LAG:
            log.append(line * 100)
        assert unseen.has_work is not waits
        while log.head <= UNLOADED_PLAIN_LAG:
            log.append(line * 100)
        assert unseen.has_work
    log, progress = model()
    log.append(b"how far it is\r" * (UNLOADED_LAG // 10))
    assert progress.has_work


def test_the_first_size_is_the_one_it_is_born_with() -> None:
    log, early = model(80, 24)
    for columns in range(20, 60):
        early.resize(columns, 10)
    assert early.dump()["born"] == [59, 10]
    assert early.dump()["resizes"] == []
    log.append(b"x")
    for columns in range(20, 1000):
        early.resize(columns, 10)
    assert early.dump()["resizes"] == [[1, 999, 10]]


def test_it_reaches_a_point_and_not_a_byte_more() -> None:
    log, asked = model()
    log.append(b"one\r\ntwo")
    asked.resize(40, 10)
    log.append(b"\r\nthree")
    asked.reach(5, 10)
    assert asked.position == 5
    assert asked.emulator.text()[0].rstrip() == "one"
    assert asked.emulator.cursor == (1, 0)
    assert asked.emulator.columns == 80
    asked.reach(9, 10)
    assert asked.emulator.columns == 40
    asked.reach(3, 10)
    assert asked.position == 9


def test_settling_takes_the_size_of_now_for_what_is_still_to_come() -> None:
    log, late = model()
    log.append(b"x" * 10)
    late.step()
    log.append(b"y" * 10)
    late.resize(40, 10)
    late.apply_size()
    assert (late.emulator.columns, late.emulator.rows) == (40, 10)
    late.catch_up(10)
    assert (late.emulator.columns, late.emulator.rows) == (40, 10)


def test_lines_since_a_client_left_are_counted_exactly_at_a_mark() -> None:
    log, counted = model(20, 5)
    log.append(b"line\r\n" * 50)
    left = log.head - 60
    counted.mark(left)
    log.append(b"line\r\n" * 30)
    counted.catch_up(10)
    assert counted.scrolled_since(left) == 40
    assert counted.scrolled_since(log.head) == 0
    counted.mark(log.head)
    log.append(b"line\r\n" * 7)
    counted.catch_up(10)
    assert counted.scrolled_since(log.head - 42) == 7


def test_without_a_mark_rather_more_lines_are_counted_than_fewer() -> None:
    log, counted = model(20, 5)
    for _ in range(40):
        log.append(b"line\r\n" * 10)
        counted.catch_up(10)
    for back in (0, 6, 60, 601, 2000):
        assert back // 6 <= counted.scrolled_since(log.head - back) <= back // 6 + 10


def test_marks_are_bounded() -> None:
    log, marked = model()
    log.append(bytes(10_000))
    for position in range(5000):
        marked.mark(position)
    assert len(marked.dump()["marks"]) == models._MAX_MARKS


def test_a_fault_of_the_emulator_costs_a_slice_and_nothing_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that raised was tried for ever: the processor busy, the program stopped once the bound was reached."""
    log, faulty = model()
    log.append(b"bad")
    emulator = faulty.emulator
    monkeypatch.setattr(emulator, "feed", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        faulty.step()
    assert faulty.lag == 0
    monkeypatch.undo()
    log.append(b"good")
    assert faulty.catch_up(10)
    assert faulty.emulator.text()[0].rstrip() == "good"


def test_the_first_error_of_the_emulator_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    log = OutputLog()
    told: list[tuple[str, Exception | None]] = []
    faulty = Model(log, 80, 24, lambda what, error: told.append((what, error)))
    monkeypatch.setattr(faulty.emulator.screen, "operating_command", lambda _: 1 // 0)
    log.append(b"before \x1b]0;one\x07\x1b]0;two\x07after")
    assert faulty.catch_up(10)
    log.append(b"\x1b]0;three\x07")
    assert faulty.catch_up(10)
    assert faulty.emulator.errors == 3
    assert [type(error) for _, error in told] == [ZeroDivisionError]
    assert "emulator" in told[0][0]
    assert faulty.emulator.text()[0] == "before after"


def test_a_step_is_short_whatever_the_bytes_and_the_model_goes_on_where_it_stopped() -> None:
    log, behind = model(200, 60)
    output = b"a\x1b[?69h\x1b[2;199s\x1b[60;2H" + b"\n" * 2_000 + b"\x1b[!p\x1b[H\x1b[2Jend"
    log.append(output)
    steps = 0
    while behind.lag:
        behind.step()
        steps += 1
    assert steps > 3
    whole = Emulator(200, 60)
    whole.feed(output)
    assert behind.emulator.state() == whole.state()


class Clock:
    """The time that a model sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_light_output_that_never_stops_does_not_keep_the_emulator_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    log, behind = model()
    assert not behind.emulator.alternate  # it is loaded
    most = 0
    for _ in range(1000):
        log.append(b"a line of light output\r\n")
        clock.now += models.LULL / 2
        if behind.wait_time() == 0.0:
            assert behind.overdue()
            behind.step()
        most = max(most, behind.lag)
    assert most < 1000


def test_a_burst_has_the_processor_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    log, behind = model()
    assert not behind.emulator.alternate
    while behind.lag < models.BURST - (1 << 20):
        log.append(bytes(1 << 16))
        clock.now += models.LULL / 4
        assert behind.wait_time() > 0.0
        assert not behind.overdue()
