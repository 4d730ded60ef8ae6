"""sesh keeps named shell sessions alive, on this machine and on any machine that ssh reaches.

`from sesh import Session, sessions` is the Python API; see `sesh.api`.
"""

from typing import TYPE_CHECKING

from sesh.about import __version__

if TYPE_CHECKING:
    from sesh.api import Met, Result, Sent, SeshError, Session, Stop, execute, sessions

__all__ = ["Met", "Result", "Sent", "SeshError", "Session", "Stop", "__version__", "execute", "sessions"]


def __getattr__(name: str) -> object:
    """Load a name on first use. Attaching needs no name, and an import error at the top would print a traceback."""
    if name in __all__:
        from sesh import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
