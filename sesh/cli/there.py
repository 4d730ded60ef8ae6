"""Command lines that begin with `@HOST`: carried out by the sesh over there, attached to from here."""

from __future__ import annotations

import os
import sys
import time

from sesh import paths, protocol, wire
from sesh.cli import enter, job, parser, printing, prompts, settings
from sesh.errors import Ended, ExitCode, Refused, SeshError, TimedOut, Unreachable, rebuild
from sesh.keepalive import Keepalive
from sesh.ops import links, remote_route
from sesh.ops.interrupts import Presses
from sesh.ops.remote_route import Mender, begun, opened_again
from sesh.ops.stdin_forwarder import Feeding
from sesh.ops.waiter import Waiter
from sesh.remote import eventlog
from sesh.remote.ssh import link
from sesh.remote.sync import sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import Link

_STDIN = ("--send", "--import")
_CREATING = ("--open", "--new", "--exec")


def run(line: parser.Line) -> int:
    """Carries out a line for another host; the exit code. Raises SeshError."""
    hosts = settings.loaded().hosts_of(line.hosts)
    if len(hosts) > 1:
        from sesh.cli import fanout

        return fanout.run(line, hosts, spelled(line))
    return _one(line, spelled(line), links.place(hosts[0]))


def found(line: parser.Line) -> int:
    """Carries out a line on the one host that it names."""
    return _one(line, spelled(line), links.place(line.hosts[0]))


def spelled(line: parser.Line) -> list[str]:
    """A line as words again, as it is meant over there: without its hosts, JSON asked for where it was here."""
    argv = [*([line.verb] if line.verb else []), *line.words, *(["--json"] if line.json else [])]
    return argv + (["--", *line.tail] if line.tail is not None else [])


def _one(line: parser.Line, argv: list[str], destination: Destination) -> int:
    """A line for one host."""
    # Without a terminal, or with words that are wrong, it is the sesh over there that says so.
    if attaches(line) and printing.on_terminal() and parser.parse(line) is not None:
        return _attach(line, argv, destination)
    if line.verb == "--exec" and "-d" not in line.words:
        return _job(line, argv, destination)
    if line.verb == "--kill-all" and "-y" not in line.words and printing.on_terminal() and not line.json:
        argv = _asked(argv, destination)
    if line.verb in _CREATING:
        synced(destination)
    if not line.json and os.isatty(printing.STDOUT) and (line.verb == "--list" or not (line.verb or line.words)):
        return _listed(argv, destination)
    if remote_route.wanted(line):
        return remote_route.run(line, destination, lambda through: _carried(through, argv, b""))
    if line.verb == "--events":
        return _lasting(line, argv, destination)
    return _command(line, argv, destination)


def _listed(argv: list[str], destination: Destination) -> int:
    """The list of the sessions over there, as it fits the terminal here."""
    said = bytearray()
    with links.opened(destination, offer=True) as through:
        code = carried_out(
            through,
            [*argv, "--json"],
            b"",
            lambda number, block: said.extend(block) if number == printing.STDOUT else printing.write(block, number),
        )
    import json

    from sesh.ops import view

    answer = json.loads(said)
    if isinstance(answer, dict):
        raise rebuild(answer.get("error"))
    view.print_(answer)
    return code


def attaches(line: parser.Line) -> bool:
    """Whether a line ends with this terminal attached to a session."""
    if line.verb == "":
        return bool(line.words)
    return line.verb == "--attach" or (line.verb == "--new" and "-d" not in line.words and not line.json)


def _entered(line: parser.Line, argv: list[str], destination: Destination) -> tuple[str, Link]:
    """A link that a command line has led to a session, and the session's name; questions are asked here."""
    if "--join" not in argv:
        synced(destination)
    through = links.opened(destination, offer=not line.json)
    asks = printing.on_terminal() and not line.json
    answers: list[str] = []
    try:
        while True:
            answer, _ = through.open_session("enter", argv=argv, asks=asks, answers=answers)
            if "question" not in answer:
                break
            answers.append(_answered(answer))
    except BaseException:
        through.close()
        raise
    printing.write(printing.encoded(str(answer.get("notes") or "")), printing.STDERR)
    return str(answer["name"]), through


def _answered(question: dict[str, Any]) -> str:
    """The answer of the person at this terminal to what the sesh over there has to know."""
    letters, labels = str(question.get("letters")), question.get("labels")
    if not isinstance(labels, list) or len(labels) != len(letters):
        labels = [letter.upper() for letter in letters]
    answers = [(letter, printing.plain(label)) for letter, label in zip(letters, labels, strict=True)]
    text = printing.plain(question.get("about") or question["question"])
    return prompts.ask(text, answers, str(question.get("default")))


def synced(destination: Destination) -> None:
    """Pushes the user's files before a session over there begins; what fails is told, and keeps nobody from it."""
    if sync.wanted():
        try:
            sync.sync(destination)
        except Unreachable:
            return  # the link that comes next meets the same, and says it
        except SeshError as error:
            printing.note(str(error))


def _attach(line: parser.Line, argv: list[str], destination: Destination) -> int:
    """`sesh @HOST NAME …`, `--attach`, `--new`: this terminal goes to a session over there."""
    from sesh.store import listing

    how = enter.Manner(**{key: True for key in enter.Manner.__slots__ if _given(line, key)})
    here = listing.current()
    enter.check_switch(here, how, line.words[-1] if line.words else "", destination.host)
    options = how.options()
    name, through = _entered(line, argv, destination)
    if here is not None:
        through.close()
        return enter.switch(here, name, destination.host)
    from sesh.client.attach import attach

    host = destination.host
    paths.remember(name, host)
    eventlog.log("connect", host=host, session=name)
    options.first_notice = printing.greeting()
    outcome = attach(through, name, host=host, options=options, connect=enter.reopened, reconnect=enter.reconnect)
    eventlog.log("disconnect", host=outcome.host or host, session=outcome.name, reason=outcome.kind)
    return enter.code(outcome)


