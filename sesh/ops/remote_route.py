"""Verbs that go on for a while with one session of another host: carried out on this side, they outlast the link.

`--wait`, `--run`, `--events` and `--logs -f` speak to the daemon over there themselves. What they cannot do so (no such
session, words that are wrong) is left to the sesh over there, which says it.

A job over a link that is lost: found again where it has begun, its waiter brought back, or told how it ended.
"""

from __future__ import annotations

import os
import time

from sesh.cli import parser, printing
from sesh.errors import Ended, ExitCode, InternalError, Interrupted, Lost, SeshError, TimedOut, Unreachable
from sesh.keepalive import Keepalive, backoff
from sesh.ops import caller, links
from sesh.ops.route import Way
from sesh.remote.ssh import link
from sesh.remote.ssh.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.ops.interrupts import Presses
    from sesh.ops.waiter import Found
    from sesh.remote.ssh.destination import Destination
    from sesh.wire import Connection

VERBS = ("--wait", "--run", "--events", "--logs")


class Across(Way):
    """The way to one session of a host, over a link that has been led there."""

    heals = True

    def __init__(self, destination: Destination, name: str, through: Link, mender: Mender | None = None) -> None:
        self._through = through
        self._word = destination.host
        self._mender = mender or Mender(destination, name)

    @property
    def host(self) -> str | None:
        """The host, as the person named it."""
        return self._word

    def to(self, name: str) -> Connection:
        """The link."""
        return _watched(self._through)

    def again(self, broken: Connection, since: int) -> Connection:
        """A new link to the same session."""
        return _watched(self._mender.back(broken, since))


def _watched(through: Link) -> Link:
    through.keepalive = Keepalive(enabled=True)
    return through


def wanted(line: parser.Line) -> bool:
    """Whether a line is carried out so."""
    given = parser.parse(line) if line.verb in VERBS else None
    return given is not None and "name" in given and "log" not in given and (line.verb != "--logs" or "follow" in given)


def run(line: parser.Line, destination: Destination, other: Callable[[Link], int]) -> int:
    """Carries out a line that is `wanted`; the exit code. `other` has the other side do it, over the link."""
    try:
        return _run(line, destination, other)
    except SeshError as error:
        if line.verb == "--run" and error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


def _run(line: parser.Line, destination: Destination, other: Callable[[Link], int]) -> int:
    given = parser.parse(line) or {}
    name = str(given["name"])
    with links.opened(destination, offer=not line.json) as through:
        try:
            through.open_session("connect", name=name, passing=True)
        except SeshError as error:
            if not error.answered:
                raise
            return other(through)
        caller.use({"host": destination.host})  # what is said from now on is meant over there
        return _function(line.verb)(line, way=Across(destination, name, through), **given)


def _function(verb: str) -> Callable[..., int]:
    if verb == "--wait":
        from sesh.ops import wait

        return wait.wait
    if verb == "--run":
        from sesh.ops import shell

        return shell.run
    if verb == "--events":
        from sesh.ops import events

        return events.events
    from sesh.ops import view

    return view.logs


class Mender:
    """Gets who waits back to a session: again and again, at growing intervals.

    `sleep`: waits so many seconds, and raises what is to end the trying. `told`: what a person is told meanwhile.
    """

    def __init__(
        self,
        destination: Destination,
        name: str,
        sleep: Callable[[float], None] = time.sleep,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self._destination, self._name = destination, name
        self._sleep, self._told = sleep, told or printing.note

    def __call__(self, broken: Connection, number: str, since: int, heard: float) -> Found:
        """A new connection to the session, or its result. Raises InternalError where it was not the link that broke.

        Ctrl-C ends it at any moment, by whatever the waiter raises in its handler.
        """
        word, name = self._destination.host, self._name
        lost = not isinstance(broken, Link) or broken.broken()
        broken.close()
        if not lost or not number:
            raise InternalError(f"the daemon of {name} on @{word} died, and the job's exit code with it")
        try:
            return self._back(number, since, heard), None, b""
        except Ended as ended:
            return None, dict(ended.result), ended.output

    def back(self, broken: Connection, since: int) -> Link:
        """A link to the same session in the place of one that raised Lost. Raises Ended."""
        keepalive = broken.keepalive if isinstance(broken, Link) else None
        broken.close()
        number = str(broken.welcome.get("id") or (broken.session_id if isinstance(broken, Link) else ""))
        return self._back(number, since, keepalive.heard_at if keepalive is not None else time.monotonic())

    def _back(self, number: str, since: int, heard: float) -> Link:
        word, name = self._destination.host, self._name
        self._told(f"the link to @{word} is lost; {name} goes on there, and sesh tries to come back to it")
        for pause in backoff():
            self._sleep(pause)
            try:
                through = links.back(name, word, number, since, heard)
            except (Unreachable, TimedOut):
                continue
            self._told(f"the link to @{word} stands again")
            return through
        raise Unreachable(f"@{word} did not come back; to wait on: sesh @{word} --wait {name} --exit")


def begun(through: Link, argv: list[str], presses: Presses) -> tuple[str, str, Link]:
    """Has the far end of a link carry out a line that begins a job: its name, what was said of it, a link to it.

    The session bears an id that was chosen here: a link that is lost before the answer is opened anew, and what has
    begun is found again and not begun twice. Raises Ended (with the name in it) where it has ended meanwhile.
    """
    destination = through.destination
    words: dict[str, Any] = {"argv": argv, "asks": False, "answers": []}
    if "session_id" in (through.remote_info.get("can") or ()):
        words["session_id"] = os.urandom(8).hex()
    while True:
        try:
            answer, output = through.open_session("enter", **words)
        except Lost:
            through.close()
            if "session_id" not in words:
                raise
            printing.note(
                f"the link to @{destination.host} is lost before the job was seen to begin; sesh tries to come back"
            )
            through = _impatiently(destination, presses)
            continue
        except BaseException:
            through.close()
            raise
        if "result" in answer:
            through.close()
            raise Ended(str(answer["name"]), answer["result"], output)
        return str(answer["name"]), str(answer.get("notes") or ""), through


def _impatiently(destination: Destination, presses: Presses) -> Link:
    """The same as `opened_again`; Ctrl-C stops the trying."""

    def stop(_number: int) -> None:
        raise Interrupted(f"whether the job began is not known; to see: sesh @{destination.host}")

    before, presses.away = presses.away, stop
    try:
        return opened_again(destination)
    finally:
        presses.away = before


def opened_again(destination: Destination) -> Link:
    """A link in the place of one that was lost, tried for until it stands."""
    for pause in backoff():
        time.sleep(pause)
        link.drop_master(destination)
        try:
            return links.opened(destination, ask=False)
        except (Unreachable, TimedOut):
            continue
    raise Unreachable(f"@{destination.host} did not come back; see: sesh @{destination.host}")
