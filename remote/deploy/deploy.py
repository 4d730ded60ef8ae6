"""Deploying: install this version of sesh on another host, in steps of which none breaks what was there.

Several hosts are deployed to at once: each in a thread, with a progress bar on a terminal and a line elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sesh import gate, shapes
from sesh.about import PROGRAM
from sesh.errors import Interrupted, InvalidHost, ProtocolError, Refused, SeshError, Unreachable
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, survey
from sesh.remote.deploy.carrier import connect_by_ssh, connect_by_standing
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypedDict

    from rich.progress import Progress as Bars

    from sesh.remote.deploy.carrier import Carrier
    from sesh.remote.deploy.unpack import Order
    from sesh.remote.ssh.destination import Destination
    from sesh.shapes import Shape

    Progress = Callable[[str, int, int], None]

    class Found(TypedDict, total=False):
        """Where the version lies; to `look` also whether it is whole, and what is there as `~/.local/bin/sesh`."""

        path: str
        whole: bool
        program: str

    class Failure(TypedDict):
        """Why a step failed, and what a program printed about it."""

        step: str
        reason: str
        stderr: str


STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
_BOOTSTRAP = "import sys;f=sys.stdin.buffer;exec(compile(f.read(int(f.readline())),'sesh-unpack','exec'))"
_MAX_STDERR = 4096


class DeployError(SeshError):
    """A step failed. `step`: one of STEPS; `stderr`: what was printed there about it.

    `prompt_may_help`: whether ssh could log in by asking the user. `foreign`: whether the reason is a sesh of somebody
    else's, which stays.
    """

    code = "refused"

    def __init__(
        self,
        step: str,
        message: str,
        stderr: str = "",
        *,
        code: str | None = None,
        prompt_may_help: bool = False,
        foreign: bool = False,
    ) -> None:
        super().__init__(message, code="unreachable" if step == "connect" else code)
        self.step, self.prompt_may_help, self.foreign = step, prompt_may_help, foreign
        self.stderr = stderr[-_MAX_STDERR:]


class Deployment:
    """What is installed on the host now.

    `version`: of sesh. `python`: the path of the interpreter that runs it, `python_version`. `platform`: in words.
    `path`: the version's directory. `bytes`: uploaded. `seconds`: taken. `changed`: False where all was there already.
    """

    __slots__ = ("bytes", "changed", "path", "platform", "python", "python_version", "seconds", "version")

    def __init__(self, version: str, python: survey.Python, platform: str) -> None:
        self.version, self.platform = version, platform
        self.python, self.python_version = python.path, python.version
        self.path = ""
        self.bytes, self.seconds, self.changed = 0, 0.0, False


def deploy(
    destination: Destination,
    *,
    force: bool = False,
    progress: Progress | None = None,
    carrier: Carrier | None = None,
) -> Deployment:
    """Install this sesh on a host; where it is there already, complete and in use, send nothing.

    `force`: replace a ~/.local/bin/sesh that is not ours. `progress` gets (step, done, total): bytes for the upload,
    else 0 or 1 of 1. `carrier`: a connection to use, which stays open. Raises DeployError.
    """
    began = time.monotonic()
    eventlog.log("deploy_start", host=destination.host)
    try:
        deployment = _Deploy(destination, force, progress).run(carrier)
    except DeployError as error:
        eventlog.log("deploy_failed", host=destination.host, step=error.step, stderr=error.stderr or str(error))
        raise
    deployment.seconds = time.monotonic() - began
    fields = ("version", "python", "platform", "path", "bytes", "changed")
    facts = {field: getattr(deployment, field) for field in fields}
    eventlog.log("deploy_done", host=destination.host, **facts, seconds=round(deployment.seconds, 3))
    known.record(destination, deployment.version)
    return deployment


def connect(destination: Destination, *, ask: bool = False) -> Carrier:
    """The first step: a connection over a control master that stands, else by fabric, by ssh where fabric must not or
    cannot log in, or by the host's own command. Raises DeployError, InvalidHost.

    `ask`: ssh may prompt; by itself nothing but ssh ever does.
    """
    try:
        quiet = None if ask else connect_by_standing(destination) or _connect_by_fabric(destination)
        return quiet or connect_by_ssh(destination, ask=ask)
    except InvalidHost:
        raise
    except SeshError as error:
        prompt_may_help = isinstance(error, ssh.AuthenticationFailed)
        raise DeployError("connect", str(error), prompt_may_help=prompt_may_help) from error


def _connect_by_fabric(destination: Destination) -> Carrier | None:
    if destination.via is not None or known.asks(destination):
        return None
    try:
        from sesh.remote.deploy import fabric_carrier
    except ModuleNotFoundError:
        return None  # a deployed copy has no fabric
    return fabric_carrier.connect(destination)


class _Deploy:
    """The steps of one deploy to one host."""

    def __init__(self, destination: Destination, force: bool, progress: Progress | None) -> None:
        self.destination, self.force = destination, force
        self.host = destination.host
        self.step = STEPS[0]
        self._progress = progress

    def begin(self, step: str) -> None:
        """Go on to a step; the one before it is done."""
        if step != self.step:
            self.report(1, 1)
            self.step = step
            self.report(0, 1)

    def report(self, done: int, total: int) -> None:
        if self._progress:
            self._progress(self.step, done, total)

    def run(self, carrier: Carrier | None) -> Deployment:
        self.report(0, 1)
        used = carrier or connect(self.destination)
        try:
            found = self._survey(used)
            platform = self._check_platform(found)
            python = self._choose_python(found)
            try:
                made = bundle.build(platform, python)
            except (Refused, OSError) as error:
                raise DeployError("upload", f"cannot build the package for {self.host}: {error}") from error
            deployment = Deployment(made.version, python, str(platform))
            self._install(used, made, python, deployment)
        finally:
            if carrier is None:
                used.close()
        self.report(1, 1)
        return deployment

    # -- what is there

    def _survey(self, carrier: Carrier) -> survey.Survey:
        token = secrets.token_hex(8)
        try:
            result = carrier.run(survey.command(token))
        except ProtocolError as error:
            raise DeployError("detect_platform", str(error), code=error.code) from error
        except SeshError as error:
            raise DeployError("connect", str(error)) from error
        self.begin("detect_platform")
        found = survey.parse(result.out, token)
        if found is None:
            last = _last_line(result.err) or _last_line(result.out) or "it printed nothing"
            if carrier.name == "via" and token not in result.out:
                raise DeployError("connect", f"cannot reach {self.host}: {last}", result.err)
            message = f"{self.host} does not answer as a POSIX system (exit {result.code}): {last}"
            raise DeployError("detect_platform", message, result.err)
        return found

    def _check_platform(self, found: survey.Survey) -> survey.Platform:
        platform = found.platform
        if platform.system not in survey.SYSTEMS:
            system = platform.system or "an unknown system"
            raise DeployError("detect_platform", f"{self.host} runs {system}; sesh runs on Linux and macOS")
        return platform

    def _choose_python(self, found: survey.Survey) -> survey.Python:
        """The interpreter to run sesh: one for which nothing must be fetched, of the system's, the newest."""
        self.begin("python")
        if not found.pythons:
            names = "; ".join(found.unsuitable[:4])
            others = f"only {names}" if names else "none at all"
            oldest = ".".join(str(part) for part in survey.OLDEST)
            raise DeployError(
                "python", f"{self.host} has no Python {oldest} or newer ({others}); install python3 there"
            )

        def rank(python: survey.Python) -> tuple[bool, bool, tuple[int, ...]]:
            system = python.path.startswith(("/usr/", "/opt/", "/bin/"))
            return bundle.is_native(found.platform, python), system, python.minor

        return max(found.pythons, key=rank)

    # -- what is installed

    def _install(self, carrier: Carrier, made: bundle.Bundle, python: survey.Python, deployment: Deployment) -> None:
        """Look what is missing there, and send it."""
        order: Order = {
            "name": made.name,
            "version": made.version,
            "manifest": made.hash,
            "python": python.path,
            "program": PROGRAM,
            "force": self.force,
        }
        found = self._execute(carrier, python, {**order, "action": "look"}, _FOUND)
        deployment.path = found["path"]
        if found["whole"] and found["program"] == "current":
            return
        if found["program"] == "foreign" and not self.force:
            message = f"~/.local/bin/{PROGRAM} on {self.host} was not installed by sesh and stays; --force replaces it"
            raise DeployError("switch", message, foreign=True)
        if found["whole"]:
            self._execute(carrier, python, {**order, "action": "switch"}, _PLACE)
        else:
            archive = made.packed()
            deployment.bytes = len(archive)
            self.begin("upload")
            order |= {"size": len(archive), "unpacked": made.size, "sha256": hashlib.sha256(archive).hexdigest()}
            self._execute(carrier, python, {**order, "action": "install"}, _PLACE, archive)
        deployment.changed = True

    def _execute(
        self, carrier: Carrier, python: survey.Python, order: Order, shape: Shape, archive: bytes = b""
    ) -> Found:
        """Have unpack.py carry out an order there; its answer, of this shape.

        Raises DeployError with the step that failed.
        """
        token = secrets.token_hex(8)
        text = json.dumps({**order, "token": token}).encode()
        program = _unpack_source()
        head = b"%d\n%s%d\n%s" % (len(program), program, len(text), text)

        def on_sent(count: int) -> None:
            if archive and self.step == "upload":
                self.report(max(0, count - len(head)), len(archive))

        parser = _AnswerParser(token, shape, self.begin)
        try:
            result = carrier.run(survey.python_command(python, _BOOTSTRAP), head + archive, on_sent, parser.feed)
        except ProtocolError as error:
            raise DeployError(self.step, f"{self.host}: {error.message}", code=error.code) from error
        except Unreachable as error:
            raise DeployError(self.step, f"the connection was lost: {error}") from error
        if parser.failed:
            failed = parser.failed
            reason = survey.shown(failed["reason"])
            raise DeployError(failed["step"], f"{self.host}: {reason}", failed["stderr"] or result.err)
        if parser.done is None:
            last = _last_line(result.err) or "it printed nothing"
            message = f"{python.path} on {self.host} ended with {result.code}: {last}"
            raise DeployError(self.step, message, result.err)
        return parser.done


