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

from docs.film import DARK, LIGHT, Shot, film, still
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
_OFF = 40
"""Seconds for which a link is broken."""
_FINGER = 0.09
"""Seconds between two frames of a line that is typed."""

_RC = r"""PS1='\[\e[1;34m\]${SESH_SESSION:+\[\e[33m\][$SESH_SESSION] \[\e[1;34m\]}\w\[\e[0m\] $ '
unset HISTFILE
"""
_AGENT = r"""#!/usr/bin/perl
$0 = "agent"; $| = 1;
sub say { print "\e[36m*\e[0m $_[0]\n"; select undef, undef, undef, $_[1] }
say "Reading till.c and its 12 tests", .8;
say "test_change forgets the coins", .8;
say "Editing till.c", 3;
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
for (1 .. 99) {
    printf "epoch %2d   %5d samples   loss \e[32m%.3f\e[0m  accuracy %.3f\n", $_, 640 * $_, .2 + .9 / $_, .97 - .6 / $_;
    sleep($_ < 4 ? 1 : 9);
}
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

    def __init__(self, home: Home, rows: int, window: str, *, directory: str = "", columns: int = COLUMNS) -> None:
        self.rows, self.columns = rows, columns
        self.window, self.caption = window, ""
        self.shots: list[Shot] = []
        shell = ["bash", "--noprofile", "--rcfile", f"{home.path}/.bashrc", "-i"]
        where = os.path.join(home.path, directory)
        self.terminal = Terminal(shell, columns=columns, rows=rows, env=home.env, cwd=where)
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
        emulator = Emulator(self.columns, self.rows)
        emulator.feed(bytes(self.terminal.raw))
        shot = Shot(screen_data(emulator), self.window, self.caption, key, tuple(missed), seconds)
        if self.shots and replace(self.shots[-1], seconds=seconds) == shot:
            return self.hold(seconds)
        self.shots.append(shot)
        return self

    def wait(self, until: float) -> Scene:
        """Waits until that time (monotonic)."""
        while time.monotonic() < until:
            self.terminal.pump(0.2)
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


def _cut(scene: Scene, far: Far, seconds: float) -> Callable[[], list[str]]:
    """Breaks the link to a host. What it returns mends the link after so many seconds, and gives the missed lines."""
    before, begun = scene.lines("epoch"), time.monotonic()
    far.proxy.refuse()
    far.proxy.cut()
    scene.see("no link", 0)

    def back() -> list[str]:
        start = len(scene.wait(begun + seconds).terminal.raw)
        far.proxy.restore()
        scene.see("epoch", start)
        return [row for row in scene.lines("epoch") if row not in before]

    return back


def tour(home: Home, farm: Farm) -> Picture:
    """The first picture of the README."""
    far = _host(farm)
    _make(home)
    with Scene(home, 12, "your terminal", directory="shop") as scene:
        scene.caption = "Run anything in a session"
        scene.shoot(0.5).write("sesh api -- agent").terminal.type("\r")
        scene.now("api", "Here a coding agent, in the session “api”").follow("Editing", 0.55)
        left = time.monotonic()
        scene.press("Ctrl-\\", DETACH, "Leave. It goes on working.", 1.2)
        scene.now("your terminal", "Leave. It goes on working.").follow(" $ ", 0.3).hold(0.4).see("$", 0, 3.5)
        scene.caption = "All sessions, here and on other machines"
        scene.write("sesh").terminal.type("\r")
        scene.see().shoot(1.8)
        scene.caption = "Who waits for you?"
        scene.write("sesh --watch").terminal.type("\r")
        scene.now("sesh --watch", "Who waits for you? Answer right here.").see("waiting for you", rest=1.2).shoot(2.0)
        rests, start = len(scene.shots), len(scene.terminal.raw)
        scene.press("y", "y", "Who waits for you? Answer right here.", 0.9)
        scene.now("sesh --watch", "Answered: it works again").see("was answered", start, 0.1).shoot(0.6)
        scene.terminal.wait_for(re.compile("^ api +detached +working", re.MULTILINE))
        scene.shoot(1.4)
        scene.type("q").type("clear").now("your terminal", "The same on any machine that ssh reaches")
        scene.write("sesh @gpu train").terminal.type("\r")
        scene.see("epoch", rest=0.8).now("train on gpu", scene.caption).shoot(1.0)
        back = _cut(scene, far, _OFF)
        scene.now("train on gpu", "The link is lost. The session goes on there.").shoot(1.7, "network off")
        missed = back()
        scene.now("train on gpu", f"Back after {_OFF} s, with all lines").shoot(1.9, "network on", missed)
        scene.type(DETACH, "detached").see().type("clear").wait(left + _LONG)
        scene.now("your terminal", "Come back, from any terminal").write("sesh api").terminal.type("\r")
        scene.now("api", "Back, and the last row says what you missed").see("away", rest=0.5).shoot(2.0)
        last = "Ctrl-\\ leaves, and everything keeps running"
        card = Shot(scene.shots[-1].screen, "", last, card=("sesh NAME", "That is all."), seconds=2.0)
        scene.type(DETACH, "detached")
        title = "sesh: leave a session, answer one that waits for you, lose a link and come back"
        return Picture(title, [*scene.shots, card], rests)


def leaving(home: Home, _: Farm) -> Picture:
    """Leaving, and coming back to what went on meanwhile."""
    home.write("shop/Makefile", _SHOP)
    home.write(".bashrc", f'{_RC}eval "$(sesh --shell-init bash)"\n')
    with Scene(home, 10, "your terminal") as scene, Scene(home, 10, "shop") as again:
        scene.type("sesh shop ~/shop", "[shop]").type("make", "page").see("page", 0, 0.9).type(DETACH, "detached").see()
        scene.wait(time.monotonic() + _LONG).terminal.type("sesh shop")
        scene.see("shop").caption = "A key leaves, the name comes back"
        scene.shoot(key="Ctrl-\\")
        again.type("sesh shop", "away").caption = "The last row says what happened meanwhile"
        again.shoot()
        return Picture("Leaving a session while make runs, and coming back", scene.shots + again.shots)


def watch(home: Home, farm: Farm) -> Picture:
    """The list with the sessions that wait for a person."""
    _host(farm)
    for name, program in (("migrate", "migrate"), ("api", "agent")):
        home.sesh("--open", name, os.path.join(home.path, "shop"), "--", program)
        home.sesh("--wait", name, "--waiting", "--timeout", "20", timeout=30)
    _make(home)
    with Scene(home, 11, "sesh --watch") as scene:
        scene.type("sesh --watch", "cc -O2").see("epoch", 0).caption = "One key answers, without attaching"
        return Picture("sesh --watch: the sessions that wait for you, above all others", scene.shoot(key="y").shots)


def picker(home: Home, farm: Farm) -> Picture:
    """The picker, its mark on the session that waits."""
    _host(farm)
    _make(home)
    home.sesh("--open", "notes", os.path.join(home.path, "notes"))
    home.sesh("--kill", "notes")
    home.sesh("--open", "api", os.path.join(home.path, "shop"), "--", "agent")
    home.sesh("--wait", "api", "--waiting", "--timeout", "20", timeout=30)
    with Scene(home, 10, "sesh --pick") as scene:
        scene.type("sesh --pick", "train").see("new", 0, 0.3)
        above = [row.split(maxsplit=1)[0] for row in scene.terminal.screen()[1:] if row].index("api")
        scene.terminal.type("\x1b[B" * above)
        scene.see("May I run", 0).caption = "All sessions, and directories for new ones"
        return Picture("sesh --pick: all sessions, and the question of the marked one", scene.shoot(key="Enter").shots)


def agent(home: Home, _: Farm) -> Picture:
    """An agent in a live shell, and what the person sees who looks on."""
    with Scene(home, 11, "the agent") as scene, Scene(home, 8, "shop, in your terminal") as watching:
        scene.type("sesh --open shop ~/shop")
        watching.type("sesh shop --read-only", "[shop]")
        for line in (
            'sesh --run shop -- ./check; echo "exit code $?"',
            "sesh --run shop -- sed -i 's/total$/total;/' src/till.c",
            'sesh --run shop -- ./check; echo "exit code $?"',
        ):
            scene.type(line)
        scene.caption = "Each command's output, and its exit code"
        watching.see("12 tests", 0).caption = "You look on as it types, in the same shell"
        return Picture("An agent works in a shell, and a person looks on", scene.shoot().shots + watching.shoot().shots)


def healing(home: Home, farm: Farm) -> Picture:
    """A link that breaks, and is there again with all that was missed."""
    far = _host(farm)
    with Scene(home, 9, "train on gpu") as scene:
        scene.type("sesh @gpu train", "epoch  3")
        back = _cut(scene, far, _OFF)
        scene.caption = "The link is lost. The session goes on there."
        scene.shoot(key="network off")
        missed = back()
        scene.caption = f"Back after {_OFF} s. Marked: what you missed."
        title = "The link to a host breaks and comes back, with all lines"
        return Picture(title, scene.shoot(key="network on", missed=missed).shots)


PICTURES: Mapping[str, Callable[[Home, Farm], Picture]] = {
    "tour": tour,
    "leaving": leaving,
    "watch": watch,
    "picker": picker,
    "agent": agent,
    "healing": healing,
}


def furnish(home: Home) -> None:
    """The shell's settings, the programs and the files of all scenes."""
    home.write(".bashrc", _RC)
    home.write("bin/agent", _AGENT, 0o755)
    home.write("bin/migrate", _MIGRATE, 0o755)
    home.write("shop/check", _CHECK, 0o755)
    home.write("shop/src/till.c", _TILL)
    home.write("notes/todo.md", "- ship it\n- tell others\n")


def main() -> None:
    """Draws all pictures into docs/pictures, or those that are named."""
    ground = Ground()
    os.makedirs(FOLDER, exist_ok=True)
    try:
        for name in sys.argv[1:] or PICTURES:
            home = Home()
            farm = Farm(ground, home)
            try:
                furnish(home)
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
