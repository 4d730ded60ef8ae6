"""Command lines that begin with `@HOST`: carried out by the sesh over there, attached to from here."""

from __future__ import annotations

import os
import sys
import time

from sesh import protocol, wire
from sesh.cli import enter, job, show, words
from sesh.cli.waiter import Waiter
from sesh.client.mending import pauses
from sesh.errors import Ended, ExitCode, InternalError, Refused, SeshError, TimedOut, Unreachable
from sesh.remote import known, link, ssh, sync
from sesh.remote.destination import Destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.waiter import Found
    from sesh.config import Config
    from sesh.remote.link import Link

_STDIN = ("--send", "--import")


def run(line: words.Line, argv: list[str]) -> int:
    """Carries out a line for another host; the exit code. Raises SeshError."""
    hosts = [host for word in line.hosts for host in _settings().hosts(word)]
    if len(hosts) > 1:
        from sesh.cli import fanout

        return fanout.run(line, hosts, without_hosts(argv))
    return _one(line, without_hosts(argv), place(hosts[0]))


def found(host: str, line: words.Line) -> int:
    """Carries out a line on the host where the session that it names was found."""
    argv = [*([line.verb] if line.verb else []), *line.words, *(["--json"] if line.json else [])]
    return _one(line, argv + (["--", *line.tail] if line.tail is not None else []), place(host))


def _one(line: words.Line, argv: list[str], destination: Destination) -> int:
    """A line for one host."""
    if attaches(line):
        return _attach(line, argv, destination)
    if line.verb == "--exec" and "-d" not in line.words:
        return _job(line, argv, destination)
    if line.verb == "--kill-all" and "-y" not in line.words and show.on_terminal() and not line.json:
        argv = _asked(argv, destination)
    if line.verb in words.COMMANDED:
        _synced(destination)
    return _command(argv, destination, _input(line))


def _settings() -> Config:
    """The user's settings: groups of hosts, and remotes that are reached by another command than ssh."""
    from sesh import config

    settings = config.load()
    for warning in settings.warnings:
        show.note(str(warning))
    return settings


def place(word: str) -> Destination:
    """The host that a word means. Raises InvalidHost."""
    return Destination(word, via=_settings().remotes.get(word))


def without_hosts(argv: list[str]) -> list[str]:
    """A command line as it is meant over there: without its `@` words."""
    at = argv.index("--") if "--" in argv else len(argv)
    own = [word for word in argv[:at] if word[:1] != "@"]
    return own + argv[at:]


def attaches(line: words.Line) -> bool:
    """Whether a line ends with this terminal attached to a session."""
    if line.verb == "":
        return bool(line.words)
    return line.verb == "--attach" or (line.verb == "--new" and "-d" not in line.words and not line.json)