_STEP = shapes.choice(*STEPS)
_FAILED = shapes.table({"step": _STEP, "reason": shapes.line, "stderr": shapes.text}, ("step", "reason", "stderr"))
_PLACE = shapes.table({"path": shapes.line}, ("path",))
_FOUND = shapes.table({"path": shapes.line, "whole": shapes.flag, "program": shapes.line}, ("path", "whole", "program"))
"""What unpack.py answers: why it failed; where the version lies; that, and what is there already."""


class _AnswerParser:
    """Picks the lines of unpack.py, which begin with a token, out of what a host prints, as they come.

    `shape`: of what is done. `feed` raises ProtocolError for a line that is malformed.
    """

    def __init__(self, token: str, shape: Shape, begin: Callable[[str], None]) -> None:
        self._token, self._begin = f"{token} ".encode(), begin
        self._shape = shapes.table({"step": _STEP, "failed": _FAILED, "done": shape})
        self._rest = b""
        self.failed: Failure | None = None
        self.done: Found | None = None

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            _, token, text = line.partition(self._token)
            if not token:
                continue
            answer = gate.checked(self._shape, gate.value(text), "the answer", shapes.Check(far=True))
            if "step" in answer:
                self._begin(answer["step"])
            self.failed, self.done = answer.get("failed", self.failed), answer.get("done", self.done)


