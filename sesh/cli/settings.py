"""The user's settings as the command line takes them: what is wrong with the file is said once, and the rest holds."""

from __future__ import annotations

import os

from sesh import config
from sesh.cli import printing
from sesh.errors import UsageError
from sesh.ops import caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.keys import DetachKey
    from sesh.config import Config

_DETACH_KEY = "C-\\"
_told: set[str] = set()


def loaded() -> Config:
    """The settings, or the defaults."""
    found = config.load()
    _tell(found)
    return found


def _tell(settings: Config) -> None:
    for warning in map(str, settings.warnings):
        if warning not in _told:
            _told.add(warning)
            printing.note(warning)
            printing.recall("config.toml has mistakes; `sesh --doctor` shows them")


def detach_key() -> DetachKey | None:
    r"""The key that leaves a session: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    Raises UsageError for a `SESH_DETACH_KEY` that is none. One of the settings that is none is told, and not taken.
    """
    if caller.near() is not None:
        return None  # the keys are read by the sesh over there
    from sesh.client.keys import DetachKey

    if named := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(named)
        except UsageError as error:
            raise UsageError(f"SESH_DETACH_KEY: {error}") from error
    settings = loaded()
    try:
        return DetachKey.parse(settings.detach_key or _DETACH_KEY)
    except UsageError as error:
        settings.warn(str(error), "detach_key")
        _tell(settings)
        return DetachKey.parse(_DETACH_KEY)
