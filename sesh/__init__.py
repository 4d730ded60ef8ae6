"""sesh keeps named shell sessions alive, on this machine and on any machine that ssh reaches.

`from sesh import Session, sessions` is the Python API; see `sesh.api`.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.api import Met, Result, SeshError, Session, Stop, execute, sessions

__version__ = "0.1.0"
PROGRAM = "sesh"
"""The program's name: of the command, and of its launcher on other hosts."""
DISTRIBUTION = "sesh-mux"
"""The name to install it by, and the program's second name: other projects are called `sesh` too."""
CALLED = DISTRIBUTION if sys.argv[:1] and sys.argv[0].rpartition("/")[2] == DISTRIBUTION else PROGRAM
"""What this process was called by, so that the commands in its messages and in its help can be typed as they stand."""
__all__ = ["Met", "Result", "SeshError", "Session", "Stop", "__version__", "execute", "sessions"]


def __getattr__(name: str) -> object:
    """The API, loaded on first use: attaching does not need it."""
    if name in __all__:
        from sesh import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
