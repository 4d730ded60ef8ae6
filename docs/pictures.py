"""The pictures of the README, made by sesh itself: `make pictures`.

Each scene is typed into a shell on a real terminal, with its own home directory; the other machine is an sshd on
loopback. The final screen is drawn as `sesh --screen --format svg` draws a session.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from sesh.vt.emulator import Emulator
from sesh.vt.render.export import screen_data
from sesh.vt.render.pictures import svg
from tests.remote.farm import Farm, Ground
from tests.support import Home
from tests.support.terminal import Terminal

COLUMNS = 84
HERE = os.path.dirname(os.path.abspath(__file__))

_RC = r"""PS1='\[\e[1;34m\]${SESH_SESSION:+\[\e[33m\][$SESH_SESSION] \[\e[1;34m\]}\w\[\e[0m\] $ '
unset HISTFILE PROMPT_COMMAND
alias ls='ls --color=always'
"""
_MAKE = r"""#!/bin/sh
printf 'cc -O2 -c basket.c\ncc -O2 -c till.c\n\033[1mtill.c:41:\033[0m \033[31merror:\033[0m expected ; before return\n'
exit 2
"""
_TRAIN = r"""#!/bin/sh
for epoch in 1 2 3; do printf 'epoch %d  loss \033[32m0.%d\033[0m\n' $epoch $((42 / epoch)); done
exec sleep 600
"""

SESSION = (
    ("sesh shop ~/shop", "[shop]"),
    ("ls", ""),
    ("./serve", "listening on"),
    ("\x1c", "detached"),
    ("sesh", ""),
)
REMOTE = (
    ("sesh --deploy @gpu", ""),
    ("sesh @gpu --open train -- ./train.sh", ""),
    ("sesh @gpu --wait train --for 'epoch 3' --since-start", ""),
    ("sesh @gpu --logs train", ""),
    ("sesh", ""),
)
JOB = (
    ("cd shop", ""),
    ("sesh --exec build --print -- ./make", ""),
    ("echo $?", ""),
    ("sesh --open work", ""),
    ("sesh --run work -- 'export STAGE=test; cd src'", ""),
    ("sesh --run work -- 'basename $PWD; echo $STAGE'", ""),
    ("sesh --run work --json -- 'ls *.c'", ""),
)


def play(home: Home, rows: int, scene: tuple[tuple[str, str], ...]) -> str:
    """Draws the screen after typing the lines of a scene, each once the previous one has shown its sign or ended."""
    terminal = Terminal(
        ["bash", "--noprofile", "--rcfile", f"{home.path}/.bashrc", "-i"],
        columns=COLUMNS,
        rows=rows,
        env=home.env,
        cwd=home.path,
    )

    def at_prompt() -> bool:
        return terminal.screen()[terminal.cursor[0]].endswith(" $")

    def shown(start: int, sign: str) -> bool:
        arrived = sign.encode() in terminal.raw[start:] and (bool(sign) or at_prompt())
        return arrived and not terminal.pump(0.4)

    terminal.wait_until(at_prompt)
    for line, sign in scene:
        start = len(terminal.raw)
        terminal.type(line if line < " " else f"{line}\r")
        terminal.wait_until(partial(shown, start, sign), timeout=60)
    emulator = Emulator(COLUMNS, rows)
    emulator.feed(bytes(terminal.raw))
    terminal.close()
    return svg(screen_data(emulator))


def main() -> None:
    """Draws all pictures into docs/."""
    ground = Ground()
    home = Home()
    farm = Farm(ground, home)
    try:
        far = farm.host("gpu", installed=False)
        far.write("train.sh", _TRAIN, 0o755)
        home.write(".bashrc", _RC)
        home.write("shop/make", _MAKE, 0o755)
        home.write("shop/serve", "#!/bin/sh\necho listening on port 8000\nexec sleep 600\n", 0o755)
        for name in ("shop/src/basket.c", "shop/src/till.c", "shop/README"):
            home.write(name, "")
        for name, rows, scene in (("session", 12, SESSION), ("job", 16, JOB), ("remote", 14, REMOTE)):
            with open(os.path.join(HERE, f"{name}.svg"), "w", encoding="utf-8") as file:
                file.write(play(home, rows, scene))
            home.sesh("--kill-all", "-y")
            print(f"docs/{name}.svg", file=sys.stderr)
            far.sesh("--kill-all", "-y")
    finally:
        home.leave()
        farm.close()
        home.close()
        ground.close()


if __name__ == "__main__":
    main()
