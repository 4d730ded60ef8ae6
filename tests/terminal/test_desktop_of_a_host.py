"""A program on a host reaches the clipboard and the browser of the terminal's machine, by what its person presses."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support import Home, wait_until

TOOL = """#!/bin/sh
case "$*" in
  *TARGETS*) [ -s "$HOME/clip" ] && printf 'TARGETS\\nUTF8_STRING\\n' ;;
  *-o*) cat "$HOME/clip" ;;
  *) cat >"$HOME/clip" ;;
esac
"""


def test_programs_of_a_host_reach_the_desktop_of_the_terminal(home: Home) -> None:
    for name, text in (("xclip", TOOL), ("xdg-open", '#!/bin/sh\nprintf %s "$1" >"$HOME/opened"\n')):
        home.write(f"desktop/{name}", text, 0o755)
    there = f"{home.path}/there"
    os.makedirs(f"{there}/.sesh", 0o700)
    home.write("there/.local/bin/sesh", f'#!/bin/sh\nexec {" ".join(home.command)} "$@"  # sesh.__main__\n', 0o755)
    via = f"env -u DISPLAY HOME={there} SESH_DIR={there}/.sesh PATH={os.environ['PATH']}"
    home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(via)}\n")
    desktop = {"DISPLAY": ":9", "PATH": f"{home.path}/desktop:{os.environ['PATH']}"}
    terminal = home.terminal("@there", "work", env=desktop, answers=True)
    terminal.type("PS1='ready> '\r")
    terminal.wait_for("ready>")
    terminal.type("command -v xclip; echo BROWSER=$BROWSER.\r")
    terminal.wait_for(f"{there}/.sesh/bin/xclip")
    terminal.wait_for("/.sesh/bin/sesh-browser.")
    terminal.type("printf copied | xclip -sel c; echo code $?\r")
    terminal.wait_for("code 0")
    wait_until(lambda: Path(home.path, "clip").read_text() == "copied", "it is on the clipboard")
    terminal.type("xdg-open https://example.org/; echo opened $?\r")
    terminal.wait_for("opened 0")
    wait_until(lambda: Path(home.path, "opened").read_text() == "https://example.org/", "the page is open")
    terminal.type("xclip -o -sel c; echo '<' own\r")
    terminal.wait_for("copied< own")
    Path(home.path, "clip").write_text("of another program")
    terminal.type("xclip -o -sel c; echo code $?\r")
    terminal.wait_for("Error: target STRING not available")
    terminal.wait_for("xclip on @there asks for your clipboard (text, 18 bytes)")
    terminal.type("\x16")  # for the line, not for the shell
    terminal.type("xclip -o -sel c; echo '<' pasted\r")
    terminal.wait_for("of another program< pasted")
    terminal.type("exit\r")
    assert terminal.exit_code() == 0
