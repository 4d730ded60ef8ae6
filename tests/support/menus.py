"""Stand-ins for the prompts of common libraries: `python menus.py KIND` draws one on a raw terminal.

A menu prints `CHOSEN`, and a prompt for text prints `GOT [TEXT]`, when Enter is pressed. They are drawn as inquirer,
prompts, clack, gum, questionary, survey and dialoguer draw them, with the cursor hidden; prompts for text show it.
"""

from __future__ import annotations

import os
import sys
import tty

MENUS = {
    "inquirer": "? Which framework do you want? (Use arrow keys)\n❯ Vue\n  React\n  Svelte",
    "inquirer, no question mark": "? Pick a framework (Use arrow keys)\n❯ Vue\n  React",
    "inquirer, later": "? Select a package manager\n❯ npm\n  yarn\n\n↑↓ navigate • ⏎ select",
    "inquirer, checkbox": "? Select features\n ◯ Router\n❯◉ Vue\n ◯ Tests",
    "prompts": "? Select a framework: › - Use arrow-keys. Return to submit.\n❯   Vanilla\n    Vue",
    "prompts, one entry": "? Select a framework: › - Use arrow-keys. Return to submit.\n❯   Vanilla",
    "clack": "┌  create-app\n│\n◆  Select a framework:\n│  ● Vanilla\n│  ○ Vue\n└",
    "gum": "Choose a type:\n> fix\n  feat",
    "questionary": "? What do you want to do?  (Use arrow keys)\n » Order a pizza\n   Make a reservation",
    "survey": "? Choose a color:  [Use arrows to move, type to filter]\n> red\n  blue",
    "dialoguer": "? Pick your flavor ›\n  Ice Cream\n❯ Vanilla Cupcake",
}
"""What each menu shows."""

TEXTS = {
    "prompts": "? Project name: › ",
    "inquirer": "? What is the name?\n› ",
    "gum": "Name:\n> ",
    "repl": "> one\n  two\n> ",
    "secret": "? Password: ",
}
"""What each prompt for text shows before the text; the secret one does not show that."""


def _draw(text: str) -> None:
    os.write(1, text.replace("\n", "\r\n").encode())


def _menu(shown: str) -> None:
    _draw(f"\x1b[?25l{shown}\n")
    while os.read(0, 1) != b"\r":
        pass
    _draw("\x1b[?25hCHOSEN\n")


def _text(shown: str, *, secret: bool) -> None:
    _draw(shown)
    text = b""
    while (key := os.read(0, 1)) != b"\r":
        text += key
        _draw("" if secret else key.decode())
    _draw(f"\nGOT [{text.decode()}]\nDone.\n")


if __name__ == "__main__":
    tty.setraw(0)
    if sys.argv[1] in MENUS:
        _menu(MENUS[sys.argv[1]])
    else:
        kind = sys.argv[1].removeprefix("text: ")
        _text(TEXTS[kind], secret=kind == "secret")
    os.read(0, 1)
