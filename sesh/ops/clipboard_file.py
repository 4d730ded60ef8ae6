"""What the clipboard of this machine has, as a file to be sent to a session (`send --clipboard`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from sesh.desktop import targets, tools
from sesh.desktop.targets import FILES, TEXT
from sesh.errors import Refused
from sesh.ops.send_file import Source, of_bytes, of_path
from sesh.system.workers import Stop


def of_clipboard(environment: Mapping[str, str], name: str = "") -> Source:
    """Return what this machine's clipboard has, as a file: the file that was copied, else text, else a picture.

    Programs that copy text offer a picture of it, too. Raises Refused.
    """
    clipboard = tools.clipboard(environment)
    if clipboard is None:
        raise Refused("this machine has no clipboard that can be read", hint=tools.missing(environment))
    stop = Stop()
    there = tools.list_types(clipboard, stop)
    if FILES in there and (copied := _copied_files(tools.read(clipboard, FILES, stop))):
        if len(copied) > 1:
            raise Refused(f"the clipboard has {len(copied)} files", hint="send them one by one, with --file")
        return of_path(copied[0], name)
    chosen = TEXT if TEXT in there else targets.choose("image", there)
    data = tools.read(clipboard, chosen, stop) if chosen else b""
    if not data:
        raise Refused("the clipboard has neither a picture nor text")
    return of_bytes(data, name or f"clipboard.{targets.suffix(chosen)}")


def _copied_files(listed: bytes) -> list[str]:
    """Return the paths of the files in a list of addresses."""
    lines = listed.decode("ascii", "replace").split()
    paths = [os.fsdecode(unquote_to_bytes(urlsplit(line).path)) for line in lines if line.startswith("file://")]
    return [path for path in paths if os.path.isfile(path)]
