"""A link: a connection to the sesh on another host, over ssh or whatever command reaches that host.

At the other end of it runs `sesh --bridge`, which answers requests itself or passes the link on to one session.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO

from sesh import gate, programs, protocol, system, wire
from sesh.about import CALLED, __version__
from sesh.errors import (
    Lost,
    ProtocolError,
    SeshError,
    TimedOut,
    Unreachable,
    silent_host,
)
from sesh.messages import Answer, Introduction, Near, Welcome, Words
from sesh.moments import uptime
from sesh.recovery.attempts import Attempt
from sesh.remote.ssh import master, ssh, starting
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.starting import REACHED, NotStarted, Stale
from sesh.stop import Stop

START_TIMEOUT = 14.0
"""Seconds for the bridge to start, once ssh is connected."""
SESSION_TIMEOUT = 60.0
"""Seconds for the bridge to connect the link to a session, which it may have to create."""
_MAX_NOISE = 1 << 20
"""Bytes of what login files print that are kept, for the reason of a failure."""
_SHARE = 0.8
"""The part of the time that is left in which a connection may be found to be stale: another one takes some."""
_TICK = 20
"""Milliseconds between two looks at a question to sshd."""
_EXIT_TIMEOUT = 1.0
"""Seconds for the command that carries a link to end, once the link has."""
_EARLY_TIMEOUT = 5.0
"""Seconds for the bridge to answer what was sent before it had begun; a third of those that are left, at most."""
_MOST_EARLY = 16 << 10
"""Bytes that are sent before the bridge has begun: they fit into a pipe that nobody reads yet."""
_ANSWERED = b"debug1: Connection established", b"debug1: Remote protocol version", REACHED.encode()
"""What ssh, at LogLevel DEBUG1, or a command in its place, says on stderr once the host has answered."""
_swallowing: set[str] = set()
"""Hosts whose login files read a part of what is sent before the bridge has begun."""
_masters: dict[str, object] = {}
"""By host: the identity of the control master that the newest link of this process uses."""


class Along:
    """A request, number 1, that goes along with the HELLO of a link.

    `early`: it may go before the bridge has begun, which saves two round trips. `changes`: it changes something.
    `again`: it may come twice, as it changes nothing, or the host does it once. `lookup`: nobody has named the host.
    `public`: other users of the host may see it. It goes in the line for the shell there, which saves another round
    trip, as sshd takes no input before it has started that.
    """

    def __init__(
        self,
        frames: bytes,
        *,
        early: bool = True,
        changes: bool = False,
        again: bool = True,
        lookup: bool = False,
        public: bool = False,
    ) -> None:
        self.frames, self.changes, self.again, self.lookup, self.public = frames, changes, again, lookup, False
        self.early = early and len(frames) <= _MOST_EARLY
        self.reached = False
        """True once it may have been carried out, and no answer has come."""


class Link(wire.Connection):
    """A connection to sesh on another host. Closing it ends the command that carries it.

    `remote_info`: what that sesh says of itself and its machine.
    """

    far = True
    silent = False
    """True once nothing came for too long, as against its end."""

    def __init__(
        self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes], inbound: int, outbound: int
    ) -> None:
        super().__init__(inbound, outbound)
        self.destination = destination
        self._led = False
        """True if a session's daemon is at the other end, False for a bridge that has not led to one yet."""
        self.remote_info: Welcome = {}
        self.asked: bool | None = None
        """True if somebody was asked to log in; None if no one logged in for this link, or it is not known."""
        self.swallowed = False
        """True if login files have read a part of what was sent before the bridge had begun."""
        self._process, self._stderr = process, stderr
        self._said = 0
        """Bytes that were sent with HELLO."""
        self._along: Along | None = None
        """The request that was sent along with HELLO, as long as nobody has asked for its answer."""
        self.clock = 0.0
        """Seconds by which the clock there is ahead of this one."""
        self.stale_after = 0.0
        """Seconds without a byte after which the shared connection may be `Stale`; 0 if it is not given up so."""

    def __enter__(self) -> Link:
        return self

    @property
    def agent(self) -> str | None:
        """The socket there of the agent that ssh forwards."""
        return str(self.remote_info.get("auth_sock") or "") or None

    @property
    def home(self) -> str:
        """The home directory there; empty if it is not known."""
        return str(self.remote_info.get("home") or "")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the login on the host that are renewed: its display is the one that ssh forwards."""
        return self.remote_info.get("renewed") or {}

    def open_session(self, verb: str, arguments: Words, timeout: float = SESSION_TIMEOUT) -> tuple[Answer, bytes]:
        """Have the bridge connect this link to a session: from then on the session's daemon is at the other end.

        It may answer with a `question` for the user instead. `greeting` among the arguments: HELLO for that daemon,
        which goes along (see `Peer`). Raises Lost if the bridge does not answer in time, or the link breaks.
        """
        host, deadline = self.destination.host, time.monotonic() + timeout
        self._requests += 1
        try:
            if not self.take_sent():
                self.send(wire.asking(verb, self._requests, **arguments), deadline)
            answer, output = self.answer(self._requests, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise Lost(f"{host} does not answer") from error
            raise lost(self.destination) from error
        self._led = "question" not in answer
        if self._led and answer.get("name") is None:
            raise gate.malformed("RESPONSE", ".name is missing")
        self.welcome = {}
        greeted: Introduction | None = arguments.get("greeting") if self._led else None
        name, session_id = str(answer.get("name") or ""), str(answer.get("session_id") or "")
        self.peer = wire.Peer(name, session_id, greeted, self.peer.ahead)
        return answer, output

    def take_sent(self) -> bool:
        """Return whether the request that comes now, number 1, was sent along with HELLO. True only once."""
        sent, self._along = self._along, None
        return sent is not None

    def reached(self) -> bool:
        """Return whether the host has answered, if the link has an ssh connection of its own."""
        try:
            said = os.pread(self._stderr.fileno(), 1 << 16, 0)
        except (OSError, ValueError):
            return False  # it was closed just now, in another thread
        return any(sign in said for sign in _ANSWERED)

    def abort(self) -> None:
        """Kill the command that carries the link, from another thread: a reader of the link sees its end."""
        self._process.kill()

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write all of `data`; with a `keepalive` it raises Lost if the link broke."""
        try:
            super().send(data, deadline)
        except Unreachable as error:
            if self.keepalive is None or not self.broken():
                raise
            raise Lost(f"lost the link to @{self.destination.host}") from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame; with a `keepalive` it raises Lost if the link broke or went silent."""
        keepalive = self.keepalive
        if keepalive is None:
            return super().receive(deadline)
        while True:
            try:
                frame = super().receive(keepalive.due if deadline is None else min(deadline, keepalive.due))
            except TimedOut:
                self.ping()
                if deadline is not None and time.monotonic() >= deadline:
                    raise
                continue
            if frame[0] != protocol.PONG:
                return frame

    def read(self) -> bool:
        """Take in what comes next; with a `keepalive` it raises Lost if the link broke."""
        try:
            arrived = super().read()
        except Unreachable as error:
            if self.keepalive is None or not self.broken():
                raise
            raise Lost(f"lost the link to @{self.destination.host}") from error
        if self.keepalive is not None:
            self.keepalive.heard(time.monotonic())
            if any(kind == protocol.PONG for kind, _ in self._frames):
                self.keepalive.answered()
        return arrived

    def ping(self) -> None:
        """Send a PING, if that is due. Raises Lost after too long a silence."""
        now = time.monotonic()
        if self.keepalive is None or now < self.keepalive.due:
            return
        asks = self.keepalive.act(now)
        if self.keepalive.lost:
            self.silent = True
            raise Lost(f"the link to @{self.destination.host} went silent")
        if not asks:
            return
        try:
            super().send(protocol.frame(protocol.PING), now + 1)
        except (TimedOut, Unreachable):
            return  # what was sent before the end can still be read, and then the end

    def close(self) -> None:
        """Close the connection and end the command that carries it; a second call does nothing."""
        super().close()
        try:
            self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def broken(self, patience: float = _EXIT_TIMEOUT) -> bool:
        """Return whether the link itself ended (ssh failed, or is silent), as against the program at its other end."""
        try:
            return self._process.wait(patience) not in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            return True

    def start(self, caller: Near, deadline: float, along: Along | None = None) -> bool:
        """Wait for the bridge and exchange HELLO and WELCOME. Raises NotDeployed, Unreachable, ProtocolError.

        `along` goes with HELLO (see `take_sent`). Returns False if that went early and was not carried out, as if login
        files had read a part of it: the rest makes no sense to the bridge.
        """
        self._along = along
        first = wire.greeting("bridge", near=caller) + (along.frames if along is not None else b"")
        early = along is not None and (along.early or along.public)
        try:
            if along is not None and along.early and not along.public:
                self._say(first, deadline)
        except Unreachable:
            early = False  # it has ended: what it printed says why
        self._skip_login_output(deadline)
        if not (early and along is not None):
            if not self._take_welcome(deadline, first):
                raise silent_host(self.destination.host)
            return True
        now = time.monotonic()
        patience = min((deadline - now) / 3, _EARLY_TIMEOUT)
        try:
            if self._take_welcome(now + patience):
                return True
            if along.lookup:
                return self._take_welcome(now + 2 * patience, first)
            return self._answered_at_the_end(along, deadline)
        except Unreachable:
            if not self._ended:
                raise
            self.swallowed = True
            return False

    def _answered_at_the_end(self, along: Along, deadline: float) -> bool:
        """Say nothing more, and return whether the answer to what went along has come before the link's end."""
        os.close(self.outbound)
        self.outbound = -1
        frames: list[tuple[int, bytes]] = []
        carried = bytearray()
        try:
            while not frames or frames[-1][0] != protocol.RESPONSE:
                frames.append(self.receive(deadline))
                gate.carry(carried, frames[-1][1])
        except TimedOut:
            raise silent_host(self.destination.host) from None
        except Unreachable:
            if self.broken():
                raise
        self.swallowed = not frames
        if along.again or not frames or frames[-1][0] != protocol.RESPONSE:
            return False
        self.put_back(frames)
        return self._take_welcome(deadline)

    def note_reached(self, along: Along) -> None:
        """Note whether the request that went along may have been carried out, although the link could not be opened."""
        taken = self._said and (self.outbound < 0 or system.unread(self.outbound) < self._said)
        if taken and not (self._ended and self.destination.via is None):  # before WELCOME, so it has done nothing
            along.reached = True

    @property
    def _ended(self) -> bool:
        """True if the command on the host has ended by itself, as against the link."""
        code = self._process.poll()
        return code is not None and 0 <= code != ssh.FAILED

    def _say(self, first: bytes, deadline: float) -> None:
        self.send(first, deadline)
        self._said = len(first)

    def _take_welcome(self, deadline: float, hello: bytes = b"") -> bool:
        """Send HELLO, if it is given, and take WELCOME; return False if that has not come by the deadline."""
        try:
            if hello:
                self._say(hello, deadline)
            self.remote_info = self.expect_welcome(deadline)
        except TimedOut:
            return False
        except Unreachable as error:
            if error.answered:
                raise
            self.broken()
            raise Unreachable(f"lost the link to @{self.destination.host}") from error
        now = time.time()
        self.clock = self.remote_info.get("now", now) - now
        self.peer.ahead = self.remote_info.get("uptime", 0.0) - uptime()  # less the time that WELCOME took to come
        return True

    def incompatible(self) -> ProtocolError:
        """Return the error for the other side; until a session answers, that is the sesh on the host."""
        if self._led:
            return super().incompatible()
        host, version = self.destination.host, self.welcome.get("version")
        error = ProtocolError(
            f"@{host} has sesh {version}, which is incompatible with this sesh {__version__}",
            hint=f"install this one there: {CALLED} --deploy @{host}",
        )
        error.answered = True  # it has begun nothing of what went along
        return error

    def _skip_login_output(self, deadline: float) -> None:
        """Skip what login files print, up to the bridge's first bytes."""
        seen = b""
        poll = select.poll()
        poll.register(self.inbound, select.POLLIN)
        patience = min(self.stale_after, (deadline - time.monotonic()) * _SHARE)
        if patience > 0 and self._passes_nothing(poll, patience):
            raise Stale(f"{self.destination.host} does not answer")
        while protocol.BRIDGE not in seen:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise starting.not_begun(self.destination.host, something_came=bool(seen))
            data = os.read(self.inbound, 4096)
            if not data:
                raise starting.failure(self.destination, self._exit_code(), self._stderr, seen)
            seen = (seen + data)[-_MAX_NOISE:]
        self._frames.extend(self.decoder.feed(seen.partition(protocol.BRIDGE)[2]))

    def _exit_code(self) -> int:
        try:
            return self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return ssh.FAILED

    def _passes_nothing(self, poll: select.poll, seconds: float) -> bool:
        """Return whether nothing comes over the shared connection for so long, not even an answer of sshd: a host may
        be slow to start its sesh, but sshd answers at once. True also if another process has replaced it meanwhile."""
        quiet, used = time.monotonic() + seconds / 3, master.identity(self.destination)
        if poll.poll(seconds * 1000 / 3):
            return False
        with master.asked(self.destination) as question:
            while time.monotonic() < quiet + seconds * 2 / 3:
                if poll.poll(_TICK):
                    return False
                if question.poll() is not None:
                    return master.identity(self.destination) != used
        return True


