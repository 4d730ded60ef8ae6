"""`--here`: this terminal goes to the session of a directory's repository."""

from __future__ import annotations

from sesh.cli import attach
from sesh.errors import Exists
from sesh.ops import create, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Unpack

    from sesh.cli.attach import ViewWords
    from sesh.cli.invocation import Invocation


def here(cli: Invocation, directory: str | None = None, **view: Unpack[ViewWords]) -> int:
    """`--here [DIR] [OPTIONS]`: attaches to the session of a directory's repository, which is created if missing."""
    if directory is None:
        directory = create.checked_directory(cli.caller, ".")
    return into_place(cli, directory, **view)


def into_place(cli: Invocation, directory: str, **view: Unpack[ViewWords]) -> int:
    """Attaches to the session of a directory, created there if missing; the exit code."""
    while True:
        found = cli.target.call(places.here, directory=directory)
        if found["there"]:
            return attach.go(cli, [found["name"]], **view)
        try:
            return attach.new(cli, found["name"], found["directory"], asks=False, **view)
        except Exists:
            continue  # another process has taken the name since, perhaps for the same directory
