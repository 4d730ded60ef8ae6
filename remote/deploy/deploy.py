"""Deploying to one host: install this version of sesh, in steps that each leave in service what was in service."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypedDict

from sesh import check, protocol
from sesh.about import PROGRAM, __version__
from sesh.errors import InvalidHost, ProtocolError, Refused, SeshError, Unreachable, malformed
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install, survey
from sesh.remote.deploy.carrier import Carrier, CommandResult, connect_by_master, connect_by_ssh
from sesh.remote.deploy.install import Order, Trial
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.starting import login_files_hint
from sesh.remote.ssh.words import AuthenticationFailed
from sesh.stop import Stop

Progress = Callable[[str, int, int], None]
"""Called with a step, and how much of it is done: bytes of the upload, else 0 or 1 of 1."""
SYSTEMS = ("Linux", "Darwin")
STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
TRIALS: list[Trial] = [
    (0, f"{PROGRAM} {__version__}\n", ["--version"]),
    (0, "it works\n", ["--exec", "--print", "--", "echo", "it works"]),
    (0, "", ["--open", "smoke", "--", "sleep", "60"]),
    (0, "", ["--local", "--screen", "smoke"]),
    (0, "", ["--local", "--kill", "smoke"]),
]
"""The smoke test: each part of sesh that could fail on the host is used once."""
_MAX_STDERR = 4096


class DeployError(SeshError):
    """A step failed. `step`: one of STEPS; `stderr`: what was printed on the host about it.

    `prompt_may_help`: whether ssh could log in by asking the user. `foreign`: whether the reason is a program that sesh
    did not install, and that stays.
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


@dataclass
class Deployment:
    """The result of a deploy.

    `python`, `path`: the interpreter that runs it, and its directory; `bytes`: uploaded; `changed`: whether anything
    was missing before; `replaced`: whether another sesh was in service, from which sessions may still run.
    """

    version: str
    python: str
    python_version: str
    platform: str
    path: str = ""
    bytes: int = 0
    changed: bool = False
    replaced: bool = False
    seconds: float = 0.0


class Failure(TypedDict):
    """The step that failed on the host, the reason, and what a program printed about it."""

    step: str
    reason: str
    stderr: Annotated[str, "text"]


class State(TypedDict):
    """The state of the host after an order; see `Installer.run`."""

    python: str
    release: str
    system: str
    machine: str
    path: str
    whole: bool
    program: str
    scratch: str


def deploy(
    destination: Destination,
    *,
    force: bool = False,
    progress: Progress | None = None,
    connect: Callable[[], Carrier] | None = None,
) -> Deployment:
    """Install this sesh on a host. If it is complete and in use already, nothing is sent.

    `force`: replace a ~/.local/bin/sesh that is not ours. `connect`: opens the connection, which is closed in the end.
    Raises DeployError, InvalidHost, Interrupted.
    """
    began = time.monotonic()
    eventlog.log("deploy_start", host=destination.host)
    try:
        with closing(connect() if connect else open_carrier(destination)) as carrier:
            deployment = _Deploy(carrier, force, progress).run()
    except SeshError as error:
        step, stderr = (error.step, error.stderr) if isinstance(error, DeployError) else (STEPS[0], "")
        eventlog.log("deploy_failed", host=destination.host, step=step, stderr=stderr or str(error))
        raise
    deployment.seconds = time.monotonic() - began
    facts = asdict(deployment)
    del facts["python_version"], facts["replaced"]
    eventlog.log("deploy_done", host=destination.host, **{**facts, "seconds": round(deployment.seconds, 3)})
    known.record(destination.host, deployment.version)
    return deployment


def open_carrier(destination: Destination, *, ask: bool = False, stop: Stop | None = None) -> Carrier:
    """Take the first step: connect over a control master that runs, else by fabric, else by ssh (if fabric must not
    or cannot log in) or by the host's own command. Raises DeployError, InvalidHost.

    `ask`: ssh may prompt; by itself nothing but ssh ever does. `stop`: ends a login by ssh.
    """
    try:
        quiet = None if ask else connect_by_master(destination) or _connect_by_fabric(destination)
        return quiet or connect_by_ssh(destination, ask=ask, stop=stop)
    except InvalidHost:
        raise
    except SeshError as error:
        prompt_may_help = isinstance(error, AuthenticationFailed)
        raise DeployError("connect", str(error), prompt_may_help=prompt_may_help) from error


def _connect_by_fabric(destination: Destination) -> Carrier | None:
    if destination.via is not None or known.asks(destination.host):
        return None
    try:
        from sesh.remote.deploy import fabric_carrier
    except ModuleNotFoundError:
        return None  # a deployed copy has no fabric
    return fabric_carrier.connect(destination)