def open_link(
    destination: Destination,
    caller: Near,
    *,
    ask: bool | None = None,
    timeout: float = START_TIMEOUT,
    bounded: bool = False,
    along: Along | None = None,
    stop: Stop | None = None,
    stale_after: float = 0.0,
) -> Link:
    """A link to the sesh on a host, with HELLO and WELCOME exchanged.

    `caller`: what that sesh has to know of this machine. `ask`: whether ssh may prompt; None: if there is a
    terminal. `timeout`: seconds for each step; `bounded`: for all of them, also if ssh asks somebody. For a lookup, a
    login that takes longer than `timeout` goes on alone, for the next one; `stop` ends all but such a login.
    `stale_after`: seconds without a byte after which a shared connection that stood before is replaced by another, if
    sshd does not answer over it; links over it go on. Raises
    Lost if what goes `along` may have changed something, Unreachable, NotDeployed, ProtocolError, Interrupted; OSError
    if this machine lacks what it takes.
    """
    asking = ssh.can_prompt() if ask is None else ask
    deadline = time.monotonic() + timeout
    stood = master.identity(destination)
    patience = None if asking and not bounded else timeout
    lookup = along is not None and along.lookup
    asked = master.ensure(destination, ask=asking, timeout=patience, lingers=lookup, stop=stop)
    if bounded or lookup:
        timeout = deadline - time.monotonic()
    first = destination.host not in _masters
    used = _masters[destination.host] = master.identity(destination)
    # Over a control master ssh asks nothing, and the terminal's Ctrl-C must not reach the process.
    detached = not asking or master.is_shared(destination)
    try:
        over = stale_after if stood is not None else 0.0
        link = _open(destination, caller, asking, detached, timeout, stop=stop, along=along, stale_after=over)
    except ssh.AuthenticationFailed:
        if not (asking and detached):
            raise
        link = _open(destination, caller, asking, False, timeout, stop=stop)  # refused over that one: log in again
    except Unreachable as error:
        left = deadline - time.monotonic()
        sent = along if along is not None and along.reached else None
        sound = isinstance(error, NotStarted) or (stood is None and (not first or master.is_alive(destination)))
        stale, repeats = isinstance(error, Stale), sent is None or sent.again
        if not sound and left > 0 and (repeats or stale):
            drop_master(destination, cuts=not stale)  # it was cut just now, or a while ago
            if repeats and master.identity(destination) != used:
                return open_link(
                    destination,
                    caller,
                    ask=ask,
                    timeout=left,
                    bounded=bounded,
                    along=along,
                    stop=stop,
                    stale_after=stale_after,
                )
        if sent is not None and sent.changes:
            raise lost(destination) from error
        raise
    link.asked = asked
    return link