def _unpack_source() -> bytes:
    """The source of unpack.py, which runs on the host."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "unpack.py"), "rb") as file:
        return file.read()


def _last_line(text: str) -> str:
    """The last line that is not blank, as it may be shown."""
    return next(filter(None, map(survey.shown, reversed(text.splitlines()))), "")


MAX_AT_ONCE = 16
_STDERR = 2


class HostResult:
    """The result for one host: its `deployment`, or the `error`."""

    __slots__ = ("deployment", "destination", "error")

    def __init__(
        self, destination: Destination, deployment: Deployment | None = None, error: SeshError | None = None
    ) -> None:
        self.destination, self.deployment, self.error = destination, deployment, error

    def __str__(self) -> str:
        return f"{self.destination.host} {self.verdict}"

    @property
    def verdict(self) -> str:
        """The result in words that follow the host."""
        done, host = self.deployment, self.destination.host
        if done is None:
            step = f" ({self.error.step})" if isinstance(self.error, DeployError) else ""
            reason = str(self.error)
            for beginning in (f"{host}: ", f"{host} ", f"cannot reach {host}: "):
                reason = reason.removeprefix(beginning)
            return f"failed{step}: {reason}"
        if not done.changed:
            return f"has sesh {done.version} already"
        size = f"{done.bytes / 1e6:.1f} MB, " if done.bytes else ""
        return f"has sesh {done.version} now, by Python {done.python_version} ({size}{done.seconds:.1f} s)"


def deploy_all(
    destinations: Sequence[Destination], *, force: bool = False, bars: bool | None = None, ask: bool | None = None
) -> list[HostResult]:
    """Deploy to several hosts in parallel; the results in their order. A failure on one stops no other.

    `bars`: a progress bar for each on stderr; None: where that is a terminal and no program reads the events. Without
    bars each host gets a line when it is done, or when it failed. `ask`: whether ssh may prompt; None: where there is a
    terminal. Hosts that must ask are connected one after the other, before the bars are drawn.
    """
    ask = ssh.can_prompt() if ask is None else ask
    bars = os.isatty(_STDERR) and not eventlog.wanted() if bars is None else bars
    carriers = _connect_all(destinations, ask)
    report = _BarReport(destinations) if bars else _LineReport()
    stop = threading.Event()

    def deploy_one(index: int) -> HostResult:
        report_progress = report.progress(index)

        def progress(step: str, done: int, total: int) -> None:
            if stop.is_set():
                raise Interrupted("interrupted")
            report_progress(step, done, total)

        result = _deploy_one(destinations[index], carriers[index], force, progress)
        report.finish(index, result)
        return result

    with report, ThreadPoolExecutor(min(MAX_AT_ONCE, max(1, len(destinations)))) as pool:
        futures = [pool.submit(deploy_one, index) for index in range(len(destinations))]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stop.set()  # and closing the connections ends what waits for a host
            raise
        finally:
            _close_all(carriers)


def _deploy_one(destination: Destination, carrier: Carrier | SeshError, force: bool, progress: Progress) -> HostResult:
    if isinstance(carrier, SeshError):
        eventlog.log("deploy_start", host=destination.host)
        eventlog.log("deploy_failed", host=destination.host, step=STEPS[0], stderr=str(carrier))
        return HostResult(destination, error=carrier)
    try:
        return HostResult(destination, deploy(destination, force=force, progress=progress, carrier=carrier))
    except SeshError as error:
        return HostResult(destination, error=error)


def _connect_all(destinations: Sequence[Destination], ask: bool) -> list[Carrier | SeshError]:
    """Connect to all hosts: first in parallel without prompts, then one by one where a prompt of ssh's may help."""

    def connect_quietly(destination: Destination) -> Carrier | SeshError:
        try:
            return connect(destination)
        except SeshError as error:
            return error

    with ThreadPoolExecutor(min(MAX_AT_ONCE, max(1, len(destinations)))) as pool:
        carriers = list(pool.map(connect_quietly, destinations))
    for index, (destination, carrier) in enumerate(zip(destinations, carriers, strict=True)):
        if ask and isinstance(carrier, DeployError) and carrier.prompt_may_help:
            eventlog.prose(f"{destination.host} asks you to log in")  # ssh's own prompt may name an address alone
            try:
                carriers[index] = connect(destination, ask=True)
            except SeshError as error:
                carriers[index] = error
            except BaseException:
                _close_all(carriers)
                raise
    return carriers


