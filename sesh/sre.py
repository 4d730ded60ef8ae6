"""`compile`, as of `re`, for the regular expressions that an attachment and `--run` need: it does not load `re`.

`re` itself, with `enum`, `functools` and `collections`, and compiling take longer than all else that an attachment does
until its content shows. The matcher is C, and takes the code that `re` would make of an expression. That code is kept
in `sre_MAGIC.py`, one for each version of the matcher (`make man` writes them, a test holds them); it is looked up by
the expression. For another expression, or another version, `re` compiles.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern


_SAME = {20221023: 20220615, 20230612: 20220615}
"""Versions of the matcher for which `re` makes the same code of these expressions as for an older version."""


def kept_in() -> str:
    """The name of the module with the code for this version of the matcher. Raises ImportError without a matcher."""
    import _sre  # type: ignore[import-not-found]

    return f"sesh.sre_{_SAME.get(_sre.MAGIC, _sre.MAGIC)}"


def compile(expression: bytes) -> Pattern[bytes]:  # noqa: A001 (as `re` has it, so that tests find what is compiled)
    """`re.compile` for an expression without flags."""
    if "re" not in sys.modules and (known := _known(expression)) is not None:
        return known
    import re

    return re.compile(expression)


def _known(expression: bytes) -> Pattern[bytes] | None:
    """The expression made of its kept code; None if there is none for this version of the matcher."""
    try:
        import _sre

        kept = __import__(kept_in(), fromlist=["CODES"])
        code, groups, names = kept.CODES[expression]
        words = memoryview(bytes.fromhex(code)).cast("I").tolist()
        by_number = (None, *(next((name for name, at in names.items() if at == n), None) for n in range(1, groups + 1)))
        pattern: Pattern[bytes] = _sre.compile(expression, 0, words, groups, names, by_number)
    except (ImportError, AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return None  # RuntimeError: the matcher has checked the code; its words may be of another order of bytes here
    return pattern