def open_beside(destination: Destination, caller: Near, attempt: Attempt, verb: str, arguments: Words) -> Link:
    """Open a link over an ssh connection of its own, for which nobody is asked anything; the caller then calls
    `open_session` with this verb and these arguments.

    Stopping `attempt` ends it. Raises as `open_link` does, AuthenticationFailed among that, and Interrupted.
    """
    along = Along(wire.asking(verb, 1, **arguments))
    return _open(destination, caller, False, True, START_TIMEOUT, stop=attempt, alone=True, along=along)


def lost(destination: Destination) -> Lost:
    """The error for a link that broke while what it was asked for may have been done."""
    return Lost(f"lost the link to @{destination.host}", hint=f"check what was done: {CALLED} @{destination.host}")


def _open(  # noqa: PLR0913 (so many ways to open one)
    destination: Destination,
    caller: Near,
    asking: bool,
    detached: bool,
    timeout: float,
    *,
    stop: Stop | None = None,
    alone: bool = False,
    along: Along | None = None,
    stale_after: float = 0.0,
) -> Link:
    """Open the link. `detached`: the process that carries it has no terminal, and gets none of its signals.
    `stop`: ends the attempt. `alone`: it has an ssh connection of its own. `along`: as in `Link.start`; it does not go
    early if login files have read a part of such before, nor, unless it may come twice, where a command leads to the
    host, of which nothing is known; nor, if ssh forwards an agent and the connection may be found to be stale, what
    starts a program, which would have the agent of the connection that ends. `stale_after`: as `Link` has it.

    An ssh that may have to ask keeps the terminal but ignores Ctrl-C and Ctrl-\\, which are for the user of the link.
    """
    deadline = time.monotonic() + timeout
    if along is not None:
        waits = destination.via is not None or (stale_after > 0 and ssh.forwarded_agent(destination))
        if destination.host in _swallowing or (along.changes and waits):
            along.early = False
    argv = ssh.command(
        destination,
        starting.line(destination, along.frames if along and along.public else b""),
        ask=asking,
        alone=alone,
    )
    environment = ssh.environment(ask=asking)
    if destination.via is not None:
        # A command that leads to another user on this machine must not pass this user's settings of sesh on.
        environment = {key: value for key, value in environment.items() if not key.startswith("SESH_")}
    link = _begun(destination, argv, environment, detached=detached)
    link.stale_after = stale_after
    with ExitStack() as on_failure:
        on_failure.callback(link.close)
        if isinstance(stop, Attempt):
            stop.reached = link.reached
        if along is not None:
            on_failure.callback(link.note_reached, along)
        with (stop or Stop()).calling(link.abort):
            answers = link.start(caller, deadline, along)
        if answers:
            on_failure.pop_all()
    if not answers:
        left = deadline - time.monotonic()
        if along is not None:
            along.public = False
        _swallowing.add(destination.host)
        try:
            again = _open(destination, caller, asking, detached, left, stop=stop, alone=alone, along=along)
            again.swallowed = link.swallowed
            return again
        except SeshError:
            _swallowing.discard(destination.host)  # it is slow, or gone
            raise
    return link


