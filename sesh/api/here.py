"""Sessions of this machine, driven over their daemons' own connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

from sesh import protocol, wire
from sesh.api.order import Order
from sesh.api.outcome import Met, Result
from sesh.api.stop import Stop, cut
from sesh.cli import enter
from sesh.errors import ExitCode, NotFound, SeshError, Unreachable, rebuild
from sesh.ops import create, find, send, sessions, shell, view, wait
from sesh.ops.interrupts import Presses
from sesh.ops.route import HERE, Way
from sesh.ops.waiter import Waiter
from sesh.store import results

_births = Lock()
"""Held while a session is created, which changes what belongs to the whole process (its umask) for a moment."""


class Here:
    """What a Session does on this machine. It has no state: any number of threads may use it."""

    host: str | None = None

    def open(self, name: str, order: Order) -> bool:
        """Whether the session had to be created."""
        with _births:
            return enter.opened(name, order.directory, order.command, env=order.env, label=order.labels)

    def run(
        self, name: str, command: list[str], *, timeout: float | None, wait: bool, ansi: bool, stop: Stop
    ) -> Result:
        """A command in the live shell."""
        return ran(HERE, name, command, timeout=timeout, wait=wait, ansi=ansi, stop=stop)

    def exec(self, name: str | None, order: Order, stop: Stop) -> Result:
        """A command as the program of a session of its own."""
        try:
            name, connection = _begun(name, order)
            presses = Presses(tie=False, left=f"{name} goes on")
            with Waiter(connection, name, presses) as waiter, stop.by(presses.press):
                told, retained = waiter.result(None, wanted=True)
        except SeshError as error:
            if error.exit_code == ExitCode.FAILED:
                error.exit_code = ExitCode.SESH_FAILED
            raise
        return ended(name, told, order.command, retained, None)

    def result(self, name: str) -> Result:
        """How the last job of that name ended."""
        kept = results.newest(name)
        if kept is None or not kept.get("job"):
            raise NotFound(f"nothing is known of a job {name}", hint="`$sesh` lists what there is")
        return ended(name, kept, kept.get("command"), results.output(kept), None)

    def job(self, name: str | None, order: Order) -> str:
        """The same without waiting: the session's name."""
        name, connection = _begun(name, order)
        connection.close()
        return name

    def send(self, name: str, text: bytes, keys: Sequence[str]) -> int | None:
        """Types; the position that a wait goes on from."""
        return send.typed(name, text, keys)[1]

    def wait(self, name: str, conditions: dict[str, Any], stop: Stop) -> Met:
        """Waits for what comes first; also for the end of a session that has ended already."""
        words = sought(conditions)
        try:
            with find.required(name) as connection, stop.by(lambda: cut(connection.inbound)):
                return Met.told(wait.met(connection, name, **words))
        except (NotFound, Unreachable):  # it has ended, before it was asked or just then
            others = conditions["prompt"] or conditions["idle"] is not None or conditions["pattern"] is not None
            told = wait.ended(name) if conditions["exit_"] or not others else None
            if told is None:
                raise
            return Met.told(told)

    def logs(self, name: str, lines: int, *, ansi: bool) -> list[str]:
        """The last lines."""
        return view.tail(name, lines, ansi=ansi)

    def screen(self, name: str, form: str) -> dict[str, Any]:
        """What the screen shows."""
        return view.depicted(name, form)

    def status(self, name: str) -> dict[str, Any]:
        """Everything known of it."""
        return {**view.known(name), "host": None}

    def history(self, name: str) -> list[dict[str, Any]]:
        """The commands that were run in it."""
        return shell.past(name)

    def events(self, name: str, since: int | None, stop: Stop) -> Iterator[dict[str, Any]]:
        """What happens to it until it ends."""
        with find.required(name) as connection, stop.by(lambda: cut(connection.inbound)):
            for event in happened(connection, since):
                yield {**event, "host": None}

    def kill(self, name: str) -> None:
        """Ends it."""
        for error in sessions.end_all([name]).values():
            raise error

    def ask(self, name: str, verb: str, **words: Any) -> dict[str, Any]:
        """Any other question to the session's daemon."""
        return find.ask(name, verb, **words)[0]


def _begun(name: str | None, order: Order) -> tuple[str, wire.Connection]:
    what = create.order(directory=order.directory, command=order.command, env=order.env, label=order.labels)
    what |= {"job": True, "keep": order.keep, "timeout": order.timeout, "stdin": False}
    with _births:
        return create.start_numbered(what) if name is None else (name, create.start(what, name))


def ran(
    way: Way, name: str, command: list[str], *, timeout: float | None, wait: bool, ansi: bool, stop: Stop
) -> Result:
    """A command in the live shell that a way leads to."""

    def answer(connection: wire.Connection, _name: str) -> tuple[dict[str, Any], bytes]:
        with stop.by(lambda: shell.interrupt(connection)):
            try:
                return connection.answer(shell.RUN)
            except KeyboardInterrupt:
                shell.interrupt(connection)
                raise

    told, output = shell.ran(name, command, timeout, wait=wait, answer=answer, way=way)
    data = output if ansi else shell.plain(output)
    return Result.of({**told, "session": name, "command": command}, data, way.host)


def ended(name: str, told: dict[str, Any], command: object, retained: bytes, host: str | None) -> Result:
    """The result of a job, by its daemon's account and the bytes that its terminal got."""
    code = ExitCode.TIMED_OUT if told.get("timed_out") else told["exit_code"]
    facts = {**told, "session": name, "command": command, "exit_code": code}
    return Result.of(facts, retained.replace(b"\r\n", b"\n"), host)


def sought(conditions: dict[str, Any]) -> dict[str, Any]:
    """The conditions of a wait as `waiting.met` takes them. Raises UsageError for a pattern that is none."""
    pattern, since = conditions["pattern"], conditions["since"]
    search = wait.compiled(pattern) if pattern is not None else None
    among = {key: conditions[key] for key in ("exit_", "prompt", "idle", "limit")}
    return {**among, "search": search, "begin": since if since is not None else "sent"}


def happened(connection: wire.Connection, since: int | None) -> Iterator[dict[str, Any]]:
    """The events that come over a connection, until the session ends."""
    connection.send(wire.greeting("request") + wire.asking("events", 1, since=since))
    connection.expect_welcome()
    while True:
        kind, payload = connection.receive()
        if kind == protocol.DATA:
            yield protocol.parse(payload)
        elif kind == protocol.RESPONSE:
            if "error" in (answer := protocol.parse(payload)):
                raise rebuild(answer["error"])
            return
