"""A stand-in for a program that asks for a line.

`python line_taker.py PROOF KIND` logs as composer.py does. Kinds: `line` (the terminal's own line editing), `password`
(the same without echo), `toolkit` (prompt_toolkit).
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable


def asker(kind: str) -> Callable[[], str]:
    """Return the function that asks for a line."""
    if kind == "password":
        return lambda: getpass.getpass("password: ")
    if kind == "toolkit":
        from prompt_toolkit import PromptSession

        session: PromptSession[str] = PromptSession("> ", multiline=False)
        return session.prompt
    return lambda: input("line? ")


if __name__ == "__main__":
    ask = asker(sys.argv[2])
    while True:
        try:
            text = ask()
        except EOFError:
            break
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(json.dumps({"submitted": text}) + "\n")
