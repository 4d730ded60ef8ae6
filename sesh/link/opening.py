"""Open a link over the shared connection, or over an ssh of its own."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from math import inf

from sesh.errors import LoginRefused, SeshError, Unreachable, silent_host
from sesh.link.link import Link, LinkRequest
from sesh.names import is_locale
from sesh.remote import known
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import TIMEOUT, Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import BRIDGE_COMMAND, login_hint
from sesh.system import descriptors, paths, platforms, terminal_modes
from sesh.wire.connection import Peer
from sesh.wire.messages import OriginFacts

START_TIMEOUT = 14.0  # seconds for the bridge to start and send WELCOME, once ssh is connected
SHARED_SILENCE = 1.5  # seconds of silence of a shared connection until an ssh of its own is tried too
_FORWARD_SETTINGS = "localforward", "remoteforward", "dynamicforward"
_POLL_INTERVAL = 0.1  # seconds between two reads of ssh's stderr
# An ssh that keeps the terminal ignores Ctrl-C and Ctrl-\, which are for the session.
_IGNORING_CTRL_C = ("sh", "-c", 'trap "" INT QUIT; exec "$0" "$@"')


class Race:
    """Attempts to open a link to a host: the first one that gets WELCOME wins.

    Poll the `inbound` of `links`, and call `advance`.
    """

    def __init__(self, destination: Destination) -> None:
        self.links: list[Link] = []  # of the attempts that run, the oldest first
        self.failed: list[tuple[Link, SeshError]] = []  # until `close`
        self._destination = destination

    def reopen(self, connect_timeout: float, peer: Peer | None) -> None:
        """Start an attempt without prompts, with ssh's `connect_timeout` (seconds), to replace a link.

        `peer`: the daemon to connect to by a request in the first write. Raises LoginRefused if the host has refused a
        login within the last minute, Unreachable, OSError.
        """
        host = self._destination.host
        if known.paused_until(host):
            why = known.failure(host)
            raise LoginRefused(f"cannot reach {host}: {why}", hint=login_hint(host), reason=why)
        request = LinkRequest.attach(peer.name, peer.session_id, hello=peer.hello) if peer is not None else None
        renewed = master.identity(self._destination) not in (None, self._destination.shared)
        is_renewed = renewed and known.login_prompted(host)  # another process has let a person log in since
        self.start(request, own_timeout=None if is_renewed else max(1, round(connect_timeout)))

    def start(
        self, request: LinkRequest | None, *, may_prompt: bool = False, own_timeout: int | None = None, until: float = 0
    ) -> Link:
        """Start an attempt; return its link, which is not open yet. Raises Unreachable, OSError.

        `request`: is sent with HELLO. `own_timeout`: use an ssh of its own, with this connect timeout (seconds).
        `until`: when the attempt fails (monotonic), in START_TIMEOUT seconds by default.
        """
        destination, pipe = self._destination, subprocess.PIPE
        argv = ssh.command(destination, BRIDGE_COMMAND, may_prompt=may_prompt, own_timeout=own_timeout)
        argv = [*_IGNORING_CTRL_C, *argv] if may_prompt else argv
        stderr = tempfile.TemporaryFile()
        streams = {"stdin": pipe, "stdout": pipe, "stderr": stderr}
        try:
            process = ssh.start(destination, argv, may_prompt=may_prompt, bufsize=0, **streams)
        except Unreachable:
            stderr.close()
            raise
        link = Link(destination, process, stderr, until or time.monotonic() + START_TIMEOUT)
        self.links.append(link)
        with suppress(Unreachable):  # ssh has ended, and its output gives the reason
            link.send(link.first_frames(_origin_facts(destination), request), link.open_by)
        return link

    def advance(self, ready: Collection[int]) -> Link | None:
        """Read from the ready links; return the first open one, which leaves the race."""
        for link in [*self.links]:
            try:
                if link.inbound in ready and link.read_welcome():
                    self.links.remove(link)
                    return link
                if time.monotonic() >= link.open_by:
                    raise silent_host(link.destination.host, link.output.reason())
            except SeshError as error:
                self.links.remove(link)
                self.failed.append((link, error))
        return None

    def wait(self, options: LoginOptions) -> Link | None:
        """Wait a moment, then `advance`. Raises the newest error once all attempts have failed."""
        options.stop.check()
        watched = [(link.inbound, select.POLLIN) for link in self.links]
        ready = descriptors.polled(watched, time.monotonic() + _POLL_INTERVAL)
        for link in self.links:
            link.output.pass_lines(options.show_line)
        if (opened := self.advance(ready)) is None and not self.links:
            raise self.failed[-1][1]
        return opened

    def abort(self) -> None:
        """Kill all attempts, from any thread."""
        for link in self.links:
            link.abort()

    def close(self) -> None:
        """End all attempts."""
        for link in (*self.links, *(link for link, _ in self.failed)):
            link.close()
        self.links.clear()
        self.failed.clear()


def _origin_facts(destination: Destination) -> OriginFacts:
    """Return the description of this machine for the host, which makes an `Origin` of it.

    What ssh_config sets is left to ssh, but for TERM: ssh sends it with a terminal of the host, which a link has not.
    """
    has_terminal = descriptors.own_terminal() is not None
    set_by_ssh = destination.environment
    return {
        "host": destination.host,
        "home": paths.home(),
        "size": descriptors.own_size(),
        "term": set_by_ssh.get("TERM", os.environ.get("TERM") if has_terminal else None),
        "colorterm": os.environ.get("COLORTERM") if has_terminal else None,
        "locale": {key: value for key, value in os.environ.items() if is_locale(key)},
        "opens_pages": platforms.opens_pages(os.environ),
        "terminal": terminal_modes.own_settings(),
        "set_by_ssh": [key for key in set_by_ssh if key == "COLORTERM" or is_locale(key)],
    }


def open_link(destination: Destination, options: LoginOptions, request: LinkRequest | None = None) -> Link:
    """Open a link over the shared connection of a host, which is opened if necessary.

    `request`: is sent with HELLO; on an error the host has received no other one. If a shared connection that was
    already open is silent, an ssh of its own is tried too, unless the last login prompted a person; if the shared one
    stays silent, it takes no further command. Raises Unreachable, NotDeployed, ProtocolError, Interrupted, and OSError
    if this machine runs out of a resource.
    """
    destination.resolve(min(TIMEOUT, options.deadline - time.monotonic()))
    was_alive = master.is_shared(destination) and master.is_alive(destination)
    master.ensure(destination, options if options.may_prompt else _limited(options))
    race, until, second, link = Race(destination), _limited(options).deadline, None, None
    patience = SHARED_SILENCE + destination.config_time
    silent_at = time.monotonic() + patience if was_alive and not known.login_prompted(destination.host) else inf
    # Over a shared connection ssh never prompts, and must not get the terminal's Ctrl-C.
    may_prompt = options.may_prompt and not master.is_shared(destination)
    with ssh.prompting(may_prompt=may_prompt):
        try:
            with options.stop.calling(race.abort):
                first = race.start(request, may_prompt=may_prompt, until=until)
                while (link := race.wait(options)) is None:
                    if second is None and first in race.links and first.unheard and time.monotonic() >= silent_at:
                        # The first link may still carry the request out, so the second one brings none.
                        second = race.start(None, own_timeout=destination.connect_timeout, until=until)
        except Unreachable:
            if not was_alive or master.is_alive(destination):
                raise
        finally:
            if second is not None and first.unheard:
                _close_shared(destination, ends_links=False)
            race.close()
    if link is None:  # the shared connection has just ended
        return open_link(destination, options, request)
    return link


def _limited(options: LoginOptions) -> LoginOptions:
    """Give a login without a deadline `START_TIMEOUT` seconds."""
    return options if options.deadline < inf else replace(options, deadline=time.monotonic() + START_TIMEOUT)


def log_in(destination: Destination) -> Link:
    """Replace a lost link by one for which ssh may prompt. Raises as `open_link`."""
    _close_shared(destination)
    return open_link(destination, LoginOptions(may_prompt=True))


def renew_shared_connection(destination: Destination, *, is_silent: bool) -> None:
    """Close a silent shared connection; without prompts reopen one that forwards ports."""
    with suppress(SeshError, OSError):  # the next command opens the connection, or reports the error
        if is_silent:
            _close_shared(destination)
        if any(map(destination.setting, _FORWARD_SETTINGS)):
            master.ensure(destination, _limited(LoginOptions()))


def _close_shared(destination: Destination, *, ends_links: bool = True) -> None:
    """Close the shared connection of the newest link, unless another process has replaced it."""
    if destination.shared == master.identity(destination):
        master.close(destination, ends_links=ends_links)
