"""Speed of output: bursts and sustained, attached and detached."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import time
from collections.abc import Callable

from bench.contenders import Contender
from bench.field import SUSTAINED, Field
from bench.figures import OTHER, OURS, OUTPUT, Row, interleaved
from bench.material import KINDS, MARKS, READY
from bench.window import PATIENCE, Late, Window, spent, together

LONG = 8.0
"""Seconds after which a row of sustained output gets no second round."""
RESTING = 0.002
"""Processor time in seconds, between two looks, up to which a tool counts as idle: it may wake up now and then."""


class Stage:
    """A worker in a session of a contender, which prints the files that it is told to, and windows on the session."""

    def __init__(self, field: Field, contender: Contender, windows: int, stalled: int = 0) -> None:
        self.field, self.contender = field, contender
        self.folder = os.path.join(contender.root, f"w{time.monotonic_ns()}")
        os.mkdir(self.folder)
        self.pipes = []
        for name in ("orders", "done"):
            os.mkfifo(os.path.join(self.folder, name))
            self.pipes.append(os.open(os.path.join(self.folder, name), os.O_RDWR))
        words = ["sh", os.path.join(field.material, "worker.sh"), self.folder, field.material]
        self.stack = contextlib.ExitStack()
        self.session = self.stack.enter_context(field.session(contender, words))
        # Who watches without reading comes first: the client that came last sets the pace.
        self.stalled = [field.enter(contender, self.session, words) for _ in range(stalled)]
        for window in self.stalled:
            window.settle(0.3)
        self.windows: list[Window] = []
        for _ in range(windows):
            self.windows.append(self._entered(words))
            self.windows[-1].settle(0.1)
        self.count = 0
        self.keepers = contender.processes()
        self.crowded = windows + stalled > 1

    def _entered(self, words: list[str]) -> Window:
        """Opens a window on the session, and tries again if the contender does not find the session yet."""
        for left in (2, 1, 0):
            window = self.field.enter(self.contender, self.session, words)
            try:
                if self.contender.keeps:
                    window.until(READY, 10)
                return window
            except Late:
                window.close()
                if not left:
                    raise
        raise Late("no window was opened")

    def order(self, file: str) -> tuple[str, float]:
        """Tells the worker to print a file; returns the mark that will follow, and the moment."""
        self.count += 1
        mark = MARKS[self.count % len(MARKS)] * 12 + str(self.count)
        began = time.perf_counter()
        os.write(self.pipes[0], f"{file} {mark}\n".encode())
        return mark, began

    def shown(self, file: str) -> float:
        """Returns the MB/s until every window has shown a file. Raises Late, also if the last window was not shown all
        of it."""
        before = [window.count for window in self.windows]
        mark, began = self.order(file)
        moment = together(self.windows, mark.encode(), 8 if self.crowded and file == "plain" else PATIENCE)
        os.read(self.pipes[1], 256)
        size = os.path.getsize(os.path.join(self.field.material, file))
        exact = [OURS, OTHER, "plain", *(["dtach"] if len(self.windows) == 1 else [])]  # it drops what one is late for
        if self.contender.name in exact and self.windows:
            # The client that came last; one that falls far behind it may be given the screen instead.
            shown = self.windows[-1].count - before[-1]
            if shown < self.field.bytes[file]:
                raise Late(f"only {shown} bytes of {self.field.bytes[file]} were shown")
        self.rest()
        return size / 1e6 / (moment - began)

    def rest(self) -> None:
        """Waits until the contender is idle, because its late work would slow the next one down."""
        deadline = time.monotonic() + PATIENCE
        before = -1.0
        while time.monotonic() < deadline:
            for window in self.windows:
                window.settle(0.02)
            time.sleep(0.05)
            now = spent([*self.keepers, *(window.pid for window in self.windows)])
            if now - before < RESTING:
                return
            before = now

    def written(self, file: str) -> float:
        """Returns the MB/s until the program has written a file with nobody attached. Raises Late."""
        mark, began = self.order(file)
        poll = select.poll()
        poll.register(self.pipes[1], select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            raise Late("the program did not get it written")
        answer = os.read(self.pipes[1], 256)
        moment = time.perf_counter()
        if answer.strip() != mark.encode():
            raise Late("another mark came")
        size = os.path.getsize(os.path.join(self.field.material, file))
        self.rest()
        return size / 1e6 / (moment - began)

    def close(self) -> None:
        for window in [*self.windows, *self.stalled]:
            window.close(*(self.contender.detach if self.session else ()))
        self.stack.close()
        for descriptor in self.pipes:
            os.close(descriptor)


def _measured(
    field: Field,
    rows: dict[str, Row],
    contenders: list[Contender],
    rounds: int,
    take: Callable[[Stage, str], float],
    *,
    windows: int = 1,
    stalled: int = 0,
    seconds: float = 0.0,
) -> list[Row]:
    """Fills the rows (keys: the files to print) with one stage for each contender. `seconds`: the time for one row."""
    stages: dict[str, Stage] = {}
    try:
        for contender in contenders:
            try:
                stages[contender.name] = Stage(field, contender, windows, stalled)
            except Late as error:
                field.log(f"    {contender.name} is left out: {error}")
        for file, row in rows.items():
            takes = {name: functools.partial(take, stage, file) for name, stage in stages.items()}
            interleaved(row, takes, rounds, field.log, seconds or field.seconds, 1 if seconds else 2)
    finally:
        for stage in stages.values():
            with contextlib.suppress(OSError):
                stage.close()
    return list(rows.values())


def attached(field: Field, kinds: tuple[str, ...] = KINDS) -> list[Row]:
    """Bursts, shown whole by one client."""
    rows = {}
    for kind in kinds:
        rows[kind] = Row(
            f"attached-{kind}", f"output attached, {kind}", "MB/s", True, "dtach", lambda m: m["dtach"],
            line=OUTPUT, short="bursts attached", charted=kind == "plain",
        )  # fmt: skip
    return _measured(field, rows, [*field.printing, field.plain], field.rounds(7, 2), Stage.shown)


def detached(field: Field, kinds: tuple[str, ...] = KINDS) -> list[Row]:
    """Bursts, written whole with nobody attached."""
    rows = {}
    for kind in kinds:
        factor = 1.0 if kind == "full-screen" else 1.5
        said = "tmux" if kind == "full-screen" else "1.5 x tmux"
        rows[kind] = Row(
            f"detached-{kind}", f"output detached, {kind}", "MB/s", True, said,
            lambda m, factor=factor: factor * m["tmux"],  # type: ignore[misc]
            line=OUTPUT, short="bursts detached", charted=kind == "colour",
        )  # fmt: skip
    return _measured(field, rows, field.printing, field.rounds(7, 2), Stage.written, windows=0)


def sustained(field: Field) -> list[Row]:
    """Measures 256 MiB of each kind. No tool can buffer so much, so the slowest part of the tool sets the pace."""
    size = f"{SUSTAINED >> 20} MiB"
    shown, written = {}, {}
    for kind in KINDS:
        # Plain output is to pass about as fast as through a program that only relays.
        passed = 0.9 if kind == "plain" else 0.0
        shown[f"{kind}.long"] = Row(
            f"long-{kind}", f"{size} attached, {kind}", "MB/s", True, "tmux, 0.9 x dtach" if passed else "tmux",
            lambda m, passed=passed: max(m["tmux"], passed * m["dtach"]),  # type: ignore[misc]
            line=OUTPUT, short="sustained attached", charted=kind != "colour",
        )  # fmt: skip
        written[f"{kind}.long"] = Row(
            f"long-away-{kind}", f"{size} detached, {kind}", "MB/s", True, "tmux", lambda m: m["tmux"],
            line=OUTPUT, short="sustained detached", charted=kind == "full-screen",
        )  # fmt: skip
    return [
        *_measured(field, shown, field.everyone, field.rounds(2, 1), Stage.shown, seconds=LONG),
        *_measured(field, written, field.tools, field.rounds(2, 1), Stage.written, windows=0, seconds=LONG),
    ]


def crowded(field: Field) -> list[Row]:
    """Measures bursts and sustained output with three clients that read, and with three of which one does not read."""
    size = f"{SUSTAINED >> 20} MiB"
    three = {
        "plain": Row("three", "output to three clients, plain", "MB/s", True, line=OUTPUT, short="three clients"),
        "plain.long": Row(
            "long-three", f"{size} to three clients, plain", "MB/s", True, line=OUTPUT, short="three clients, sustained"
        ),
    }

    def goal(_: dict[str, float]) -> float:
        return 0.9 * three["plain.long"].medians["dtach"]

    title = f"{size} to three clients, one of them stalled, plain"
    stalled = {
        "plain.long": Row(
            "long-stalled", title, "MB/s", True, "0.9 x dtach with three that read", goal,
            line=OUTPUT, short="one of three clients stalled",
        ),
    }  # fmt: skip
    if field.quick:  # it has no large files
        return _measured(field, {"plain": three["plain"]}, field.tools, 1, Stage.shown, windows=3)
    return [
        *_measured(field, three, field.tools, field.rounds(2, 1), Stage.shown, windows=3, seconds=LONG),
        *_measured(field, stalled, field.tools, field.rounds(2, 1), Stage.shown, windows=2, stalled=1, seconds=LONG),
    ]