def near(destination: Destination) -> dict[str, Any]:
    """This machine as the sesh over there has to know it."""
    from sesh.cli import create

    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": destination.word,
        "home": os.path.expanduser("~"),
        "size": list(create.size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(destination: Destination, *, ask: bool | None = None) -> Link:
    """A link to the sesh over there."""
    through = link.open_link(destination, near(destination), ask=ask)
    known.record(destination, str(through.welcome.get("version") or ""))
    return through


def _entered(argv: list[str], destination: Destination) -> tuple[str, Link]:
    """A link that a command line has led to a session, and the session's name."""
    if "--join" not in argv:
        _synced(destination)
    through = opened(destination)
    try:
        answer, _ = through.lead("enter", argv=argv)
    except SeshError:
        through.close()
        raise
    sys.stderr.write(str(answer.get("notes") or ""))
    sys.stderr.flush()
    return str(answer["name"]), through


def _synced(destination: Destination) -> None:
    """Pushes the user's files before a session over there begins; what fails is told, and keeps nobody from it."""
    if sync.wanted():
        try:
            sync.sync(destination)
        except Unreachable:
            return  # the link that comes next meets the same, and says it
        except SeshError as error:
            show.note(str(error))


def _attach(line: words.Line, argv: list[str], destination: Destination) -> int:
    """`sesh @HOST NAME …`, `--attach`, `--new`: this terminal goes to a session over there."""
    from sesh import inside

    how = enter.Manner(**{key: True for key in enter.Manner.__slots__ if _given(line, key)})
    enter.needs_terminal("NAME")
    here = inside.current()
    if here is not None:
        name, through = _entered(argv, destination)
        through.close()
        return enter.switch(here, name, destination.word)
    options = how.options()
    name, through = _entered(argv, destination)
    from sesh.client.attach import attach

    return enter.code(attach(through, name, host=destination.word, options=options, open=enter.reopened, again=again))


def _given(line: words.Line, key: str) -> bool:
    options = words.OPTIONS[line.verb]
    return any(options.get(word, ("",))[0] == key for word in line.words)


def again(name: str, host: str, number: str) -> wire.Connection:
    """A new connection to a session after its link was lost. Raises Ended where it has ended meanwhile."""
    destination = place(host)
    ssh.forget(destination)
    through = opened(destination, ask=False)
    try:
        deadline = time.monotonic() + link.PATIENCE
        answer, output = through.lead("connect", deadline=deadline, name=name, session_id=number)
    except SeshError:
        through.close()
        raise
    if "result" in answer:
        through.close()
        raise Ended(f"{name} has ended", answer["result"], output)
    return through


def reopened(name: str, host: str) -> wire.Connection:
    """The connection for a client that goes to another session."""
    through = opened(place(host))
    try:
        through.lead("connect", name=name)
    except SeshError:
        through.close()
        raise
    return through


def _job(line: words.Line, argv: list[str], destination: Destination) -> int:
    """`sesh @HOST --exec …`: the job runs over there, the waiting is done here, and outlasts the link."""
    try:
        given = words.parse(line) or {}
        name, through = _entered(argv, destination)
        waiter = Waiter(through, name, tie=given.get("tie", False), again=Mender(destination, name))
        follow, printed = given.get("follow", False), given.get("printed", False)
        return job.waited(line, waiter, follow=follow, printed=printed, host=destination.word)
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED and error.code != "refused":
            error.exit_code = ExitCode.SESH_FAILED
        raise


class Mender:
    """Gets a job's waiter back to it when the link is lost: again and again, at growing intervals."""

    def __init__(self, destination: Destination, name: str) -> None:
        self._destination, self._name = destination, name

    def __call__(self, broken: wire.Connection, number: str) -> Found:
        """A new connection to the session, or its result. Raises InternalError where it was not the link that broke."""
        word, name = self._destination.word, self._name
        lost = not isinstance(broken, link.Link) or broken.broken()
        broken.close()
        if not lost or not number:
            raise InternalError(f"the daemon of {name} on @{word} died, and the job's exit code with it")
        show.note(f"the link to @{word} is lost; {name} goes on there, and sesh tries to come back to it")
        for pause in pauses():
            time.sleep(pause)
            try:
                through = again(name, word, number)
            except (Unreachable, TimedOut):
                continue
            except Ended as ended:
                return None, dict(ended.result), ended.output
            show.note(f"the link to @{word} stands again")
            return through, None, b""
        raise Unreachable(f"@{word} did not come back; to wait on: sesh @{word} --wait {name} --exit")


def _command(argv: list[str], destination: Destination, data: bytes) -> int:
    """Any other line: run over there, its output and exit code passed on."""
    with opened(destination) as through:
        through.send(wire.asking("command", 1, data, argv=argv))
        while True:
            kind, payload = through.receive()
            if kind == protocol.OUTPUT:
                number, block = protocol.split_number(payload)
                show.write(block, show.STDERR if number == show.STDERR else show.STDOUT)
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if "error" in answer:
                    raise wire.failure(answer["error"])
                return int(answer["exit_code"])


def _input(line: words.Line) -> bytes:
    """What stdin holds, for the verbs whose words ask for it."""
    wanted = line.verb in _STDIN and "-" in [*line.words, *(line.tail or [])]
    return sys.stdin.buffer.read() if wanted else b""


def _asked(argv: list[str], destination: Destination) -> list[str]:
    """`--kill-all` with the person's consent, which nobody over there can be asked for."""
    sessions = link.request(destination, "summaries", near(destination), patience=10)["sessions"]
    if sessions:
        names = ", ".join(str(each["name"]) for each in sessions)
        if (
            show.ask(f"end {len(sessions)} sessions on @{destination.word} ({names})? (Y)es, (N)o [N]", "yn", "n")
            != "y"
        ):
            raise Refused("nothing was done")
    return [argv[0], "-y", *argv[1:]]
