"""The near end of a bridge: sesh over there, spoken to through ssh or whatever command reaches the host."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
import time

from sesh import protocol, wire
from sesh.errors import Lost, NotDeployed, SeshError, TimedOut, Unreachable
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from sesh.keepalive import Keepalive
    from sesh.remote.ssh.destination import Destination

PROGRAM = 'exec sh -c \'x=~/.local/bin/sesh; [ -x "$x" ] || x=sesh; exec "$x" --bridge\''
"""The line for the login shell over there: read alike by POSIX shells, fish and csh; all else goes as frames."""
PATIENCE = 20.0
"""Seconds until the far end has to be there, once a connection stands."""
ANSWER = 60.0
"""Seconds until it has led on to a session, which it may have to create."""
_MOST_CHATTER = 1 << 20
_GONE = 1.0
_used: dict[str, object] = {}
"""By word: the shared connection that the newest link of this process went over."""


class Link(wire.Connection):
    """A connection to sesh on another host. Closing it ends the command that carries it."""

    def __init__(
        self, destination: Destination, process: subprocess.Popen[bytes], told: IO[bytes], inbound: int, outbound: int
    ) -> None:
        super().__init__(inbound, outbound)
        self.destination = destination
        self.far: dict[str, Any] = {}
        """What the sesh over there said of itself and its machine."""
        self.session_id = ""
        """The id of the session that it has led to, where it knew that."""
        self.keepalive: Keepalive | None = None
        """Where it is set, `receive` asks whether the other side is there, and tells a link that broke from an end."""
        self._process, self._told = process, told

    def __enter__(self) -> Link:
        return self

    @property
    def agent(self) -> str | None:
        """The socket over there of the agent that ssh forwards."""
        return str(self.far.get("auth_sock") or "") or None

    @property
    def displays(self) -> dict[str, str] | None:
        """Another machine has no way to this one's screen, but what ssh itself makes."""
        return None

    def lead(self, verb: str, patience: float = ANSWER, **words: Any) -> tuple[dict[str, Any], bytes]:
        """Has the far end lead on to a session: from now on it is that session's daemon that is spoken to.

        Unless it answers with a `question`, which somebody has to answer first. Raises Lost where it does not answer
        within `patience` seconds, or not at all.
        """
        word = self.destination.word
        try:
            answer = self.request(verb, deadline=time.monotonic() + patience, **words)
        except TimedOut as error:
            if error.answered:
                raise
            raise Lost(f"{word} does not answer") from error
        except Unreachable as error:
            if error.answered:
                raise
            raise Lost(f"the link to @{word} was lost; to see what was done: sesh @{word}") from error
        self.welcome = {}
        self.session_id = str(answer[0].get("session_id") or "")
        return answer

    def abort(self) -> None:
        """Ends what carries the link, from another thread: whoever reads it sees its end."""
        self._process.kill()

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Writes all of `data`; with a `keepalive` raises Lost where it is the link that broke."""
        try:
            super().send(data, deadline)
        except Unreachable as error:
            if self.keepalive is None or not self.broken():
                raise
            raise Lost(f"the link to @{self.destination.word} is lost") from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """The next frame; with a `keepalive` also Lost where it is the link that broke, or went silent."""
        keepalive = self.keepalive
        if keepalive is None:
            return super().receive(deadline)
        while True:
            try:
                frame = super().receive(keepalive.due if deadline is None else min(deadline, keepalive.due))
            except TimedOut:
                now = time.monotonic()
                if now >= keepalive.due:
                    self._check(keepalive, now)
                if deadline is not None and now >= deadline:
                    raise
                continue
            except Unreachable as error:
                if not self.broken():
                    raise
                raise Lost(f"the link to @{self.destination.word} is lost") from error
            keepalive.heard()
            if frame[0] != protocol.PONG:
                return frame

    def _check(self, keepalive: Keepalive, now: float) -> None:
        """Asks the other side for a sign of life. Raises Lost where it gave none for long."""
        if not keepalive.check(now):
            raise Lost(f"the link to @{self.destination.word} went silent")
        try:
            super().send(protocol.frame(protocol.PING), now + 1)
        except (TimedOut, Unreachable):
            return  # what was said before the end is still to be read, and then the end

    def close(self) -> None:
        """Closes the connection, and ends what carried it; a second call does nothing."""
        super().close()
        if self._process.poll() is None:
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._told.close()

    def broken(self) -> bool:
        """Whether it was the link that ended (ssh's own failure, or silence), not what is spoken to over there."""
        try:
            return self._process.wait(_GONE) not in (0, -15)
        except subprocess.TimeoutExpired:
            return True

    def _read_up_to_mark(self, deadline: float) -> None:
        """Passes over what login files print. Raises NotDeployed, Unreachable."""
        seen = b""
        while protocol.BRIDGE not in seen:
            poll = select.poll()
            poll.register(self.inbound, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Unreachable(f"{self.destination.word} does not answer: sesh over there said nothing in time")
            data = os.read(self.inbound, 4096)
            if not data:
                raise self._failure(seen)
            seen = (seen + data)[-_MOST_CHATTER:]
        self._frames.extend(self._decoder.feed(seen.partition(protocol.BRIDGE)[2]))

    def _failure(self, seen: bytes) -> SeshError:
        """Why the far end never said its mark."""
        try:
            code = self._process.wait(_GONE)
        except subprocess.TimeoutExpired:
            code = ssh.FAILED
        self._told.seek(0)
        told = self._told.read(65536).decode("utf-8", "replace")
        if code == ssh.FAILED and self.destination.via is None:
            return ssh.failure(self.destination, told)
        lowered = told.lower()
        if code in (126, 127) or "not found" in lowered or "no such file" in lowered:
            word = self.destination.word
            return NotDeployed(f"{word} has no sesh", hint=f"put it there with: sesh --deploy @{word}")
        said = (told.strip() or seen.decode("utf-8", "replace").strip()).splitlines()[-1:]
        reason = f": {said[0]}" if said else ""
        return Unreachable(f"sesh on {self.destination.word} did not start (exit {code}){reason}")


def open_link(
    destination: Destination, near: dict[str, Any], *, ask: bool | None = None, patience: float = PATIENCE
) -> Link:
    """A link to the sesh over there, its HELLO and WELCOME exchanged.

    `near`: what the sesh over there has to know of this machine. `ask`: whether ssh may prompt; None where a person
    sits at a terminal. Raises Unreachable, NotDeployed, ProtocolError.
    """
    asking = ssh.prompting() if ask is None else ask
    ssh.connect(destination, ask=asking, patience=None if asking else patience)
    _used[destination.word] = ssh.identity(destination)
    # Over a connection that stands nothing is asked, and Ctrl-C at the terminal is not to reach what carries the link.
    apart = not asking or ssh.shared(destination)
    try:
        return _opened(destination, near, asking, apart, patience)
    except ssh.NotLetIn:
        if not (asking and apart):
            raise
        return _opened(destination, near, asking, False, patience)  # it was refused there, and logs in for itself


def _opened(destination: Destination, near: dict[str, Any], asking: bool, apart: bool, patience: float) -> Link:
    """The link; `apart`: what carries it has no terminal, and hears no signal of it.

    An ssh that may have to ask keeps the terminal, and ignores its Ctrl-C: that is for who speaks over the link.
    """
    told = tempfile.TemporaryFile()
    words = ssh.command(destination, PROGRAM, ask=asking)
    theirs, outbound = os.pipe()
    inbound, back = os.pipe()
    deaf = not apart and destination.via is None and threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if deaf else None
    try:
        process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=back,
            stderr=told,
            env=_environment(destination, ask=asking),
            start_new_session=apart,
        )
    except OSError as error:
        told.close()
        os.close(inbound)
        os.close(outbound)
        raise Unreachable(f"{words[0]} cannot be run: {error.strerror}") from error
    finally:
        os.close(theirs)
        os.close(back)
        if deaf:
            signal.signal(signal.SIGINT, before)
    link = Link(destination, process, told, inbound, outbound)
    try:
        deadline = time.monotonic() + patience
        link._read_up_to_mark(deadline)
        link.far = link.hello("bridge", deadline, near=near)
    except TimedOut as error:
        link.close()
        raise Unreachable(f"{destination.word} does not answer") from error
    except SeshError:
        link.close()
        raise
    return link


def _environment(destination: Destination, *, ask: bool) -> dict[str, str]:
    """The environment for what carries the link; sesh's own settings of this machine are none of another user's."""
    variables = ssh.environment(ask=ask)
    if destination.via is None:
        return variables
    return {key: value for key, value in variables.items() if not key.startswith("SESH_")}


def renew(destination: Destination) -> None:
    """After a lost link: sees to it that the shared connection which carried it is not used again.

    One that another process, or another link of this one, has opened meanwhile is left alone: it carries theirs.
    """
    if _used.get(destination.word) == ssh.identity(destination):
        ssh.forget(destination)


def request(
    destination: Destination, verb: str, near: dict[str, Any], *, patience: float, **words: Any
) -> dict[str, Any]:
    """One question to the sesh over there, without any prompt, within so many seconds. Raises what it answers."""
    deadline = time.monotonic() + patience
    with open_link(destination, near, ask=False, patience=patience) as link:
        try:
            return link.request(verb, deadline=deadline, **words)[0]
        except TimedOut as error:
            raise Unreachable(f"{destination.word} does not answer") from error
