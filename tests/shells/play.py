"""Plays a set-up: types its steps into a real terminal, without sesh or in a session, and collects what it did."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from sesh.ops.shell import history_output
from sesh.reach.caller import Caller
from tests.fidelity.xterm import Xterm, seen
from tests.shells.setups import MODULES, OWN, Setup
from tests.shells.steps import CTRL_C, FEW, STEPS, TELL, TRACED, UNTRACED, Step
from tests.support import Home, Terminal, need, wait_until
from tests.support.waiting import PATIENCE
from tests.terminal.looking import asked, history

_QUIET = {"fish": 0.05}  # it colours a line a while after the key
_STILL = 2.0  # seconds of a shell that waits and a terminal that gets nothing, after which a screen stays as it is
_PAUSE = 0.01  # seconds without output, then it is worth a look
_READS = {0, 7, 23, 270, 271}  # read, poll, select, pselect6, ppoll on Linux, x86-64


def _opened(path: str, _: int) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)


class Place(Enum):
    """Where a set-up is played, and where sesh's line stands in its rc file."""

    PLAIN = "in a terminal, without sesh"
    WITHOUT = "in a session, without the line"
    FIRST = "the line is the first"
    MIDDLE = "the line is in the middle"
    LAST = "the line is the last"


WITH_LINE = (Place.FIRST, Place.MIDDLE, Place.LAST)
_FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
_LINES = {"bash": 'eval "$(cat ~/line)"\n', "zsh": 'eval "$(cat ~/line)"\n', "fish": "cat ~/line | source\n"}
_BEGIN = {
    "bash": "",
    "zsh": "HISTFILE=~/.zsh_history HISTSIZE=1000 SAVEHIST=1000\n",
    "fish": "set -g fish_greeting\n",
}
_HISTORIES = (".bash_history", ".zsh_history", ".local/share/fish/fish_history")
_STATE = {
    "bash": ("hooks", _HISTORIES[0]),
    "zsh": ("hooks", _HISTORIES[1]),
    "fish": ("hooks", _HISTORIES[2]),
}


