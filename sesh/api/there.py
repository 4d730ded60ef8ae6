"""Sessions of another host, driven through the sesh over there; nothing of it ever asks anybody anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sesh import lean, protocol
from sesh.api.here import ended as finished
from sesh.api.here import happened, ran, sought
from sesh.api.kept import Kept, untold
from sesh.api.order import Order
from sesh.api.outcome import Met, Result
from sesh.api.stop import Stop
from sesh.cli import printing
from sesh.cli import there as remote
from sesh.errors import Ended, ExitCode, Lost, NotFound, SeshError, rebuild
from sesh.ops import caller, events, links, wait
from sesh.ops.interrupts import Presses
from sesh.ops.remote_route import Mender, begun
from sesh.ops.waiter import Waiter

_LIMIT = "--timeout"


class There:
    """What a Session does on `host`: each call over a link of its own, through the shared ssh connection.

    It has no state: any number of threads may use it.
    """

    def __init__(self, host: str) -> None:
        self.host: str | None = host
        self._destination = links.place(host)

    def open(self, name: str, order: Order) -> bool:
        """Whether the session had to be created."""
        argv = ["--open", name, *([order.directory] if order.directory is not None else []), *_creating(order)]
        return bool(self._told(argv + _tail(order.command), creates=True).get("created"))

    def run(
        self, name: str, command: list[str], *, timeout: float | None, wait: bool, ansi: bool, stop: Stop
    ) -> Result:
        """A command in the live shell; a link that is lost meanwhile is mended, and the command is run but once."""
        with self._worded(runs=True), self._way(name, stop, timeout) as way:
            return ran(way, name, command, timeout=timeout, wait=wait, ansi=ansi, stop=stop)

    def exec(self, name: str | None, order: Order, stop: Stop) -> Result:
        """A command as the program of a session of its own; a link that is lost meanwhile is mended."""
        argv = _job(name, order)
        presses = Presses(tie=False, left=f"{name or 'the job'} goes on")
        try:
            with self._worded(runs=True), links.opened(self._destination, ask=False) as first:
                remote.synced(self._destination)
                with stop.by(presses.press):
                    name, _, through = begun(first, argv, presses)
                    mender, number = Mender(self._destination, name, stop.sleep, untold), through.session_id
                    with Waiter(through, name, presses, host=self.host, number=number, again=mender) as waiter:
                        told, retained = waiter.result(None, wanted=True)
        except Ended as ended:
            name, told, retained = str(ended), dict(ended.result), ended.output
        finally:
            presses.close()
        return finished(name, told, order.command, retained, self.host)

    def result(self, name: str) -> Result:
        """How the last job of that name ended."""
        return Result.told({**self._told(["--history", name, "1"]), "session": name}, self.host)

    def job(self, name: str | None, order: Order) -> str:
        """The same without waiting: the session's name."""
        argv = _job(name, order)
        return str(self._told([argv[0], "-d", *argv[1:]], creates=True)["name"])

    def send(self, name: str, text: bytes, keys: Sequence[str]) -> int | None:
        """Types; the position that a wait goes on from."""
        named = [word for key in keys for word in ("--key", key)]
        position: int | None = None
        if text or not keys:
            position = self._told(["--send", name, "--", "-"], text).get("position")
        if named:
            later = self._told(["--send", name, *named]).get("position")
            position = later if position is None else position
        return position

    def wait(self, name: str, conditions: dict[str, Any], stop: Stop) -> Met:
        """Waits for what comes first; a link that is lost meanwhile is mended."""
        words = sought(conditions)
        with self._worded():
            try:
                with self._way(name, stop, conditions["limit"]) as way, stop.by(way.cut):
                    return Met.told(wait.met(way.to(name), name, **words, again=way.again))
            except NotFound:
                pass
        return Met.told(self._told(_waiting(name, conditions)))  # it has ended: the sesh over there knows how

    def logs(self, name: str, lines: int, *, ansi: bool) -> list[str]:
        """The last lines."""
        answer = self._told(["--logs", name, str(lines), *(["--ansi"] if ansi else [])])
        return [str(line) for line in answer.get("lines") or []]

    def screen(self, name: str, form: str) -> dict[str, Any]:
        """What the screen shows."""
        answer = self._told(["--screen", name, "--format", form])
        return {key: value for key, value in answer.items() if key not in ("session", "host", "format")}

    def status(self, name: str) -> dict[str, Any]:
        """Everything known of it."""
        return {**self._told(["--status", name]), "host": self.host}

    def history(self, name: str) -> list[dict[str, Any]]:
        """The commands that were run in it."""
        rows = lean.parse_json(self._said(["--history", name]).decode())
        if isinstance(rows, dict):
            raise rebuild(rows.get("error"))
        return list(rows)

    def events(self, name: str, since: int | None, stop: Stop) -> Iterator[dict[str, Any]]:
        """What happens to it until it ends."""
        told: list[dict[str, Any]] = []
        with self._worded(), self._way(name, stop, None) as way, stop.by(way.cut):
            connection = way.to(name)
            while True:
                try:
                    for event in happened(connection, since):
                        since = int(event["seq"])
                        yield {**event, "host": self.host}
                    return
                except Lost:
                    began = connection.welcome.get("events")
                    since = since if since is not None or not isinstance(began, int) else began
                try:
                    connection = way.again(connection, 0)
                except Ended as ended:
                    events.over(name, ended, since, told.append)
                    yield from ({**event, "host": self.host} for event in told)
                    return

    def kill(self, name: str) -> None:
        """Ends it."""
        self._told(["--kill", name])

    def ask(self, name: str, verb: str, **words: Any) -> dict[str, Any]:
        """`message` and `label`."""
        if verb == "message":
            return self._told(["--message", name, "--", str(words["text"])])
        return self._told(["--label", name, *(f"{key}={value}" for key, value in words["set"].items())])

    @contextmanager
    def _way(self, name: str, stop: Stop, timeout: float | None) -> Iterator[Kept]:
        """The way to a session that must be there, closed at the end of the block."""
        through = links.opened(self._destination, ask=False)
        with through:
            through.open_session("connect", name=name, passing=True)
            way = Kept(self._destination, name, through, stop, timeout)
            with closing(way):
                yield way

    @contextmanager
    def _worded(self, *, runs: bool = False) -> Iterator[None]:
        """Errors of the sesh over there as they are right here: with the host in what is to be typed.

        `runs`: what keeps a command from being run is 125, which cannot be taken for the command's own code.
        """
        try:
            yield
        except SeshError as error:
            if runs and error.exit_code == ExitCode.FAILED:
                error.exit_code = ExitCode.SESH_FAILED
            error.args = (caller.worded(str(error), self.host),)
            raise

    def _told(
        self,
        argv: list[str],
        data: bytes = b"",
        *,
        creates: bool = False,
        stop: Stop | None = None,
        way: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """What a line answers over there in JSON. Raises the error that it answers, Unreachable."""
        answer = protocol.parse(self._said(argv, data, creates=creates, stop=stop, way=way))
        if "error" in answer:
            raise rebuild(answer["error"])
        return answer

    def _said(
        self,
        argv: list[str],
        data: bytes = b"",
        *,
        creates: bool = False,
        stop: Stop | None = None,
        way: Callable[[], object] | None = None,
    ) -> bytes:
        """What a line prints over there; `way`: how `stop` ends it, without one by cutting the link."""
        said = bytearray()

        def take(number: int, block: bytes) -> None:
            if number == printing.STDOUT:
                said.extend(block)

        with links.opened(self._destination, ask=False) as through, (stop or Stop()).by(way or through.abort):
            if creates:
                remote.synced(self._destination)
            remote.carried_out(through, ["--json", *argv], data, take)
        return bytes(said)


def _waiting(name: str, conditions: dict[str, Any]) -> list[str]:
    """The line of a wait."""
    argv = ["--wait", name, *_seconds("--idle", conditions["idle"]), *_seconds(_LIMIT, conditions["limit"])]
    argv += [word for word, key in (("--exit", "exit_"), ("--prompt", "prompt")) if conditions[key]]
    return argv + ([f"--for={conditions['pattern']}"] if conditions["pattern"] is not None else [])


def _creating(order: Order) -> list[str]:
    """The options that verbs have which create a session."""
    return [*(f"--env={each}" for each in order.env), *(f"--label={each}" for each in order.labels)]


def _job(name: str | None, order: Order) -> list[str]:
    """The line of a job."""
    argv = ["--exec", *([name] if name is not None else []), *_creating(order)]
    argv += ["-C", order.directory] if order.directory is not None else []
    argv += [*_seconds(_LIMIT, order.timeout), *(["--keep"] if order.keep else [])]
    return argv + _tail(order.command)


def _seconds(option: str, value: float | None) -> list[str]:
    return [option, f"{value:.6f}"] if value is not None else []


def _tail(command: list[str] | None) -> list[str]:
    """A command behind its `--`."""
    return ["--", *command] if command is not None else []
