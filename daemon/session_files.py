"""A session's files and descriptors: its socket and record under its name, given back when it has ended."""

from __future__ import annotations

import os

from sesh import platform, protocol
from sesh.about import PROGRAM
from sesh.daemon import description
from sesh.daemon.shell import variables
from sesh.errors import Refused
from sesh.store import records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.clients.listener import Listener
    from sesh.daemon.session import Session
    from sesh.loop.poller import Poller


class SessionFiles:
    """Renames, restores and removes a session's files. The poller forgets a descriptor before it is closed."""

    def __init__(self, session: Session, listener: Listener, poller: Poller) -> None:
        self._session, self._listener, self._poller = session, listener, poller

    def rename(self, name: str) -> None:
        """Gives the session another name. Raises Exists, Refused."""
        session, old = self._session, self._session.name
        self.restore_socket()  # something may have removed the socket that is to be moved
        try:
            error = self._listener.rename(name, lambda: description.change(session, name=name))
        except OSError as failure:
            session.facts["name"] = old
            raise Refused(f"cannot rename {old}: {failure.strerror}; nothing was changed") from failure
        if error is not None:
            session.faults.note("a record stays under the name before", error)
        if not session.running:
            session.faults.guard(lambda: results.rename(session.facts["id"], name), "the result")
        session.emit("renamed", before=old)
        notice = protocol.message(protocol.NOTICE, {"text": f"{old} is called {name} now", "name": name})
        for client in session.clients.all:
            client.connection.queue(notice)
        session.tell_titles()
        platform.set_process_title(f"{PROGRAM}: {name}")
        variables.update(session.facts["id"], name, {}, renamed=True)

    def restore(self) -> None:
        """Makes the socket and the record again if something removed them."""
        self.restore_socket()
        description.write_record(self._session)

    def restore_socket(self) -> None:
        """Makes the socket again if something removed it."""
        before = self._listener.socket.fileno()
        if self._listener.restore():
            self._poller.forget(before)

    def close_stdin(self) -> None:
        """Ends the standard input of a job that is fed."""
        stdin = self._session.pump.stdin
        if stdin is not None:
            self._poller.forget(stdin.descriptor)
            stdin.close()

    def close_pump(self) -> None:
        """Closes the pty, and a job's standard input, after the program's end."""
        self.close_stdin()
        if self._session.pty is not None:
            self._poller.forget(self._session.pty.descriptor)
        self._session.pump.close()

    def leave(self) -> None:
        """Stops listening; the session's files stay, for those who want to know how it ended."""
        self._poller.forget(self._listener.socket.fileno())
        self._listener.leave()
        self._remove_agent_link()

    def release(self) -> None:
        """Gives the session's name back, and removes its files."""
        self._poller.forget(self._listener.socket.fileno())
        self._listener.release(self._session.facts["id"])
        self._session.remove_checkpoint()
        self._remove_agent_link()

    def _remove_agent_link(self) -> None:
        link = records.agent_path(self._session.facts["id"])
        if os.path.islink(link):
            os.unlink(link)
