"""A notice of sesh over the last row must not lose, repeat or cut output."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from sesh.client import view
from tests.support import Home, Sesh, Terminal, wait_until
from tests.support.slow import Slow
from tests.terminal import looking

LEAVE = b"\x1c"
WATCHES = "read-only: keys are not passed on"

# States in which a program may leave the terminal, and which change how a notice must be drawn.
STATES = {
    "plain": "",
    "a sequence": r"\033[3",
    "a character": r"\342\224",
    "an update": r"\033[?2026h",
    "margins": r"\033[2;22r\033[22;1H",
    "side margins": r"\033[?69h\033[10;40s\033[23;12H",
    "origin": r"\033[1;23r\033[?6h\033[23;1H",
    "no wrap": r"\033[?7l",
    "graphics": r"\033(0",
    "a pending wrap": r"\033[24;80HX",
    "a wide character": r"\033[24;79H\344\270\226",
    "a saved cursor": r"\0337",
    "a pen": r"\033[31;44m",
}


def counting(last: int, pause: str = "0.01") -> list[str]:
    """A program that prints numbered lines."""
    source = f"stty -echo; i=0; while [ $i -lt {last} ]; do i=$((i+1)); echo L$i; sleep {pause}; done; sleep 900"
    return ["sh", "-c", source]


def counted(terminal: Terminal, last: int) -> None:
    """Wait until the terminal ends with all numbered lines in order, without a notice."""
    whole = [f"L{number}" for number in range(1, last + 1)]
    terminal.wait_until(
        lambda: [line for line in terminal.text().splitlines() if line][-last:] == whole, "the lines", timeout=30
    )


def lines(terminal: Terminal) -> list[str]:
    return terminal.text().splitlines()


def watched(home: Home, text: str, *host: str) -> Terminal:
    """Return a read-only terminal of `x` that has shown this text and a notice."""
    terminal = home.terminal(*host, "x", "--read-only")
    terminal.wait_until(
        lambda: text in terminal.text(), f"the terminal shows '{text}'"
    )  # it may have left the screen already
    terminal.type("a")
    terminal.wait_for_raw(WATCHES.encode())
    return terminal


def test_what_the_terminal_reports_is_no_key_of_one_who_watches(sesh: Sesh, home: Home) -> None:
    """Focus reports of a read-only terminal must not count as keys."""
    assert sesh("open", "x", "--", "sh", "-c", r"printf '\033[?1004hhere'; exec sleep 900").code == 0
    terminal = home.terminal("x", "--read-only")
    terminal.wait_for("here")
    terminal.type("\x1b[O\x1b[I")
    terminal.type(LEAVE)
    assert terminal.exit_code() == 0
    assert WATCHES.encode() not in terminal.raw


@pytest.mark.soak
def test_keys_at_a_client_that_watches_cost_no_line(sesh: Sesh, home: Home) -> None:
    assert sesh("open", "x", "--", *counting(60)).code == 0
    terminal = watched(home, "L10\n")
    for line in ("L20\n", "L35\n"):
        terminal.wait_until(lambda: line in terminal.text(), f"the terminal shows '{line}'")  # noqa: B023 (it is called now)
        terminal.type("a")
    counted(terminal, 60)


@pytest.mark.needs_fork("a line that does not go by itself")
def test_a_line_holds_up_no_output(sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "NOTICE_TIME", 600.0)
    source = "stty -echo; echo begun; read go; clear; seq -f L%g 900; sleep 900"
    assert sesh("open", "x", "--", "sh", "-c", source).code == 0
    terminal = watched(home, "begun")
    assert sesh("send", "x", "--enter").code == 0
    terminal.wait_for_raw(b"L900")
    whole = [f"L{number}" for number in range(1, 901)]
    terminal.wait_until(lambda: [*filter(None, lines(terminal))][-901:-1] == whole, "the lines above the notice")
    assert WATCHES in terminal.screen()[-1]
    assert terminal.text().count(WATCHES) == 1, "it is in the scrollback"


def test_what_is_printed_while_a_line_shows_is_seen_before_the_end(sesh: Sesh, home: Home) -> None:
    assert sesh("open", "x", "--", "sh", "-c", "stty -echo; echo begun; read go; seq -f L%g 60").code == 0
    terminal = watched(home, "begun")
    assert sesh("send", "x", "--enter").code == 0
    terminal.exit_code()
    lines = terminal.text().splitlines()
    assert [line for line in lines if re.fullmatch(r"L\d+", line)] == [f"L{number}" for number in range(1, 61)]
    assert WATCHES not in terminal.text()


def test_who_detaches_while_a_line_shows_keeps_the_row_below_it(sesh: Sesh, home: Home) -> None:
    script = r"stty -echo; printf '\033[24;1Hlast row\033[H'; sleep 900"
    assert sesh("open", "x", "--", "sh", "-c", script).code == 0
    terminal = watched(home, "last row")
    assert "last row" in sesh("screen", "x").stdout  # loads the emulator: the screen is ready at detaching
    terminal.type(LEAVE)
    terminal.exit_code()
    assert "last row" in terminal.text()
    assert WATCHES not in terminal.text()


OFTEN = ("a sequence", "a pending wrap")


@pytest.mark.parametrize(
    ("screen", "state"),
    [pytest.param("main", state, marks=[] if state in OFTEN else pytest.mark.soak) for state in STATES]
    + [("alternate", "margins")],
)
def test_the_screen_below_a_line_comes_back_as_it_was(sesh: Sesh, home: Home, screen: str, state: str) -> None:
    enter = r"\033[?1049h" * (screen == "alternate")
    script = (
        f"stty raw -echo; seq -f row-%g 40; printf '{enter}\\033[24;1Hbottom\\033[20;1Hhere{STATES[state]}'; read x"
    )
    assert sesh("open", "x", "--", "sh", "-c", script).code == 0
    wait_until(lambda: "here" in looking.screen(home, "x"), "x shows 'here'")
    cursor = sesh("screen", "x", "--format", "json").json()["cursor"]
    terminal = home.terminal("x", "--read-only")
    terminal.wait_until(
        lambda: "here" in terminal.text() and terminal.cursor == (cursor["row"], cursor["column"]),
        "the screen and its cursor",
    )
    before = terminal.screen(), terminal.cursor, list(terminal.glass.scrollback)
    terminal.type("a")
    terminal.wait_for_raw(WATCHES.encode())
    terminal.wait_until(
        lambda: (terminal.screen(), terminal.cursor, terminal.glass.scrollback) == before, "the screen as it was"
    )


@pytest.mark.needs_fork("a line that does not go by itself")
def test_a_window_that_changes_its_size_takes_the_line_away(
    sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "NOTICE_TIME", 600.0)
    assert sesh("open", "x", "--", *counting(60)).code == 0
    terminal = watched(home, "L20\n")
    terminal.resize(70, 20)
    terminal.wait_until(
        lambda: "L60" in terminal.text() and WATCHES not in terminal.text(), "the last line, without the notice"
    )


SPINNER = """
import sys, time
write = lambda text: (sys.stdout.write(text), sys.stdout.flush())
write(sys.argv[2].encode().decode("unicode_escape") + "begun")
frame = 0
while True:
    frame += 1
    if frame % 10 == 0:
        write(f"\\r\\x1b[KL{frame // 10}\\r\\n")
    write(f"\\r\\x1b[Kframe {frame}.")
    time.sleep(float(sys.argv[1]))
