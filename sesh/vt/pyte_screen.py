"""pyte's Cursor and Screen, without what pyte loads for its other classes.

That would be more than a MiB in each daemon that shows a screen: wcwidth's tables, for which only `graphemes` asks, and
when it must; `json` and `copy`; and `typing`, mostly for annotations, which are never evaluated.
"""

from __future__ import annotations

import sys
from types import ModuleType

from sesh.vt.named import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Late(ModuleType):
    """A module that is loaded once it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(__import__(self.__name__), name)


class _Annotation:
    """Any of the names that annotations are made of."""

    def __init__(self, *_: object) -> None:
        """Take the place of a TypeVar."""

    def __class_getitem__(cls, _: object) -> type[_Annotation]:
        return cls


class _Typing(ModuleType):
    """What pyte needs of `typing`."""

    NamedTuple = NamedTuple
    Dict = dict
    """A base of pyte's."""
    TYPE_CHECKING = False

    def __getattr__(self, name: str) -> type[_Annotation]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Annotation


def _width(char: str) -> int:
    from wcwidth import wcwidth

    return int(wcwidth(char))


if TYPE_CHECKING:
    from pyte.screens import Cursor, Screen
else:
    _widths = ModuleType("wcwidth")
    _widths.wcwidth = _width
    _stand_ins = {
        module.__name__: module
        for module in (_widths, _Late("copy"), _Late("json"), _Typing("typing"))
        if module.__name__ not in sys.modules
    }
    sys.modules.update(_stand_ins)
    try:
        from pyte.screens import Cursor, Screen
    finally:
        for _name in _stand_ins:
            del sys.modules[_name]

__all__ = ["Cursor", "Screen"]
