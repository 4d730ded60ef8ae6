"""sesh keeps named shell sessions alive, here and on any machine that ssh reaches.

`from sesh import Session, sessions` is the Python API; see `sesh.api`.
"""

from typing import TYPE_CHECKING

from sesh.about import __version__

if TYPE_CHECKING:
    from sesh.api import Met, Result, Sent, SeshError, Session, Stop, browse, copy, execute, paste, sessions

__all__ = [
    "Met", "Result", "Sent", "SeshError", "Session", "Stop", "__version__", "browse", "copy", "execute", "paste",
    "sessions",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name on first use, because attaching needs none."""
    if name in __all__:
        from sesh import api  # noqa: PLC0415 - at the top an import error would print a traceback

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