"""


def shown_frame(terminal: Terminal) -> int:
    found = re.findall(r"^frame (\d+)\.", "\n".join(terminal.screen()), re.MULTILINE)
    return int(found[-1]) if found else 0


SPINNERS = [
    (60, "main", "here"),
    *(
        pytest.param(*each, marks=pytest.mark.soak)
        for each in ((10, "main", "here"), (10, "alternate", "here"), (60, "alternate", "here"))
    ),
    *(pytest.param(*each, marks=pytest.mark.soak) for each in ((10, "main", "link"), (60, "alternate", "link"))),
]


@pytest.mark.parametrize(("a_second", "screen", "where"), SPINNERS)
def test_a_line_is_seen_beside_a_spinner(sesh: Sesh, home: Home, a_second: int, screen: str, where: str) -> None:
    """It waited for a pause of the output, which never came."""
    home.write("spinner.py", SPINNER)
    enter = r"\x1b[?1049h" * (screen == "alternate")
    assert sesh("open", "x", "--", sys.executable, "-IS", "spinner.py", str(1 / a_second), enter).code == 0
    if where == "link":
        Slow(home, 200)
    terminal = watched(home, "frame", *["@slow"] * (where == "link"))
    terminal.wait_until(lambda: WATCHES in terminal.screen()[-1], "the notice in the last row")
    seen: list[bool] = []
    begin = shown_frame(terminal)

    def sees_more() -> bool:
        seen.append(WATCHES in terminal.screen()[-1])
        return shown_frame(terminal) > begin + 15

    terminal.wait_until(sees_more, "more frames")
    assert sum(seen) > 0.8 * len(seen)
    terminal.wait_until(lambda: WATCHES not in terminal.screen()[-1], "the notice has gone")
    terminal.wait_until(lambda: shown_frame(terminal) > begin + 30, "the spinner goes on")
    assert WATCHES not in terminal.text()
    numbers = [int(number) for number in re.findall(r"^L(\d+)$", terminal.text(), re.MULTILINE)]
    assert numbers == [*range(numbers[0], numbers[-1] + 1)]


@pytest.mark.soak
def test_a_line_is_seen_in_a_flood(home: Home) -> None:
    terminal = home.terminal("w", "--", "sh", "-c", "seq -f L%g 300000; echo the end; sleep 900")
    greeting = terminal.wait_for_raw(b"new session w").start()
    terminal.wait_for_raw(b"the end\r\n")
    assert greeting < terminal.raw.index(b"L300000")


def test_a_line_that_greets_leaves_nothing_in_the_scrollback(sesh: Sesh, home: Home, tmp_path: Path) -> None:
    assert sesh("open", "x", "--", *counting(60)).code == 0
    terminal = home.terminal("x", str(tmp_path))
    terminal.wait_for_raw(b"already runs")
    counted(terminal, 60)


def test_the_line_of_a_new_session_leaves_the_saved_cursor_alone(home: Home) -> None:
    script = (
        r"stty raw -echo; printf 'ab\r\033[Jabc'; dd bs=1 count=1 of=/dev/null 2>/dev/null; printf '\0338X'; sleep 60"
    )
    terminal = home.terminal("w", "--", "sh", "-c", script)
    terminal.wait_for("new session w")
    terminal.wait_for("abc")
    terminal.type("a")
    terminal.wait_until(lambda: terminal.screen()[0] == "Xbc", "the cursor was never saved: it comes back at home")
    assert "new session" not in terminal.text()