@dataclass
class Played:
    """What one play left: a screen after each step, the shell's own story, and what sesh says of it."""

    setup: Setup
    place: Place
    steps: list[Step]
    screens: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """By name: what the shell told of itself at the end, its files, and the answers to the set-up's questions."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """As `history --json`, with `output` as text, None if it is not there."""
    why: str = ""  # what `history N` says if the output is not there
    activity: dict[str, Any] = field(default_factory=dict)
    waited: int = 0  # the exit code of `wait --prompt`
    integration: Any = None
    events: list[dict[str, Any]] = field(default_factory=list)


class Scene:
    """A shell in a terminal, in a HOME that is laid anew for each play."""

    def __init__(self, setup: Setup, place: Place, home: Home, xterm: Xterm) -> None:
        self.setup, self.place, self.home, self.xterm = setup, place, home, xterm
        self.shell = setup.shell
        self.quiet = (setup.quiet or _QUIET.get(setup.shell, 0.0)) if place is Place.PLAIN else 0.0
        """Seconds without output after which a screen is complete. Another play than the first waits for the same."""
        self.terminal: Terminal
        self.pid = 0
        self._drawn = (0, dict[str, Any]())

    # -- the beginning

    def lay(self) -> None:
        """Leave nothing of the play before in HOME, and write the set-up's files."""
        home = self.home
        for name in os.listdir(home.path):
            path = os.path.join(home.path, name)
            if name in {"bin", ".sesh"}:
                continue
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        if self.place in WITH_LINE:
            home.write("line", home.sesh("shell-init", self.shell).raw)
        line, setup = _LINES[self.shell], self.setup
        above, below = _BEGIN[self.shell] + setup.above, setup.below
        text = {
            Place.FIRST: line + above + below,
            Place.MIDDLE: above + line + below,
            Place.LAST: above + below + line,
        }.get(self.place, above + below)
        home.write(_FILES[self.shell], text)
        home.write("tell", TELL[self.shell])
        home.write("place/.envrc", "export OF_PLACE=1\n")
        home.write(".config/direnv/direnv.toml", f'[whitelist]\nprefix = ["{home.path}"]\n')
        home.write(".local/share/fish/generated_completions/none.fish", "")
        os.makedirs(os.path.join(home.path, "told"))
        for name, content in setup.files.items():
            home.write(name, content)

    def open(self) -> None:
        path = need(self.shell)
        env: dict[str, str | None] = {"PS1": None, "SHELL": path, "PATH": f"{self.home.env['PATH']}:{OWN}"}
        env["MODULES"] = MODULES
        if self.place is Place.PLAIN:
            shims = os.path.join(self.home.path, ".sesh/bin")  # first in PATH of a session: the one difference to it
            plain = {**env, "PWD": self.home.path, "PATH": f"{shims}:{env['PATH']}"}
            self.terminal = self.home.terminal(command=[self.shell], env=plain, answers=True)
            self.pid = self.terminal.pid
        else:
            self.terminal = self.home.terminal("work", env=env, answers=True)
            self.pid = wait_until(lambda: int(self.home.summary("work").get("pid") or 0), "the session has a shell")

    # -- a step

    def reads(self) -> bool:
        """Tell whether the shell edits a line, and waits for its next key: all that was typed is read."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                state, _, group, _, _, foreground = file.read().rpartition(")")[2].split()[:6]
            if state != "S" or group != foreground:
                return False
            with open(f"/proc/{self.pid}/syscall", encoding="utf-8") as file:
                call = file.read().split()
            with open(f"/proc/{self.pid}/fd/0", "rb", buffering=0, opener=_opened) as line:
                waiting = struct.unpack("i", fcntl.ioctl(line, termios.FIONREAD, bytes(4)))[0]
                edits = not termios.tcgetattr(line)[3] & termios.ICANON
        except (OSError, ValueError, termios.error):  # it ends, or stdin is another one while a hook runs
            return False
        return edits and not waiting and call[0].isdigit() and int(call[0]) in _READS

    def rest(self, quiet: float) -> None:
        """Wait until the shell reads, and the terminal has had nothing for `quiet` seconds."""
        terminal = self.terminal
        terminal.wait_until(self.reads, "the shell waits for a key")
        until = time.monotonic() + PATIENCE
        came = time.monotonic()
        while time.monotonic() < until and not (time.monotonic() - came >= quiet and self.reads()):
            if terminal.pump(0.02):
                came = time.monotonic()

    def begin(self) -> None:
        """Wait for the first prompt; type a key, at which sesh's notice of a new session goes, and take it back."""
        terminal = self.terminal
        self.rest(max(self.quiet, self.setup.quiet))
        if self.place is not Place.PLAIN:
            terminal.wait_for_raw(b"new session work")
        terminal.type("x")
        terminal.wait_until(lambda: self._before_cursor().endswith("x"), "a key before the cursor")
        terminal.type("\x7f")
        terminal.wait_until(lambda: not self._before_cursor().endswith("x"), "the key is taken back")
        self.rest(self.quiet)

    def do(self, step: Step) -> Iterator[str]:
        """Type a step; yield a name for each screen to be compared, when the shell waits for the next key."""
        for line in step.lines:
            text = line.rstrip(CTRL_C)
            if text:
                self.terminal.type(text)
                wanted = "".join(text.split())
                self.terminal.wait_until(
                    lambda wanted=wanted: self._before_cursor().endswith(wanted),  # type: ignore[misc]
                    f"{text!r} before the cursor",
                )
                self.rest(self.quiet)
                yield f"{step.name}, “{text}” typed"
            before = len(self.terminal.raw)
            self.terminal.type(CTRL_C if line.endswith(CTRL_C) else "\r")
            # The line editor goes down a row once it has read the key.
            self.terminal.wait_for_raw(b"\n", start=before)
            self.rest(self.quiet)
        yield step.name

    def _before_cursor(self) -> str:
        """Return what the screen shows up to the cursor, without blanks."""
        row, column = self.terminal.cursor
        rows = self.terminal.screen()
        return "".join("".join([*rows[:row], rows[row][:column]]).split())

    def drawn(self) -> dict[str, Any]:
        """Return what the independent emulator holds."""
        terminal = self.terminal
        while terminal.pump():
            pass
        if self._drawn[0] != len(terminal.raw):
            glass = terminal.glass
            held = seen(self.xterm.hold(glass.columns, glass.lines, bytes(terminal.raw)))
            self._drawn = (len(terminal.raw), held)
        return self._drawn[1]

    def drawn_like(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return what the emulator holds once it is `wanted`, or nothing has come any more for a while."""
        came = time.monotonic()
        while self.terminal.pump(_PAUSE):
            pass
        while (held := self.drawn()) != wanted and time.monotonic() - came < _STILL:
            while self.terminal.pump(_PAUSE):
                came = time.monotonic()
        return held


def play(
    setup: Setup, place: Place, home: Home, xterm: Xterm, reference: Played | None = None, *, few: bool = False
) -> Played:
    """Play a set-up. With a `reference`, each screen has time to become the reference's, until one has not.

    `few`: only some of the steps.
    """
    scene = Scene(setup, place, home, xterm)
    steps = [each for each in STEPS[setup.shell] if each.name in FEW or not few]
    if setup.traces:
        steps = [steps[0], TRACED, *(each for each in steps[1:] if each.name not in UNTRACED)]
    played = Played(setup, place, steps)
    scene.lay()
    scene.open()
    scene.begin()
    same = reference is not None
    for step in played.steps:
        for name in scene.do(step):
            wanted = reference.screens[name] if reference and same else None
            played.screens[name] = scene.drawn() if wanted is None else scene.drawn_like(wanted)
            same = wanted is not None and played.screens[name] == wanted
    if place is not Place.PLAIN:
        _ask_sesh(scene, played)
    for _ in scene.do(Step("tell", (". ~/tell" if scene.shell != "fish" else "source ~/tell",))):
        pass
    listener = None if place is Place.PLAIN else home.start("events", "work", "--from", "0", "--json")
    scene.terminal.type("exit\r")
    scene.terminal.exit_code()
    scene.terminal.close()
    if listener is not None:
        played.events = [json.loads(line) for line in listener.communicate(timeout=PATIENCE)[0].splitlines()]
    _collect(scene, played)
    return played


def _ask_sesh(scene: Scene, played: Played) -> None:
    home = scene.home

    def idle() -> bool:
        played.activity = home.summary("work")["activity"]
        return bool(played.activity["state"] == "idle")

    _within(idle)
    played.waited = home.sesh("wait", "work", "--prompt", "--timeout", "5").code
    played.integration = home.summary("work").get("integration")
    for row in history(home):
        output = asked(home, partial(_output, row), None)
        played.history.append({**row, "output": output})
        if output is None and not played.why:
            played.why = home.sesh("history", "work", str(row["n"])).stderr


def _output(row: dict[str, Any]) -> str | None:
    """Return the output of a command of the history, None if it is not there."""
    output = history_output(Caller(), "work", row["n"])["output"]
    return None if row["output_bytes"] is None else output.decode("utf-8", "replace")


def _within(condition: Callable[[], bool], seconds: float = _STILL) -> None:
    """Wait for a condition, but not for ever: that it does not hold is a fault to be reported."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def _collect(scene: Scene, played: Played) -> None:
    home = scene.home
    folder = os.path.join(home.path, "told")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            played.told[name] = file.read()
    for name in _STATE[scene.shell]:
        path = os.path.join(home.path, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                played.told[f"~/{name}"] = file.read()
    for line in scene.setup.asks:
        with home.terminal(
            command=["sh", "-c", line], env={"PATH": f"{home.env['PATH']}:{OWN}", "ATUIN_SESSION": "x"}
        ) as asked:
            asked.exit_code()
            played.told[line] = asked.text()
    # Each play has a home of its own.
    played.told = {name: text.replace(home.root, "ROOT") for name, text in played.told.items()}
