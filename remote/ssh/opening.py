"""Open a link over the shared connection, or over an ssh of its own."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from sesh import descriptors, paths
from sesh.errors import SeshError, Unreachable, silent_host
from sesh.link.keeper import Attempt, LinkOpener
from sesh.messages import ClientMachine
from sesh.remote import eventlog, known
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link, LinkRequest
from sesh.remote.ssh.ssh_messages import BRIDGE_COMMAND, AuthenticationFailed, Say
from sesh.stop import Stop

START_TIMEOUT = 14.0  # seconds for the bridge to start and send WELCOME, once ssh is connected
SHARED_SILENCE = 1.5  # seconds of silence over a shared connection, then an ssh of its own is tried too
_FORWARDS = "localforward", "remoteforward", "dynamicforward"
_LOOK = 0.1  # seconds between two looks at ssh's stderr
# A command that keeps the terminal ignores Ctrl-C and Ctrl-\, as they are for the session.
_WITHOUT_KEYS = ("sh", "-c", 'trap "" INT QUIT; exec "$0" "$@"')


@dataclass
class _Opening:
    destination: Destination
    request: LinkRequest | None
    deadline: float
    stop: Stop
    say: Say

    def open(self, *, prompts: bool = False, seconds: int = 0, silence: float = inf) -> Link:
        """Open a link over the shared connection, and exchange HELLO and WELCOME.

        `prompts`: ssh may ask the person; else ssh has no terminal, and gets none of the terminal's signals. `seconds`:
        if not 0, use an ssh connection of its own with this connect timeout. `silence`: after this many seconds of
        silence try one of its own too. If the shared connection is silent to the end, close it to new commands.
        """
        links = [self._start(self.request, prompts=prompts, seconds=seconds)]
        winner: Link | None = None

        def abort() -> None:
            for link in links:
                link.abort()

        try:
            with self.stop.calling(abort):
                winner = self._first(links, time.monotonic() + silence)
        finally:
            if len(links) > 1 and links[0].is_silent:
                _drop_shared(self.destination, ends_links=False)
            for link in links:
                if link is not winner:
                    link.close()
        return winner

    def _first(self, links: list[Link], own_at: float) -> Link:
        """Return the first link that gets WELCOME. If all fail, raise the last error.

        If the first link is silent at `own_at` (monotonic), add one over an ssh connection of its own.
        """
        failures: dict[Link, SeshError] = {}
        while len(failures) < len(links):
            self.stop.check()
            running = [link for link in links if link not in failures]
            until = min(own_at, self.deadline, time.monotonic() + _LOOK)
            ready = descriptors.polled([(link.inbound, select.POLLIN) for link in running], until)
            for link in running:
                link.output.pass_lines(self.say)
                try:
                    if link.inbound in ready and link.read_welcome():
                        return link
                except SeshError as error:
                    failures[link] = error
            if time.monotonic() >= self.deadline:
                raise failures.get(links[-1], silent_host(self.destination.host, links[-1].output.reason()))
            if time.monotonic() >= own_at:
                own_at = inf
                if not failures and links[0].is_silent:
                    links.append(self._start(None, seconds=self.destination.connect_timeout))
        raise failures[links[-1]]

    def _start(self, request: LinkRequest | None, *, prompts: bool = False, seconds: int = 0) -> Link:
        destination = self.destination
        argv = ssh.command(destination, BRIDGE_COMMAND, ask=prompts, own_timeout=seconds)
        argv = [*_WITHOUT_KEYS, *argv] if prompts else argv
        pipe, stderr = subprocess.PIPE, tempfile.TemporaryFile()
        try:
            process = ssh.start(destination, argv, ask=prompts, stdin=pipe, stdout=pipe, stderr=stderr, bufsize=0)
        except Unreachable:
            stderr.close()
            raise
        link = Link(destination, process, stderr)
        link.send_hello(_client_machine(destination), request, self.deadline)
        return link


def _client_machine(destination: Destination) -> ClientMachine:
    """Return the description of this machine for the host, which reads it as an `Origin`."""
    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": destination.host,
        "home": paths.home(),
        "size": list(descriptors.window_size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def open_link(
    destination: Destination,
    *,
    ask: bool,
    deadline: float | None = None,
    request: LinkRequest | None = None,
    stop: Stop | None = None,
    say: Say = lambda _: None,
) -> Link:
    """Open a link to sesh on a host, and exchange HELLO and WELCOME.

    `ask`: ssh may prompt. `deadline`: for all of it (monotonic); None gives a person any time to log in. `request`: one
    to send with HELLO; on an error the host has received no more than that. If a shared connection that was already
    open is silent for a while, an ssh of its own is tried in parallel, except for a host whose login needs a person.
    Raises Unreachable, NotDeployed, ProtocolError, Interrupted, and OSError if this machine runs out of a resource.
    """
    stop = stop or Stop()
    was_open = master.identity(destination) is not None

    def ensure_shared() -> bool | None:
        timeout = None if ask else START_TIMEOUT
        if deadline is not None:
            timeout = deadline - time.monotonic()
        return master.ensure(destination, ask=ask, timeout=timeout, say=say, stop=stop)

    asked = ensure_shared()
    destination.shared = master.identity(destination)
    until = time.monotonic() + START_TIMEOUT if deadline is None else deadline
    opening = _Opening(destination, request, until, stop, say)
    # Over a shared connection ssh does not prompt, and the terminal's Ctrl-C must not reach it.
    prompts = ask and not master.is_shared(destination)
    silence = SHARED_SILENCE if was_open and not known.asks(destination.host) else inf
    try:
        link = opening.open(prompts=prompts, silence=silence)
    except Unreachable:
        if not was_open or master.is_alive(destination):
            raise
        ensure_shared()  # the shared connection has just ended
        link = opening.open()
    link.asked = asked
    return link


class HostLinks(LinkOpener):
    """Opens the links that a `LinkKeeper` keeps. `logs`: write to the event log."""

    def __init__(self, destination: Destination, *, logs: bool = True) -> None:
        self._destination = destination
        self._logs = logs
        self.indirect = any(destination.setting(keyword) for keyword in ("proxyjump", "proxycommand"))

    def login_asked(self) -> bool:
        return known.asks(self._destination.host)

    def log(self, event: str, **facts: object) -> None:
        if self._logs:
            eventlog.log(event, host=self._destination.host, **facts)

    def open(self, attempt: Attempt) -> Link:
        """Open a link. Print nothing: the terminal may be raw.

        Raises LoginRefused if every further attempt would fail too, Unreachable if only this attempt failed,
        Interrupted, and OSError.
        """
        destination, ask, peer = self._destination, attempt.may_prompt, attempt.peer
        host = destination.host
        if known.paused_until(host) and not ask:
            why = known.failure(host)
            raise AuthenticationFailed(f"{host} refused the login: {why}", hint=f"try: ssh {host}", reason=why)
        request = None
        if peer is not None:
            request = LinkRequest.attach(peer.name, peer.session_id, hello_by_bridge=peer.hello_by_bridge)
        until, stop, hear = time.monotonic() + START_TIMEOUT, attempt.stop, attempt.hear
        try:
            if ask or known.asks(host):
                _drop_shared(destination)
                deadline = None if ask else until
                link = open_link(destination, ask=ask, deadline=deadline, request=request, stop=stop, say=hear)
            else:
                opening = _Opening(destination, request, until, stop, hear)
                link = opening.open(seconds=max(1, round(attempt.seconds)))
        except AuthenticationFailed as error:
            known.record_asks(host)
            if attempt.lost:  # so that other lost links to the host do not repeat the refused login
                known.record_failure(host, error.reason, refused=True)
            raise
        known.end_pause(host)
        return link

    def renew_shared(self, *, silent: bool) -> None:
        """Renew the shared connection, in a thread; it is dead if the link was `silent`."""
        with suppress(RuntimeError):  # no room for another thread: the next command opens another connection
            threading.Thread(target=_renew_shared, args=(self._destination, silent), daemon=True).start()


def _drop_shared(destination: Destination, *, ends_links: bool = True) -> None:
    """Close the shared connection of the newest link, unless another process has replaced it."""
    if destination.shared == master.identity(destination):
        master.close(destination, ends_links=ends_links)


def _renew_shared(destination: Destination, silent: bool) -> None:
    """End a dead shared connection; without prompts reopen one over which ssh_config forwards ports."""
    try:
        if silent:
            _drop_shared(destination)
        if any(destination.setting(keyword) for keyword in _FORWARDS):
            master.ensure(destination, ask=False, timeout=START_TIMEOUT)
            destination.shared = master.identity(destination)
    except (SeshError, OSError):
        return  # the next command opens it, or reports the error
