"""The code of regular expressions for `sesh.sre`, as the Python that runs this compiles them.

`make man` has each Python that this machine has write its own file; with `--print` it is printed.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_WIDTH = 100
_ABOUT = '''"""Code of regular expressions, written by docs/patterns.py: see `sesh.sre`.

By the expression: the code's words in hexadecimal, the number of groups, the numbers of those that have a name.
"""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

CODES: dict[bytes, tuple[str, int, dict[str, int]]] = {
'''


def expressions() -> list[bytes]:
    """The expressions that the modules which use `sesh.sre` compile; these must not be loaded yet."""
    from sesh import sre

    with mock.patch.object(sre, "compile") as taken:
        from sesh import queries
        from sesh.client import hint, ledger  # noqa: F401 (as `shell`)
        from sesh.daemon.screen import simple_output
        from sesh.ops import shell  # noqa: F401 (it compiles when it is loaded)

        for module in (ledger, queries, simple_output):
            module._patterns()
    return [call.args[0] for call in taken.call_args_list]


def compiled(expression: bytes) -> tuple[str, int, dict[str, int]]:
    """The code of an expression, as this Python makes it."""
    import re

    matcher = importlib.import_module("_sre")
    arguments: list[Any] = []
    make = matcher.compile

    def noting(*words: Any) -> Any:
        arguments[:] = words
        return make(*words)

    with mock.patch.object(matcher, "compile", noting):
        re.purge()
        re.compile(expression)
    _, _, code, groups, names, _ = arguments
    return b"".join(word.to_bytes(matcher.CODESIZE, "little") for word in code).hex(), groups, dict(names)


def text() -> str:
    """The whole module."""
    parts = [_ABOUT]
    for expression in expressions():
        code, groups, names = compiled(expression)
        lines = "\n".join(code[at : at + _WIDTH] for at in range(0, len(code), _WIDTH))
        parts.append(f'    {expression!r}: ("""\n{lines}\n""", {groups}, {names!r}),\n')
    return "".join([*parts, "}\n"])


def path() -> str:
    """The module of this Python's matcher."""
    from sesh import sre

    return os.path.join(ROOT, *sre.kept_in().split(".")) + ".py"


if __name__ == "__main__":
    sys.path.insert(0, ROOT)
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(text())
        sys.exit()
    with open(path(), "w", encoding="utf-8") as file:
        file.write(text())
