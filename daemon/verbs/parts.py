"""Names what the functions of requests act upon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sesh.daemon.clients.connection import Connection
from sesh.daemon.ending import Ending, SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request import Request
from sesh.daemon.session import Session
from sesh.daemon.typing import Typing


@dataclass(frozen=True)
class Parts:
    """A session, and who acts upon it.

    `reload` goes on as another sesh, by a request's connection and number, Python's path and its module search path.
    """

    session: Session
    handler: ClientHandler
    ending: Ending
    files: SessionFiles
    typing: Typing
    reload: Callable[[Connection, int, str, list[str]], None]


RequestFunction = Callable[[Parts, Request], None]