class _Deploy:
    """One deploy over a connection, from the second step on."""

    def __init__(self, carrier: Carrier, force: bool, progress: Progress | None) -> None:
        self.carrier, self.force, self.progress = carrier, force, progress
        self.host = carrier.destination.host
        self.step = STEPS[0]

    def begin(self, step: str) -> None:
        """Go on to a step; those before it are done."""
        self.report(1, 1)
        self.step = step
        self.report(0, 1)

    def report(self, done: int, total: int) -> None:
        if self.progress:
            self.progress(self.step, done, total)

    def run(self) -> Deployment:
        try:
            package = bundle.build()
        except (Refused, OSError) as error:
            raise self.failure(f"cannot build the package for {self.host}: {error}", step="upload") from error
        order: Order = {
            "action": "look",
            "name": package.name,
            "program": PROGRAM,
            "force": self.force,
            "room": 3 * package.size,  # the archive, its files, and these compiled
        }
        state = self.look(order)
        deployment = Deployment(__version__, state["python"], state["release"], "", state["path"])
        deployment.platform = f"{state['system']} {state['machine']}"
        if state["program"] == "foreign" and not self.force:
            message = f"~/.local/bin/{PROGRAM} on {self.host} was not installed by sesh and stays; --force replaces it"
            raise self.failure(message, step="switch", foreign=True)
        if state["scratch"]:
            order |= {"action": "install", "scratch": state["scratch"], "sha256": "", "trials": TRIALS}
            if not state["whole"]:
                deployment.bytes = len(package.archive)
                order["sha256"] = hashlib.sha256(package.archive).hexdigest()
                try:
                    self.upload(package.archive, os.path.join(state["scratch"], install.ARCHIVE))
                except DeployError:
                    with suppress(SeshError):
                        self.install(state["python"], order)  # it finds no whole archive, and removes what is there
                    raise
            self.begin("unpack")
            self.install(state["python"], order)
            deployment.changed, deployment.replaced = True, state["program"] != "missing"
        self.report(1, 1)
        return deployment

    def look(self, order: Order) -> State:
        """Find a Python on the host, and have it look what is missing."""
        token, text = _encoded(order)
        self.begin("detect_platform")
        with self.lost("{}", step="connect"):
            result = self.carrier.run(survey.command(token, _script(), text))
        rows = _rows(result, token)
        if not rows:
            last = survey.last_line(result.err) or survey.last_line(result.out) or "it printed nothing"
            if self.carrier.name == "via":
                raise self.failure(f"cannot reach {self.host}: {last}", result.err, step="connect")
            hint = login_files_hint(self.host)
            message = f"{self.host} does not answer as a POSIX system (exit {result.code}): {last}; {hint}"
            raise self.failure(message, result.err)
        self.begin("python")
        if rows[-1] == "end":
            names = survey.unsuitable(rows)
            others = f"only {names}" if names else "it has no Python"
            message = f"{self.host} has no Python {survey.OLDEST} or newer ({others}); install python3 there"
            raise self.failure(message)
        state = self.answer(result, token)
        if state["system"] not in SYSTEMS:
            message = f"{self.host} runs {survey.shown(state['system'])}; sesh runs on Linux and macOS"
            raise self.failure(message, step="detect_platform")
        if set(state["python"] + state["scratch"]) & survey.UNQUOTABLE:
            raise self.failure(f"{self.host} has a path that no shell passes on: {survey.shown(state['path'])}")
        return state

    def upload(self, archive: bytes, path: str) -> None:
        self.begin("upload")
        with self.lost("the connection was lost: {}"):
            try:
                self.carrier.put(archive, path, lambda sent: self.report(sent, len(archive)))
            except Refused as error:
                raise self.failure(f"{self.host}: {survey.shown(str(error))}") from error

    def install(self, python: str, order: Order) -> None:
        token, text = _encoded(order)
        with self.lost("the connection was lost: {}"):
            result = self.carrier.run(survey.python_command(python, _script(), text))
        self.answer(result, token)

    def answer(self, result: CommandResult, token: str) -> State:
        """The answer of install.py on the host. Raises DeployError."""
        rows = _rows(result, token)
        if not rows:
            last = survey.last_line(result.err) or "it printed nothing"
            raise self.failure(f"Python on {self.host} ended with {result.code}: {last}", result.err)
        with self.lost(""):
            given = protocol.value(rows[-1].encode("utf-8", "surrogateescape"))
            if not (isinstance(given, dict) and "failed" in given):
                state: State = _checked(State, given.get("done") if isinstance(given, dict) else None)
                return state
            failed: Failure = _checked(Failure, given["failed"])
            if failed["step"] not in STEPS:
                raise malformed("the answer", "names no step of a deploy")
            reason = f"{self.host}: {survey.shown(failed['reason'])}"
            raise self.failure(reason, failed["stderr"] or result.err, step=failed["step"])

    @contextmanager
    def lost(self, message: str, step: str = "") -> Iterator[None]:
        """Make the errors of a connection those of this step; `step`: the one of a connection that is gone."""
        try:
            yield
        except ProtocolError as error:
            raise self.failure(f"{self.host}: {error.message}", code=error.code) from error
        except Unreachable as error:
            raise self.failure(message.format(error), step=step) from error

    def failure(self, message: str, stderr: str = "", *, step: str = "", **facts: Any) -> DeployError:
        return DeployError(step or self.step, message, stderr, **facts)


def _checked(hint: type, value: object) -> Any:
    return check.far(hint, value, "the answer")


def _rows(result: CommandResult, token: str) -> list[str]:
    """The rest of each line with the token."""
    return [row.strip() for _, found, row in (line.partition(f"{token} ") for line in result.out.splitlines()) if found]


def _encoded(order: Order) -> tuple[str, str]:
    """A new token, and the order with it as a word of a command line."""
    token = secrets.token_hex(8)
    return token, base64.b64encode(json.dumps({**order, "token": token}).encode()).decode()


@functools.cache
def _script() -> str:
    """install.py, as a word of a command line."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "install.py"), "rb") as file:
        return base64.b64encode(zlib.compress(file.read(), 9)).decode()
