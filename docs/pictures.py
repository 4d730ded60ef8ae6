"""The pictures of the README, made by sesh itself: `make pictures`.

Each scene is typed into a shell on a real terminal, with its own home directory; the other machine is an sshd on
loopback, behind a network that breaks when it is told to. A picture has one screen or several, drawn as
`sesh --screen --format svg` draws a session, each below a line that says when it is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from html import escape

from sesh.vt.emulator import Emulator
from sesh.vt.render.export import screen_data
from sesh.vt.render.pictures import svg
from tests.remote.farm import Farm, Ground
from tests.support import Home
from tests.support.terminal import Terminal

COLUMNS = 84
HERE = os.path.dirname(os.path.abspath(__file__))
DETACH = "\x1c"
_CAPTION = 34
"""The height of a line above a screen."""

Shots = list[tuple[str, str]]
"""Screens as pictures, each with its caption before it."""

_RC = r"""PS1='\[\e[1;34m\]${SESH_SESSION:+\[\e[33m\][$SESH_SESSION] \[\e[1;34m\]}\w\[\e[0m\] $ '
unset HISTFILE PROMPT_COMMAND
alias ls='ls --color=always'
"""
_SERVE = r"""#!/bin/sh
echo listening on port 8000
for page in / /basket /basket /till; do
    sleep .3
    printf 'GET \033[36m%s\033[0m \033[32m200\033[0m\n' $page
done
while read -r page; do printf 'GET \033[36m%s\033[0m \033[32m200\033[0m\n' $page; done <~/requests
exec sleep 600
"""
_MAKE = r"""#!/bin/sh
cd ~/shop
echo cc -O2 -c src/till.c
grep -q 'return total;' src/till.c && { echo 'all 12 tests passed'; exit 0; }
printf '\033[1msrc/till.c:3:\033[0m \033[31merror:\033[0m expected ; before }\n'
exit 2
"""
_TILL = "int till(int total)\n{\n    return total\n}\n"
_TRAIN = r"""#!/bin/sh
epoch=1
for loss in 0.90 0.61 0.47; do
    printf 'epoch %d  loss \033[32m%s\033[0m\n' $epoch $loss
    epoch=$((epoch + 1))
done
while read -r loss; do
    printf 'epoch %d  loss \033[32m%s\033[0m\n' $epoch $loss
    epoch=$((epoch + 1))