def _given(line: parser.Line, key: str) -> bool:
    options = parser.OPTIONS[line.verb]
    return any(options.get(word, ("",))[0] == key for word in line.words)


def _job(line: parser.Line, argv: list[str], destination: Destination) -> int:
    """`sesh @HOST --exec …`: the job runs over there, the waiting is done here, and outlasts the link."""
    given, host = parser.parse(line) or {}, destination.host
    follow, printed = given.get("follow", False), given.get("printed", False)
    left = f"whether the job began is not known; to see: sesh @{host}"
    try:
        synced(destination)
        through = links.opened(destination, offer=not line.json)
        with Presses(tie=given.get("tie", False), left=left) as presses:
            name, notes, through = begun(through, argv, presses)
            printing.write(printing.encoded(notes), printing.STDERR)
            mender = Mender(destination, name)
            feeding = Feeding(mends=True) if given.get("stdin") else None
            waiter = Waiter(through, name, presses, host=host, number=through.session_id, again=mender, feeding=feeding)
            return job.waited(line, waiter, follow=follow, printed=printed, host=host)
    except Ended as ended:
        return job.found(line, str(ended), ended, follow=follow, printed=printed, host=host)
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED and error.code != "refused":
            error.exit_code = ExitCode.SESH_FAILED
        raise


def answered(host: str, argv: list[str], data: bytes = b"", *, ask: bool | None = False) -> dict[str, Any]:
    """What a line answers in JSON on a host, where its stdin holds `data`.

    `ask`: whether ssh may prompt; None where a person sits there. Raises the error that it answers, Unreachable.
    """
    said = bytearray()
    with links.opened(links.place(host), ask=ask) as through:
        carried_out(
            through,
            ["--json", *argv],
            data,
            lambda number, block: said.extend(block if number == printing.STDOUT else b""),
        )
    answer = protocol.parse(bytes(said))
    if "error" in answer:
        raise rebuild(answer["error"])
    return answer


def _command(line: parser.Line, argv: list[str], destination: Destination) -> int:
    """Any other line: run over there, its output and exit code passed on."""
    data = _input(line)
    with links.opened(destination, offer=not line.json) as through:
        return _carried(through, argv, data)


def _lasting(line: parser.Line, argv: list[str], destination: Destination) -> int:
    """A line without an end, begun anew when its link is lost: the events of all sessions over there."""
    through = links.opened(destination, offer=not line.json)
    while True:
        with through:
            try:
                return _carried(through, argv, b"")
            except Unreachable as error:
                if error.answered or not through.broken():
                    raise
        printing.note(
            f"the link to @{destination.host} is lost; sesh tries to come back, what happens meanwhile is not told"
        )
        through = opened_again(destination)
        printing.note(f"the link to @{destination.host} stands again")


def _carried(through: Link, argv: list[str], data: bytes) -> int:
    """Has the other side run a line, its output passed on; the exit code."""
    return carried_out(through, argv, data, lambda number, block: printing.write(block, number))


def carried_out(through: Link, argv: list[str], data: bytes, take: Callable[[int, bytes], None]) -> int:
    """Has the other side run a line; `take` gets its output, by descriptor. The exit code."""
    through.send(wire.asking("command", 1, data, argv=argv))
    for kind, payload in heard(through):
        if kind == protocol.OUTPUT:
            number, block = protocol.split_number(payload)
            take(printing.STDERR if number == printing.STDERR else printing.STDOUT, block)
        elif kind == protocol.RESPONSE:
            answer = protocol.parse(payload)
            if "error" in answer:
                raise rebuild(answer["error"])
            return int(answer["exit_code"])
    raise Unreachable(f"the link to @{through.destination.host} is lost")


def heard(through: Link) -> Iterator[tuple[int, bytes]]:
    """The frames that come, for as long as the other side is there. Raises Unreachable where it is not."""
    keepalive = Keepalive(enabled=True)
    lost = f"the link to @{through.destination.host} is lost, and with it what it would have answered"
    while True:
        try:
            yield through.receive(keepalive.due)
            keepalive.heard()
        except TimedOut:
            if not keepalive.check(time.monotonic()):
                raise Unreachable(lost) from None
            _asked_for_life(through)
        except Unreachable:
            raise Unreachable(lost) from None


def _asked_for_life(through: Link) -> None:
    """Sends a PING; where nobody reads any more, what was said before that is still to come."""
    try:
        through.send(protocol.frame(protocol.PING), time.monotonic() + 1)
    except (TimedOut, Unreachable):
        return


def _input(line: parser.Line) -> bytes:
    """What stdin holds, for the verbs whose words ask for it."""
    wanted = line.verb in _STDIN and "-" in [*line.words, *(line.tail or [])]
    return sys.stdin.buffer.read() if wanted else b""


def _asked(argv: list[str], destination: Destination) -> list[str]:
    """`--kill-all` with the person's consent, which nobody over there can be asked for."""
    sessions = link.request(destination, "summaries", links.near(destination), timeout=10)["sessions"]
    if sessions:
        names = ", ".join(str(each["name"]) for each in sessions)
        question = f"end {len(sessions)} sessions on @{destination.host} ({printing.plain(names)})?"
        if prompts.ask(question, prompts.YES_NO, "n") != "y":
            raise Refused("nothing was done")
    return [argv[0], "-y", *argv[1:]]
