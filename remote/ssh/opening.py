"""Open a link over the shared connection, or over an ssh of its own."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf

from sesh import descriptors, paths
from sesh.errors import LoginRefused, SeshError, Unreachable, silent_host
from sesh.messages import OriginFacts
from sesh.remote import known
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import TIMEOUT, Destination
from sesh.remote.ssh.link import Link, LinkRequest, Stage
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import BRIDGE_COMMAND, login_hint
from sesh.wire import Peer

START_TIMEOUT = 14.0  # seconds for the bridge to start and send WELCOME, once ssh is connected
SHARED_SILENCE = 1.5  # seconds of silence of a shared connection until an ssh of its own is tried too
_FORWARD_SETTINGS = "localforward", "remoteforward", "dynamicforward"
_POLL_INTERVAL = 0.1  # seconds between two reads of ssh's stderr
# An ssh that keeps the terminal ignores Ctrl-C and Ctrl-\, which are for the session.
_IGNORING_CTRL_C = ("sh", "-c", 'trap "" INT QUIT; exec "$0" "$@"')


@dataclass
class _Race:
    """Opens a link over a shared connection, and a second one if that is silent."""

    destination: Destination
    request: LinkRequest | None
    options: LoginOptions  # until a finite deadline

    def run(self, *, own_timeout: int | None = None, max_silence: float = inf) -> Link:
        """Return the first link that gets WELCOME; if all fail, raise the newest one's error.

        `own_timeout`: use an ssh of its own at once, with this connect timeout (seconds). `max_silence`: of the shared
        connection, in seconds. A shared connection that stays silent takes no further command.
        """
        timeout, request = own_timeout, self.request
        links: list[Link] = []
        failures: dict[Link, SeshError] = {}
        first: Link | None = None
        silent_at = time.monotonic() + max_silence

        def abort() -> None:
            for link in links:
                link.abort()

        try:
            with self.options.stop.calling(abort):
                while first is None:
                    is_silent = len(links) == 1 and time.monotonic() >= silent_at and not failures and links[0].unheard
                    if not links or is_silent:
                        links.append(self._start(timeout))
                        frames = links[-1].first_frames(_origin_facts(self.destination), request)
                        with suppress(Unreachable):  # ssh has ended, and its output gives the reason
                            links[-1].send(frames, self.options.deadline)
                        # The first link may still carry the request out, so the second one brings none.
                        timeout, request = self.destination.connect_timeout, None
                    first = self._poll(links, failures)
        finally:
            if len(links) > 1 and links[0].unheard:
                _close_shared(self.destination, ends_links=False)
            for link in links:
                if link is not first:
                    link.close()
        return first

    def _poll(self, links: list[Link], failures: dict[Link, SeshError]) -> Link | None:
        """Wait a moment for a link to get WELCOME.

        If all have failed, raise the newest one's error.
        """
        self.options.stop.check()
        running = [link for link in links if link not in failures]
        until = min(self.options.deadline, time.monotonic() + _POLL_INTERVAL)
        ready = descriptors.polled([(link.inbound, select.POLLIN) for link in running], until)
        for link in running:
            link.output.pass_lines(self.options.show_line)
            try:
                if link.inbound in ready and link.read_welcome():
                    return link
            except SeshError as error:
                failures[link] = error
        if len(failures) == len(links) or time.monotonic() >= self.options.deadline:
            raise failures.get(links[-1], self._silence(links[-1]))
        return None

    def _silence(self, link: Link) -> Unreachable:
        host = self.destination.host
        hint = f"if `ssh {host}` gets in, let login files there read their input only on a terminal ([ -t 0 ])"
        waits_for_shell = link.stage is Stage.STARTING and self.destination.via is None
        return silent_host(host, link.output.reason(), hint if waits_for_shell else "")

    def _start(self, own_timeout: int | None) -> Link:
        destination, may_prompt = self.destination, self.options.may_prompt
        argv = ssh.command(destination, BRIDGE_COMMAND, may_prompt=may_prompt, own_timeout=own_timeout)
        argv = [*_IGNORING_CTRL_C, *argv] if may_prompt else argv
        pipe = subprocess.PIPE
        stderr = tempfile.TemporaryFile()
        try:
            process = ssh.start(
                destination, argv, may_prompt=may_prompt, stdin=pipe, stdout=pipe, stderr=stderr, bufsize=0
            )
        except Unreachable:
            stderr.close()
            raise
        return Link(destination, process, stderr)


def _origin_facts(destination: Destination) -> OriginFacts:
    """Return the description of this machine for the host, which makes an `Origin` of it."""
    has_terminal = descriptors.own_terminal() is not None
    return {
        "host": destination.host,
        "home": paths.home(),
        "size": list(descriptors.own_size()),
        "term": os.environ.get("TERM") if has_terminal else None,
        "colorterm": os.environ.get("COLORTERM") if has_terminal else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def _limited(options: LoginOptions) -> LoginOptions:
    """Give a login without a deadline `START_TIMEOUT` seconds."""
    return options if options.deadline < inf else replace(options, deadline=time.monotonic() + START_TIMEOUT)


def open_link(destination: Destination, options: LoginOptions, request: LinkRequest | None = None) -> Link:
    """Open a link over the shared connection of a host, which is opened if necessary.

    `request`: is sent with HELLO; on an error the host has received no other one. If a shared connection that was
    already open is silent, an ssh of its own is tried too, unless the last login prompted a person. Raises Unreachable,
    NotDeployed, ProtocolError, Interrupted, and OSError if this machine runs out of a resource.
    """
    destination.resolve(min(TIMEOUT, options.deadline - time.monotonic()))
    was_open = master.identity(destination) is not None
    login = options if options.may_prompt else _limited(options)
    login_prompted = master.ensure(destination, login)
    # Over a shared connection ssh never prompts, and must not get the terminal's Ctrl-C.
    may_prompt = options.may_prompt and not master.is_shared(destination)
    race = _Race(destination, request, replace(_limited(options), may_prompt=may_prompt))
    max_silence = SHARED_SILENCE if was_open and not known.login_prompted(destination.host) else inf
    try:
        link = race.run(max_silence=max_silence)
    except Unreachable:
        if not was_open or master.is_alive(destination):
            raise
        login_prompted = master.ensure(destination, login)  # the shared connection has just ended
        link = race.run()
    link.login_prompted = login_prompted
    return link


def reopen(
    destination: Destination, options: LoginOptions, connect_timeout: float = 0.0, peer: Peer | None = None
) -> Link:
    """Open a link that replaces one, with ssh's `connect_timeout` (seconds) unless a login prompts.

    `peer`: the daemon to connect to by a request in the first write. Print nothing: the terminal may be raw. Raises
    LoginRefused if every further attempt would fail too, Unreachable if only this one failed, Interrupted, and OSError.
    """
    host = destination.host
    if known.paused_until(host) and not options.may_prompt:
        why = known.failure(host)
        raise LoginRefused(f"{host} refused the login: {why}", hint=login_hint(host), reason=why)
    request = LinkRequest.attach(peer.name, peer.session_id, hello=peer.hello) if peer is not None else None
    try:
        if options.may_prompt or known.login_prompted(host):
            _close_shared(destination)
            link = open_link(destination, options, request)
        else:
            link = _Race(destination, request, _limited(options)).run(own_timeout=max(1, round(connect_timeout)))
    except LoginRefused as error:
        if error.wants_login:  # no other link repeats the login
            known.record_failure(host, error.reason, refused=True, wants_login=True)
        raise
    known.record(host, is_new=False)
    return link


def renew_shared_connection(destination: Destination, *, is_silent: bool) -> None:
    """Renew the shared connection of a replaced link, in a thread.

    `is_silent`: that link has not ended.
    """
    with suppress(RuntimeError):  # this machine has no further thread: the next command opens the connection
        threading.Thread(target=_renew_shared, args=(destination, is_silent), daemon=True).start()


def _renew_shared(destination: Destination, is_silent: bool) -> None:
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