def _begun(destination: Destination, argv: list[str], environment: dict[str, str], *, detached: bool) -> Link:
    """Start the command that carries a link. Raises Unreachable, OSError."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # others can set no handlers
    ignore_interrupt = not detached and destination.via is None and in_main_thread
    with ExitStack() as on_failure, ExitStack() as child_ends:
        stderr = on_failure.enter_context(tempfile.TemporaryFile())
        stdin, outbound = os.pipe()
        child_ends.callback(os.close, stdin)
        on_failure.callback(os.close, outbound)
        inbound, stdout = os.pipe()
        child_ends.callback(os.close, stdout)
        on_failure.callback(os.close, inbound)
        if ignore_interrupt:
            for number in (signal.SIGINT, signal.SIGQUIT):
                child_ends.callback(signal.signal, number, signal.signal(number, signal.SIG_IGN))
        try:
            process = programs.start(
                argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, start_new_session=detached
            )
        except OSError as error:
            hint = f"check `via` of {destination.host} in config.toml" if destination.via is not None else ""
            raise programs.cannot_run(argv[0], error, hint) from error
        on_failure.pop_all()  # the link closes them from here on
        return Link(destination, process, stderr, inbound, outbound)


def drop_master(destination: Destination, *, cuts: bool = True) -> None:
    """Make sure that the control master of a lost link is not used again; one opened since is left alone.

    `cuts`: other links over it end too.
    """
    if _masters.get(destination.host) == master.identity(destination):
        master.close(destination, cuts=cuts)


def renew_master(destination: Destination) -> None:
    """As `drop_master`; if the connection forwards what the user has set, another one is opened for that, unasked.

    A link that came back over a connection of its own carries no forwards.
    """
    try:
        drop_master(destination)
        if any(destination.setting(keyword) for keyword in ssh.FORWARDS):
            master.ensure(destination, ask=False, timeout=START_TIMEOUT)
            _masters[destination.host] = master.identity(destination)
    except (SeshError, OSError):
        return  # the next link opens it, and says why not
