"""The kinds of programs that take prompts: their start, their texts, their proofs.

Shells and REPLs get a text within a command that logs it. The others are programs of this folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.home import PATHS, Home
from tests.support.tools import need

_HERE = os.path.dirname(os.path.abspath(__file__))
_PYTHON = [sys.executable, "-IS"]
_NOTE = """import json, sys
with open({proof!r}, "a", encoding="utf-8") as file:
    file.write(json.dumps({{"submitted": sys.argv[1]}}) + "\\n")
"""
_STARTUP = """import json
def note(text):
    with open({proof!r}, "a", encoding="utf-8") as file:
        print(json.dumps({{"submitted": text}}), file=file)
"""
ONE_LINE = "the quick brown fox jumps over the lazy dog {number}"
TEXTS = {
    "one line": ONE_LINE,
    "many lines": "\n".join(f"line {line} of prompt {{number}}: fix the failing test" for line in range(8)),
    "marks inside": "before {number} \x1b[201~ the \x1b[200~ marks \x1b[201~\x1b[200~ after {number}",
    "wide": "héllo 世界 {number} 日本語の文章 👩\u200d💻 🇩🇪 e\u0301 한국어 ✅ done {number}",
    "ends wide": "{number}: please fix the 日本語の文章を直してください ✅👩\u200d💻🇩🇪",
    "the same": "continue",
    "blank end": "  fix it, number {number} \n\n",
    "20 KB": "\n".join(f"{line:04} all work and no play makes this a long prompt {{number}}" for line in range(340)),
}
"""The texts that are typed; `{number}` makes each one different."""
_ONE_LINE_TEXTS = ("one line", "marks inside", "wide", "ends wide", "the same")
_SHORT = ("one line", "many lines")


def unmarked(text: str) -> str:
    """The text without the marks of bracketed paste."""
    return text.replace("\x1b[200~", "").replace("\x1b[201~", "")


@dataclass(frozen=True)
class Kind:
    name: str
    command: Callable[[Home, str], Sequence[str]]
    """Returns the command for a home and for the file in which the program logs (PROOF)."""
    ready: str = "for shortcuts"
    """An expression that matches its screen once it takes a text."""
    write: Callable[[str], str] = str
    """Returns what to type so that the program logs the text unchanged."""
    texts: Sequence[str] = tuple(TEXTS)
    arrives: bool = True
    """False for a kind that gets no Enter."""
    load: bool = False
    """Whether the kind is tried on a busy machine too."""


def composer(proof: str, **how: object) -> list[str]:
    """Return the command of a composer with this behaviour, which logs to the file `proof`."""
    return [*_PYTHON, os.path.join(_HERE, "composer.py"), proof, json.dumps(how)]


def slow_box(proof: str, *features: str, pace: float = 0.4) -> list[str]:
    """Return the command of a box that reads each `pace` seconds, and logs lines to the file `proof`.

    `features`: `asks`, `pastes`.
    """
    return [*_PYTHON, os.path.join(_HERE, "slow_box.py"), proof, str(pace), *features]


def logged(proof: str) -> list[str]:
    """Return the prompts that a program has logged so far, without an unfinished line."""
    if not os.path.exists(proof):
        return []
    with open(proof, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
    return [str(each.get("submitted", each)) for each in lines]


def _composer(name: str, *, texts: Sequence[str] = tuple(TEXTS), load: bool = False, **how: object) -> Kind:
    arrives = bool(how.get("shows", True) and not how.get("deaf") and not how.get("menu"))
    return Kind(name, lambda _home, proof: composer(proof, **how), texts=texts, arrives=arrives, load=load)


def _taker(kind: str) -> Callable[[Home, str], list[str]]:
    start = f"import runpy, sys; sys.path += {PATHS!r}; del sys.argv[0]; runpy.run_path(sys.argv[0], None, '__main__')"
    return lambda _home, proof: [*_PYTHON, "-c", start, os.path.join(_HERE, "line_taker.py"), proof, kind]


def _shell(*words: str) -> Callable[[Home, str], list[str]]:
    """Return the command of a shell in which `note TEXT` logs TEXT."""

    def command(home: Home, proof: str) -> list[str]:
        home.write("bin/note", f"#!{' '.join(_PYTHON)}\n{_NOTE.format(proof=proof)}", mode=0o755)
        need(words[-1])
        return [*words]

    return command


def _within(*words: str) -> Callable[[Home, str], list[str]]:
    """Return the command of a shell as a child of `sh`, not the session's own."""
    shell = _shell(*words)
    return lambda home, proof: ["sh", "-c", f"{' '.join(shell(home, proof))}; :"]


def _python(home: Home, proof: str) -> list[str]:
    startup = home.write("startup.py", _STARTUP.format(proof=proof))
    return ["env", f"PYTHONSTARTUP={startup}", sys.executable, "-q"]


def _quoted(text: str) -> str:
    return f"note '{text}'"


def _triple(text: str) -> str:
    return f"note('''{text}''')"


_SHELL_TEXTS = ("one line", "many lines", "marks inside", "wide", "the same", "20 KB")
_PROMPT = "ready>"

KINDS = [
    _composer("paste window", window=0.04, load=True),
    _composer("burst and paste", burst=0.05, piece=1024, edge=True, alternate=True, thinks=0.3, load=True),
    _composer("burst alone", paste=False, burst=0.02, load=True),
    _composer("long burst", paste=False, burst=0.08, piece=1024, edge=True, load=True),
    _composer("spinner", window=0.04, spinner=True, load=True),
    _composer("placeholder", window=0.04, placeholder=200),
    _composer("busy", window=0.04, busy=1.0, load=True),
    _composer("reads ahead", window=0.04, ahead=0.6, load=True),
    _composer("shown late", window=0.04, late=0.5),
    _composer("no echo", shows=False, texts=_SHORT),
    _composer("stops reading", deaf=10, texts=("one line",)),
    _composer("menu, early", menu="early", texts=_SHORT),
    _composer("menu, shown", menu="shown", texts=_SHORT),
    Kind("prompt_toolkit", _taker("toolkit"), ">"),
    Kind("line", _taker("line"), r"line\?", texts=_ONE_LINE_TEXTS),
    Kind("password", _taker("password"), "password:", texts=_ONE_LINE_TEXTS),
    Kind("bash", _shell("bash"), _PROMPT, _quoted, _SHELL_TEXTS),
    Kind("zsh", _shell("zsh"), _PROMPT, _quoted, _SHELL_TEXTS),
    Kind("fish", _shell("fish"), _PROMPT, _quoted, _SHELL_TEXTS[:-1]),
    Kind("bash within", _within("bash"), _PROMPT, _quoted, _SHELL_TEXTS, load=True),
    Kind("fish within", _within("fish"), _PROMPT, _quoted, _SHELL_TEXTS[:-1], load=True),
    Kind("python", _python, ">>>", _triple, ("one line", "many lines", "wide", "the same", "20 KB")),
]
"""All kinds. fish gets no text of 20 KB, because fish takes long for one even if a person types it."""
