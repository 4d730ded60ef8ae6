"""The compiled hearts of `collections` and `signal`: what stands around them takes longer to load than a session."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections import OrderedDict, deque
else:
    try:
        import _signal as signal
        from _collections import OrderedDict, deque
    except ImportError:
        import signal
        from collections import OrderedDict, deque

__all__ = ["OrderedDict", "deque", "signal"]
