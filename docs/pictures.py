"""The pictures of the pages, made by sesh itself: `make pictures`, or `make pictures ARGS="tour watch"`.

Each scene is typed into a shell on a real terminal, with its own home directory; the other machine is an sshd on
loopback, behind a network that breaks when it is told to. What a screen shows is what sesh printed; only the window
around it, its caption, the keys and the marks at missed lines are drawn. A film leaves out time in which nothing
happens, and its captions say how long that was.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from film import DARK, LIGHT, Shot, film, still
from sesh.vt.emulator import Emulator
from sesh.vt.render.export import screen_data
from tests.remote.farm import Far, Farm, Ground
from tests.support import Home
from tests.support.terminal import Terminal

COLUMNS = 60
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures")
DETACH = "\x1c"
_LONG = 63.0
"""Seconds after which sesh says for how long one was away."""
_FINGER = 0.09
"""Seconds between two frames of a line that is typed."""

_RC = r"""PS1='\[\e[1;34m\]${SESH_SESSION:+\[\e[33m\][$SESH_SESSION] \[\e[1;34m\]}\w\[\e[0m\] $ '
unset HISTFILE
"""
_AGENT = r"""#!/usr/bin/perl
$0 = "agent"; $| = 1;
sub say { print "\e[36m*\e[0m $_[0]\n"; select undef, undef, undef, $_[1] }
say "Reading src/till.c and its 12 tests", .8;
say "test_change fails: it forgets the coins", .8;
say "Editing src/till.c", 3;
print "May I run: make test? [y/N] ";
exit if <STDIN> !~ /^y/;
say "Running make test", 6;
print "\e]9;all 12 tests pass\a";
say "All 12 tests pass.", 0;
print "> ";
<STDIN>;
"""
_MIGRATE = r"""#!/usr/bin/perl
$0 = "migrate"; $| = 1;
print "14 tables to go\nDrop the table carts_old? [y/N] ";
<STDIN>;
"""
_TRAIN = r"""#!/usr/bin/perl
$0 = "train"; $| = 1;
for (1 .. 99) { printf "epoch %2d  loss \e[32m%.3f\e[0m\n", $_, .2 + .9 / $_; sleep($_ < 4 ? 1 : 7) }
"""
_BUILD = "all:\n\t@for i in 1 2 3 4 5 6 7 8 9; do for f in basket till order mail user page; do \\\n"
_BUILD += "\techo cc -O2 -c src/$$f.c; sleep 1; done; done\n"
_SHOP = "all:\n\t@for f in basket mail order page; do echo cc -O2 -c src/$$f.c; sleep 1; done\n"
_SHOP += "\t@sleep 4; echo cc -O2 -c src/till.c; echo 'src/till.c:3: error: expected ; before }'; exit 1\n"
_CHECK = r"""#!/bin/sh
cd ~/shop
echo cc -O2 -c src/till.c
grep -q 'return total;' src/till.c && { echo 'all 12 tests passed'; exit 0; }
printf '\033[1msrc/till.c:3:\033[0m \033[31merror:\033[0m expected ; before }\n'
exit 2
"""
_TILL = "int till(int total)\n{\n    return total\n}\n"


@dataclass(frozen=True)
class Picture:
    """What a scene gives: its screens, what it is about, and of a film the frame that it rests on."""

    title: str
    shots: Sequence[Shot]
    rests: int | None = None

    def drawn(self) -> dict[str, str]:
        """The file of each kind of page, by what its name ends in."""
        looks = {"": LIGHT, "-dark": DARK}
        if self.rests is None:
            return {end: still(self.shots, self.title, look) for end, look in looks.items()}
        return {end: film(self.shots, self.title, look, self.rests) for end, look in looks.items()}


class Scene:
    """A shell on a terminal that lines are typed into, and the screens that were recorded of it.

    `window` and `caption` stand around the screens that are recorded from now on.
    """

    def __init__(self, home: Home, rows: int, window: str = "terminal", directory: str = "") -> None:
        self.home, self.rows = home, rows
        self.window, self.caption = window, ""
        self.shots: list[Shot] = []
        shell = ["bash", "--noprofile", "--rcfile", f"{home.path}/.bashrc", "-i"]
        where = os.path.join(home.path, directory)
        self.terminal = Terminal(shell, columns=COLUMNS, rows=rows, env=home.env, cwd=where)
        self.terminal.wait_until(self._at_prompt)

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()

    def type(self, line: str, sign: str = "") -> Scene:
        """Types a line, or a key, and waits until a sign shows: the prompt, where none is given."""
        start = len(self.terminal.raw)
        self.terminal.type(line if line < " " else f"{line}\r")
        return self.see(sign, start)

    def write(self, line: str) -> Scene:
        """Types a line without its end, and records it as it grows."""
        for start in range(0, len(line), 2):
            self.terminal.type(line[start : start + 2])
            self.see(line[start : start + 2][-1], 0, 0.03)
            self.shoot(_FINGER)
        return self.hold(0.3)

    def see(self, sign: str = "", start: int | None = None, rest: float = 0.4) -> Scene:
        """Waits until a sign has come and the screen rests."""
        start = len(self.terminal.raw) if start is None else start
        self.terminal.wait_until(partial(self._shown, start, sign, rest), timeout=60)
        return self

    def follow(self, sign: str, most: float = 0.6, start: int | None = None) -> Scene:
        """Records each change until a sign shows; none is shown for longer than `most` seconds."""
        start, begun = len(self.terminal.raw) if start is None else start, time.monotonic()
        while sign.encode() not in self.terminal.raw[start:] or self.terminal.pump(0.05):
            if time.monotonic() - begun > 60:
                raise AssertionError(f"no {sign!r}\n{self.terminal.portrait()}")
            if self.terminal.pump(0.02):
                while self.terminal.pump(0.03):
                    pass
                self.shoot(most)
        return self.shoot(most)

    def shoot(self, seconds: float = 0.0, key: str = "", missed: Sequence[str] = ()) -> Scene:
        """Records the screen as it is now; one that is the same as before is shown for longer."""
        emulator = Emulator(COLUMNS, self.rows)
        emulator.feed(bytes(self.terminal.raw))
        shot = Shot(screen_data(emulator), self.window, self.caption, key, tuple(missed), seconds)
        if self.shots and replace(self.shots[-1], seconds=seconds) == shot:
            return self.hold(seconds)
        self.shots.append(shot)
        return self

    def hold(self, seconds: float) -> Scene:
        """Shows the last screen for longer."""
        self.shots[-1] = replace(self.shots[-1], seconds=self.shots[-1].seconds + seconds)
        return self

    def press(self, key: str, data: str, caption: str, seconds: float = 1.0) -> Scene:
        """Records a key, and types it."""
        self.caption = caption
        self.shoot(seconds, key)
        self.terminal.type(data)
        return self

    def now(self, window: str, caption: str) -> Scene:
        """What stands around the screen from now on."""
        self.window, self.caption = window, caption
        return self

    def lines(self, pattern: str) -> list[str]:
        """The rows that begin with what a pattern matches."""
        return [row for row in self.terminal.screen() if re.match(pattern, row)]

    def _at_prompt(self) -> bool:
        return self.terminal.screen()[self.terminal.cursor[0]].endswith(" $")

    def _shown(self, start: int, sign: str, rest: float) -> bool:
        arrived = sign.encode() in self.terminal.raw[start:] and (bool(sign) or self._at_prompt())
        return arrived and not self.terminal.pump(rest)


def _host(farm: Farm) -> Far:
    """The machine `gpu`, where `train` runs in a session."""
    far = farm.host("gpu", proxied=True)
    far.write("train", _TRAIN, 0o755)
    far.write(".bashrc", _RC)
    farm.home.sesh("@gpu", "--open", "train", "--", "./train", timeout=60)
    return far


def _make(home: Home) -> None:
    """The session `build`, where make runs."""
    home.write("build/Makefile", _BUILD)
    home.sesh("--open", "build", os.path.join(home.path, "build"), "--", "make")


def _cut(scene: Scene, far: Far, seconds: float) -> tuple[list[str], Callable[[], list[str]]]:
    """Breaks the link to a host for some seconds; the lines before, and what to call to have it back: the missed ones.

    The network is off when this returns, and `seconds` have passed when the missed lines are there.
    """
    before, begun = scene.lines("epoch"), time.monotonic()
    far.proxy.refuse()
    far.proxy.cut()
    scene.see("no link", 0)

    def back() -> list[str]:
        while time.monotonic() - begun < seconds:
            scene.terminal.pump(0.2)
        start = len(scene.terminal.raw)
        far.proxy.restore()
        scene.see("epoch", start)
        return [row for row in scene.lines("epoch") if row not in before]

    return before, back


def tour(home: Home, farm: Farm) -> Picture:
    """The first picture of the README."""
    far = _host(farm)
    _make(home)
    with Scene(home, 12, "your terminal", "shop") as scene:
        scene.now("your terminal", "Run anything in a session").shoot(0.6).write("sesh api -- agent")
        scene.terminal.type("\r")
        scene.now("api", "A coding agent, in the session “api”").follow("Editing", 0.7)
        left = time.monotonic()
        scene.press("Ctrl-\\", DETACH, "Leave. It goes on working.", 1.3)
        scene.now("your terminal", "Leave. It goes on working.").follow(" $ ", 0.4).hold(0.7)
        scene.see("$", 0, 3.5)
        scene.now("your terminal", "All sessions, here and on other machines").write("sesh").terminal.type("\r")
        scene.see().shoot(2.4)
        scene.now("your terminal", "Who waits for you?").write("sesh --watch").terminal.type("\r")
        scene.now("sesh --watch", "Who waits for you? Answer right here.").see("waiting for you", rest=1.2).shoot(2.4)
        rests = len(scene.shots)
        start = len(scene.terminal.raw)
        scene.press("y", "y", "Who waits for you? Answer right here.", 0.9)
        scene.now("sesh --watch", "Answered: it works again").see("was answered", start, 0.1).shoot(1.8)
        scene.terminal.type("q")
        scene.see().terminal.type("clear\r")
        scene.see()
        scene.now("your terminal", "The same on any machine that ssh reaches").write("sesh @gpu train")
        scene.terminal.type("\r")
        scene.see("epoch", rest=0.8).now("train on gpu", scene.caption).shoot(1.2)
        _, back = _cut(scene, far, 40)
        scene.now("train on gpu", "network: off. The session goes on there.").shoot(2.0)
        missed = back()
        scene.now("train on gpu", "network: on after 40 s. No line is missing.").shoot(2.4, missed=missed)
        scene.type(DETACH, "detached").see().type("clear")
        while time.monotonic() - left < _LONG:
            scene.terminal.pump(0.2)
        scene.now("your terminal", "Come back, from any terminal").write("sesh api").terminal.type("\r")
        scene.now("api", "Back, with a line on what you missed").see("away", rest=0.5).shoot(2.6)
        card = Shot(scene.shots[-1].screen, "", card=("sesh NAME", "That is all."), seconds=2.2)
        scene.type(DETACH, "detached")
        return Picture("sesh: leave a session, answer one that waits, lose a link, come back", [*scene.shots, card], rests)


def leaving(home: Home, _: Farm) -> Picture:
    """Leaving, and coming back to what went on meanwhile."""
    home.write("shop/Makefile", _SHOP)
    with Scene(home, 9, "your terminal") as scene, Scene(home, 9, "shop") as again:
        scene.type("sesh shop ~/shop", "[shop]").type("make", "order").type(DETACH, "detached").see()
        left = time.monotonic()
        while time.monotonic() - left < _LONG:
            scene.terminal.pump(0.2)
        scene.terminal.type("sesh shop")
        scene.see("shop").caption = "Leave by a key. Come back by the name."
        scene.shoot(key="Ctrl-\\")
        again.type("sesh shop", "away").caption = "make has failed meanwhile: the last row says so"
        again.shoot()
        return Picture("Leaving a session while make runs, and coming back", scene.shots + again.shots)


def watch(home: Home, farm: Farm) -> Picture:
    """The list with the sessions that wait for a person."""
    _host(farm)
    for name, program in (("api", "agent"), ("migrate", "migrate")):
        home.sesh("--open", name, os.path.join(home.path, "shop"), "--", program)
    for name in ("api", "migrate"):
        home.sesh("--wait", name, "--waiting", "--timeout", "20", timeout=30)
    _make(home)
    with Scene(home, 12, "sesh --watch") as scene:
        scene.type("sesh --watch", "waiting for you").see("cc -O2", 0, 0.3)
        scene.see("epoch", 0, 0.3).caption = "One key answers the marked one: no need to attach"
        return Picture("sesh --watch: the sessions that wait for you, above all others", scene.shoot(key="y").shots)


def picker(home: Home, farm: Farm) -> Picture:
    """The picker, with a preview of the chosen session."""
    _host(farm)
    _make(home)
    home.sesh("--open", "api", os.path.join(home.path, "shop"), "--", "agent")
    home.sesh("--open", "notes", os.path.join(home.path, "notes"))
    home.sesh("--wait", "api", "--waiting", "--timeout", "20", timeout=30)
    with Scene(home, 14, "sesh --pick") as scene:
        scene.type("sesh --pick", "epoch").see("epoch", 0, 1.5).caption = "Choose by arrows or letters; Enter takes you there"
        return Picture("sesh --pick: all sessions, with the screen of the chosen one", scene.shoot(key="Enter").shots)


def agent(home: Home, _: Farm) -> Picture:
    """An agent in a live shell, and what the person sees who looks on."""
    with Scene(home, 11, "the agent") as scene, Scene(home, 10, "you, in the session “shop”") as watching:
        scene.type("sesh --open shop ~/shop")
        watching.type("sesh shop --read-only", "[shop]")
        for line in (
            'sesh --run shop -- ./check; echo "exit code $?"',
            "sesh --run shop -- sed -i 's/total$/total;/' src/till.c",
            'sesh --run shop -- ./check; echo "exit code $?"',
        ):
            scene.type(line)
        scene.caption = "Each command's output, and its exit code"
        watching.see("12 tests", 0).caption = "You look on meanwhile, in the same shell"
        return Picture("An agent works in a shell, and a person looks on", scene.shoot().shots + watching.shoot().shots)


def healing(home: Home, farm: Farm) -> Picture:
    """A link that breaks, and is there again with all that was missed."""
    far = _host(farm)
    with Scene(home, 8, "train on gpu") as scene:
        scene.type("sesh @gpu train", "epoch  3")
        _, back = _cut(scene, far, 40)
        scene.caption = "network: off. The session goes on there."
        missed = scene.shoot() and back()
        scene.caption = "network: on after 40 s. Marked: what you missed."
        return Picture("The link to a host breaks and comes back, with all lines", scene.shoot(missed=missed).shots)


PICTURES: Mapping[str, Callable[[Home, Farm], Picture]] = {
    "tour": tour,
    "leaving": leaving,
    "watch": watch,
    "picker": picker,
    "agent": agent,
    "healing": healing,
}


def main() -> None:
    """Draws all pictures into docs/pictures, or those that are named."""
    ground = Ground()
    os.makedirs(FOLDER, exist_ok=True)
    try:
        for name in sys.argv[1:] or PICTURES:
            home = Home()
            farm = Farm(ground, home)
            try:
                home.write(".bashrc", _RC)
                home.write("bin/agent", _AGENT, 0o755)
                home.write("bin/migrate", _MIGRATE, 0o755)
                home.write("shop/check", _CHECK, 0o755)
                home.write("shop/src/till.c", _TILL)
                home.write("notes/todo.md", "- ship it\n- tell others\n")
                picture = PICTURES[name](home, farm)
            finally:
                home.leave()
                farm.close()
                home.close()
            for end, drawn in picture.drawn().items():
                assert home.root not in drawn and "/tmp/" not in drawn, name  # noqa: S101, S108, PT018
                path = os.path.join(FOLDER, f"{name}{end}.svg")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(drawn)
                print(f"docs/pictures/{name}{end}.svg  {len(drawn) // 1024} KB", file=sys.stderr)
    finally:
        ground.close()


if __name__ == "__main__":
    main()
