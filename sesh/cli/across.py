"""Verbs that go on for a while with one session of another host: carried out on this side, they outlast the link.

`--wait`, `--run`, `--events` and `--logs -f` speak to the daemon over there themselves. What they cannot do so (no such
session, words that are wrong) is left to the sesh over there, which says it.
"""

from __future__ import annotations

from sesh.cli import far, reach, words
from sesh.cli.mender import Mender
from sesh.cli.way import Way
from sesh.errors import ExitCode, SeshError
from sesh.keepalive import Keepalive
from sesh.remote.ssh.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.remote.ssh.destination import Destination
    from sesh.wire import Connection

VERBS = ("--wait", "--run", "--events", "--logs")


class Across(Way):
    """The way to one session of a host, over a link that has been led there."""

    heals = True

    def __init__(self, destination: Destination, name: str, through: Link, mender: Mender | None = None) -> None:
        self._through = through
        self._word = destination.word
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


def wanted(line: words.Line) -> bool:
    """Whether a line is carried out so."""
    given = words.parse(line) if line.verb in VERBS else None
    return given is not None and "name" in given and "log" not in given and (line.verb != "--logs" or "follow" in given)


def run(line: words.Line, destination: Destination, other: Callable[[Link], int]) -> int:
    """Carries out a line that is `wanted`; the exit code. `other` has the other side do it, over the link."""
    try:
        return _run(line, destination, other)
    except SeshError as error:
        if line.verb == "--run" and error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.SESH_FAILED
        raise


def _run(line: words.Line, destination: Destination, other: Callable[[Link], int]) -> int:
    given = words.parse(line) or {}
    name = str(given["name"])
    with reach.opened(destination, offer=not line.json) as through:
        try:
            through.lead("connect", name=name, passing=True)
        except SeshError as error:
            if not error.answered:
                raise
            return other(through)
        far.use({"host": destination.word})  # what is said from now on is meant over there
        return _function(line.verb)(line, way=Across(destination, name, through), **given)


def _function(verb: str) -> Callable[..., int]:
    if verb == "--wait":
        from sesh.cli import waiting

        return waiting.wait
    if verb == "--run":
        from sesh.cli import shell

        return shell.run
    if verb == "--events":
        from sesh.cli import events

        return events.events
    from sesh.cli import look

    return look.logs
