"""The files of a session: its socket and its record."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from sesh import machine, protocol
from sesh.about import PROGRAM
from sesh.daemon import description
from sesh.daemon.clients.listener import Listener
from sesh.daemon.session import Session
from sesh.daemon.shell import variables
from sesh.errors import Refused
from sesh.files import ready_directory
from sesh.store import records, results


class SessionFiles:
    """Renames, recreates and removes the files of a session."""

    def __init__(self, session: Session, listener: Listener, listen: Callable[[], object]) -> None:
        self._session = session
        self._listener = listener
        self._listen = listen

    def rename(self, name: str) -> None:
        session = self._session
        old = self._session.name
        self._bind_again()  # the socket may have been removed, and then could not be moved
        try:
            self._listener.rename(name, lambda: description.change(session, replace(session.facts, name=name)))
        except OSError as failure:
            session.facts.update(replace(session.facts, name=old))
            raise Refused(f"cannot rename {old}: {failure.strerror}; nothing was changed") from failure
        if not session.running:
            session.faults.guard(lambda: results.rename(session.facts.id, name), "the result")
        session.events.add("renamed", before=old)
        notice = protocol.message(protocol.NOTICE, {"text": f"{old} is called {name} now", "name": name})
        for client in session.clients.all:
            client.connection.queue(notice)
        machine.set_process_title(f"{PROGRAM}: {name}")
        variables.update(session.facts.id, name, {}, renamed=True)

    def restore(self) -> None:
        """Recreate the socket and the record, and their directory, if they were removed."""
        ready_directory()
        self._bind_again()
        description.write_record(self._session)

    def _bind_again(self) -> None:
        self._session.loop.forget(self._listener.socket.fileno())
        try:
            self._listener.restore()
        finally:
            self._listen()

    def release(self, *, remove: bool) -> None:
        """Stop listening, and remove the socket; with `remove`, also the other files."""
        session_id = self._session.facts.id
        descriptor = self._listener.socket.fileno()
        if descriptor >= 0:
            self._session.loop.forget(descriptor)
            self._listener.release(files=remove)
        elif remove:
            records.forget(self._session.name, session_id)
        # The listener does not find these files if the record or the socket was removed before.
        kinds = records.FILES if remove else ("agent",)
        for kind in kinds:
            path = records.file_of(session_id, kind)
            if os.path.lexists(path):
                os.unlink(path)
