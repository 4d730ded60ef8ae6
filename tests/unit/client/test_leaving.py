"""However a client leaves, its terminal is at rest, and as it was before."""

from __future__ import annotations

import random

from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.reports import ASK_RESET, ResetReplies
from sesh.client.view import TerminalView
from sesh.loop.timers import Timers
from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import repainting
from sesh.wire import protocol
from sesh.wire.messages import Message
from tests.fidelity.rest import held
from tests.support import rounds
from tests.unit.vt.streams import cut, piece

COLUMNS, ROWS = 40, 8
#: What a random program does not print: a control within a sequence, a single shift with no character behind it.
_ODD = {b"\x1b[3\n1m", b"\x1b[3\x7f1m", b"\x1b(\n0", b"\x1bN", b"\x1bO"}


class Terminal:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def write_all(self, data: bytes, _seconds: float) -> bool:
        self.write(data)
        return True

    def drop_input(self, _seconds: float) -> None:
        """Drop nothing, because nobody types."""

    def drop_until(self, _replies: ResetReplies, _seconds: float) -> bytes:
        """Drop nothing, because nobody types."""
        return b""

    def grid(self) -> tuple[int, int]:
        return COLUMNS, ROWS


def play(rng: random.Random, view: TerminalView) -> None:
    """Let a program print up to a random byte, among lines of sesh's own."""
    data = b"".join(item for item in (piece(rng) for _ in range(40)) if item not in _ODD)
    session = Emulator(COLUMNS, ROWS)
    for block in cut(rng, data[: rng.randrange(len(data))]):
        view.show(protocol.OUTPUT, (view.position or 0).to_bytes(8, "big") + block)
        session.feed(block)
        if rng.random() < 0.1:
            view.pin_line("a line of sesh")
            if rng.random() < 0.5:
                view.pin_line("")
                drawing = repainting(session, was_alternate=session.alternate, pushed=session.stacks)
                for frame in protocol.screen_frames(view.position or 0, view.redraws, drawing.finish()):
                    view.show(protocol.SCREEN, frame[5:])


def test_a_terminal_that_leaves_a_random_program_is_at_rest() -> None:
    for seed in range(rounds(100, 1000)):
        rng = random.Random(seed)
        terminal = Terminal()
        display = Display(terminal)  # type: ignore[arg-type]  # it has the methods that are called
        view = TerminalView(display, Channel(), Timers(), "never")
        play(rng, view)
        last_message: Message = {}
        if seed % 2:  # else the daemon was killed, or the link is lost
            last_message = {"reason": "detached", "used_rows": rng.randrange(3), "queries": False}
            view.clear()
        display.leave("detached from work", last_message)
        assert not held(terminal.written, COLUMNS, ROWS), seed
        assert terminal.written.removesuffix(ASK_RESET).endswith(b"[detached from work]\r\n")


def test_what_a_program_prints_at_its_end_is_shown_although_the_screen_was_requested() -> None:
    """After a pause of the link, the client waited for a screen that never came."""
    terminal = Terminal()
    view = TerminalView(Display(terminal), Channel(), Timers(), "never")  # type: ignore[arg-type]
    view.show(protocol.SCREEN, bytes(16) + b"$ make\r\n")
    view.display.draw_over_last_row("no answer")
    view.redraw()
    view.show(protocol.OUTPUT, bytes(8) + b"all done\r\n")
    assert not terminal.written.endswith(b"all done\r\n")
    view.show_skipped()
    assert terminal.written.endswith(b"all done\r\n")


def test_half_a_character_is_held_back_until_the_rest_or_a_new_screen_comes() -> None:
    """The terminal drew a sign for the half in the last column, and scrolled."""
    terminal = Terminal()
    display = Display(terminal)  # type: ignore[arg-type]
    whole = "界".encode()
    for output in (whole[:1], whole[1:2], whole[2:] + b"\xe9", b"-", whole[:2]):
        display.show(output)
    assert terminal.written == whole + b"\xe9-"
    display.show_screen(b"\x18\x1b[H" + whole[:2], 0)
    display.show(whole[2:])
    assert terminal.written == whole + b"\xe9-\x18\x1b[H" + whole