done <~/losses
exec sleep 600
"""


class Scene:
    """A shell on a terminal that lines are typed into, and the screens that were drawn of it."""

    def __init__(self, home: Home, rows: int) -> None:
        self.home, self.rows = home, rows
        self.shots: Shots = []
        shell = ["bash", "--noprofile", "--rcfile", f"{home.path}/.bashrc", "-i"]
        self.terminal = Terminal(shell, columns=COLUMNS, rows=rows, env=home.env, cwd=home.path)
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

    def see(self, sign: str = "", start: int | None = None) -> Scene:
        """Waits until a sign has come and the screen rests."""
        start = len(self.terminal.raw) if start is None else start
        self.terminal.wait_until(partial(self._shown, start, sign), timeout=60)
        return self

    def shoot(self, caption: str = "") -> Scene:
        """Draws the screen as it is now."""
        emulator = Emulator(COLUMNS, self.rows)
        emulator.feed(bytes(self.terminal.raw))
        self.shots.append((caption, svg(screen_data(emulator))))
        return self

    def _at_prompt(self) -> bool:
        return self.terminal.screen()[self.terminal.cursor[0]].endswith(" $")

    def _shown(self, start: int, sign: str) -> bool:
        arrived = sign.encode() in self.terminal.raw[start:] and (bool(sign) or self._at_prompt())
        return arrived and not self.terminal.pump(0.4)


def stacked(shots: Shots) -> str:
    """One picture of several, each below its caption."""
    if len(shots) == 1 and not shots[0][0]:
        return shots[0][1]
    parts, top, wide = [], 0, 0
    for caption, picture in shots:
        found = re.match(r'<svg [^>]*?width="(\d+)" height="(\d+)"', picture)
        assert found is not None  # noqa: S101
        letters = 'font-family="sans-serif" font-size="15" fill="#808080"'
        parts.append(f'<text x="9" y="{top + 22}" {letters}>{escape(caption)}</text>')
        parts.append(picture.replace("<svg ", f'<svg y="{top + _CAPTION}" ', 1))
        top, wide = top + _CAPTION + int(found[2]) + 6, max(wide, int(found[1]))
    size = f'width="{wide}" height="{top}" viewBox="0 0 {wide} {top}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>\n'


def leaving(home: Home, _: Farm) -> Shots:
    """Leaving, and coming back to what went on meanwhile."""
    os.mkfifo(os.path.join(home.path, "requests"))
    with Scene(home, 12) as scene, Scene(home, 12) as again:
        scene.type("sesh shop ~/shop", "[shop]").type("./serve", "/till").type(DETACH, "detached").see()
        scene.type("sesh").shoot("Leave with Ctrl-\\. What runs in the session goes on.")
        with open(os.path.join(home.path, "requests"), "w", encoding="utf-8") as requests:
            requests.write("/basket\n/till\n/thanks\n")
        again.type("sesh shop", "/thanks").shoot("Come back later, from any terminal.")
        return scene.shots + again.shots


def picker(home: Home, _: Farm) -> Shots:
    """The picker, with a preview of the chosen session."""
    for name, directory, line in (
        ("notes", "notes", "cat todo.md"),
        ("mail", ".", "clear; echo 3 new"),
        ("build", "shop", "./make"),
        ("shop", "shop", "ls; cat src/till.c"),
    ):
        home.sesh("--open", name, os.path.join(home.path, directory))
        home.sesh("--wait", name, "--prompt", "--timeout", "5")
        home.sesh("--send", name, line, "--enter")
        home.sesh("--wait", name, "--prompt", "--timeout", "5")
    with Scene(home, 16) as scene:
        return scene.type("sesh --pick", "till").shoot().shots


def agent(home: Home, _: Farm) -> Shots:
    """An agent in a live shell, and what the person sees who looks on."""
    with Scene(home, 14) as scene, Scene(home, 10) as watching:
        for line in (
            "sesh --open shop ~/shop",
            'sesh --run shop -- ./make; echo "exit code $?"',
            "sesh --run shop -- sed -i 's/total$/total;/' src/till.c",
            'sesh --run shop -- ./make; echo "exit code $?"',
        ):
            scene.type(line)
        scene.shoot("The agent: the output of each command and nothing else, and its exit code.")
        watching.type("sesh shop --read-only", "12 tests").shoot("You, in the same shell meanwhile.")
        return scene.shots + watching.shots


def healing(home: Home, farm: Farm) -> Shots:
    """A link that breaks, and is there again with all that was missed."""
    far = farm.host("gpu", proxied=True)
    far.write("train", _TRAIN, 0o755)
    far.write(".bashrc", _RC)
    far.run("mkfifo losses")
    with Scene(home, 9) as scene:
        scene.type("sesh @gpu train", "[train]").type("./train", "0.47")
        far.proxy.refuse()
        far.proxy.cut()
        scene.see("lost the link", 0).shoot("The connection breaks. The session runs on.")
        far.run("printf '0.39\\n0.33\\n0.30\\n' >losses")
        start = len(scene.terminal.raw)
        far.proxy.restore()
        scene.see("0.30", start).shoot("It is there again, with all that was missed.")
        return scene.shots


PICTURES: Mapping[str, Callable[[Home, Farm], Shots]] = {
    "leaving": leaving,
    "picker": picker,
    "agent": agent,
    "healing": healing,
}


def main() -> None:
    """Draws all pictures into docs/, or those that are named."""
    ground = Ground()
    try:
        for name in sys.argv[1:] or PICTURES:
            home = Home()
            farm = Farm(ground, home)
            try:
                home.write(".bashrc", _RC)
                home.write("shop/make", _MAKE, 0o755)
                home.write("shop/serve", _SERVE, 0o755)
                home.write("shop/src/till.c", _TILL)
                home.write("shop/README", "")
                home.write("notes/todo.md", "- ship it\n- tell others\n")
                picture = stacked(PICTURES[name](home, farm))
            finally:
                home.leave()
                farm.close()
                home.close()
            assert home.root not in picture and "/tmp/" not in picture, name  # noqa: S101, S108, PT018
            with open(os.path.join(HERE, f"{name}.svg"), "w", encoding="utf-8") as file:
                file.write(picture)
            print(f"docs/{name}.svg", file=sys.stderr)
    finally:
        ground.close()


if __name__ == "__main__":
    main()