def _close_all(carriers: Sequence[Carrier | SeshError]) -> None:
    for carrier in carriers:
        if not isinstance(carrier, SeshError):
            carrier.close()


class _LineReport:
    """A line for each host when it is done; only for those that failed where a program reads the events."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, *_: object) -> None:
        """Nothing to clean up."""

    def progress(self, _index: int) -> Progress:
        return lambda _step, _done, _total: None

    def finish(self, _index: int, result: HostResult) -> None:
        eventlog.prose(str(result), failed=result.error is not None)


class _BarReport(_LineReport):
    """A bar for each host: the steps, and within the upload its bytes."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        host, step = TextColumn("{task.fields[host]}", markup=False), TextColumn("{task.description}", markup=False)
        columns = (host, BarColumn(), step)
        self._bars: Bars = Progress(*columns, console=Console(stderr=True, highlight=False))
        self._tasks = [self._bars.add_task("connect", total=len(STEPS), host=each.host) for each in destinations]

    def __enter__(self) -> None:
        self._bars.start()

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def progress(self, index: int) -> Progress:
        def update(step: str, done: int, total: int) -> None:
            share = done / total if total else 1.0
            text = f"{step} {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total > 1 else step.replace("_", " ")
            self._bars.update(self._tasks[index], completed=STEPS.index(step) + share, description=text)

        return update

    def finish(self, index: int, result: HostResult) -> None:
        completed = len(STEPS) if result.error is None else None
        verdict = survey.shown(result.verdict)
        self._bars.update(self._tasks[index], completed=completed, description=verdict, refresh=True)
