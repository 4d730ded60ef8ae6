"""Deploying to one host: install this version of sesh there, in steps of which none breaks what was there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict, get_args

from sesh import check, protocol
from sesh.about import PROGRAM
from sesh.errors import InvalidHost, ProtocolError, Refused, SeshError, Unreachable
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, survey
from sesh.remote.deploy.carrier import Carrier, connect_by_master, connect_by_ssh
from sesh.remote.deploy.unpack import Order
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.starting import login_files_hint
from sesh.remote.ssh.words import AuthenticationFailed
from sesh.schema import Text
from sesh.stop import Stop

Progress = Callable[[str, int, int], None]
"""Called with a step, and how much of it is done: bytes of the upload, else 0 or 1 of 1."""


Step = Literal["connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch"]


class Installed(TypedDict):
    """An answer of unpack.py: the `path` of the version."""

    path: str


class Found(Installed):
    """Its answer to `look`: also whether it is `whole`, and the kind of the `program` in ~/.local/bin (see
    `Installer.program_kind`)."""

    whole: bool
    program: str


class Failure(TypedDict):
    """A step that failed, the reason, and what a program printed about it."""

    step: Step
    reason: str
    stderr: Text


class _Line(TypedDict, total=False):
    """A line of unpack.py."""

    step: Step
    failed: Failure
    done: dict[str, str | bool]


STEPS: tuple[str, ...] = get_args(Step)
_BOOTSTRAP = "import sys;f=sys.stdin.buffer;exec(compile(f.read(int(f.readline())),'sesh-unpack','exec'))"
"""Runs the program that stdin holds after a line with its length; what follows is the program's own input."""
_MAX_STDERR = 4096


class DeployError(SeshError):
    """A step failed. `step`: one of STEPS; `stderr`: what was printed there about it.

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
    """The state of the host after a deploy. `python`, `path`: the interpreter that runs it, and its directory; `bytes`:
    uploaded; `changed`: whether anything was missing before; `replaced`: whether another sesh was there, from which
    sessions may still run."""

    version: str
    python: str
    python_version: str
    platform: str
    path: str = ""
    bytes: int = 0
    changed: bool = False
    replaced: bool = False
    seconds: float = 0.0


def deploy(
    destination: Destination, *, force: bool = False, progress: Progress | None = None, carrier: Carrier | None = None
) -> Deployment:
    """Install this sesh on a host. If it is there already, complete and in use, nothing is sent. Raises DeployError.

    `force`: replace a ~/.local/bin/sesh that is not ours. `carrier`: a connection to use, which stays open.
    """
    began = time.monotonic()
    eventlog.log("deploy_start", host=destination.host)
    try:
        deployment = _Deploy(destination, force, progress).run(carrier)
    except DeployError as error:
        eventlog.log("deploy_failed", host=destination.host, step=error.step, stderr=error.stderr or str(error))
        raise
    deployment.seconds = time.monotonic() - began
    facts = asdict(deployment)
    del facts["python_version"], facts["replaced"]
    eventlog.log("deploy_done", host=destination.host, **{**facts, "seconds": round(deployment.seconds, 3)})
    known.record(destination, deployment.version)
    return deployment


def connect(destination: Destination, *, ask: bool = False, stop: Stop | None = None) -> Carrier:
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
    if destination.via is not None or known.asks(destination):
        return None
    try:
        from sesh.remote.deploy import fabric_carrier
    except ModuleNotFoundError:
        return None  # a deployed copy has no fabric
    return fabric_carrier.connect(destination)


def choose_python(host: str, answer: survey.Survey) -> survey.Python:
    """Return the interpreter to run sesh: one for which nothing must be fetched, of the system's, the newest."""
    if not answer.pythons:
        names = "; ".join(answer.unsuitable[:4])
        others = f"only {names}" if names else "it has no Python"
        oldest = ".".join(str(part) for part in survey.OLDEST)
        raise DeployError("python", f"{host} has no Python {oldest} or newer ({others}); install python3 there")

    def rank(python: survey.Python) -> tuple[bool, bool, tuple[int, ...]]:
        system = python.path.startswith(("/usr/", "/opt/", "/bin/"))
        return bundle.is_native(answer.platform, python), system, python.minor

    return max(answer.pythons, key=rank)


class _Deploy:
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
            answer = self._survey(used)
            platform = answer.platform
            if platform.system not in survey.SYSTEMS:
                system = platform.system or "an unknown system"
                raise DeployError("detect_platform", f"{self.host} runs {system}; sesh runs on Linux and macOS")
            self.begin("python")
            python = choose_python(self.host, answer)
            try:
                package = bundle.build(platform, python)
            except (Refused, OSError) as error:
                raise DeployError("upload", f"cannot build the package for {self.host}: {error}") from error
            deployment = Deployment(package.version, python.path, python.version, str(platform))
            self._install(used, package, python, deployment)
        finally:
            if carrier is None:
                used.close()
        self.report(1, 1)
        return deployment

    def _survey(self, carrier: Carrier) -> survey.Survey:
        token = secrets.token_hex(8)
        try:
            result = carrier.run(survey.command(token))
        except ProtocolError as error:
            raise DeployError("detect_platform", str(error), code=error.code) from error
        except SeshError as error:
            raise DeployError("connect", str(error)) from error
        self.begin("detect_platform")
        answer = survey.parse(result.out, token)
        if answer is None:
            last = _last_line(result.err) or _last_line(result.out) or "it printed nothing"
            if carrier.name == "via" and token not in result.out:
                raise DeployError("connect", f"cannot reach {self.host}: {last}", result.err)
            message = f"{self.host} does not answer as a POSIX system (exit {result.code}): {last}"
            if token not in result.out:
                message += f"; {login_files_hint(self.host)}"
            raise DeployError("detect_platform", message, result.err)
        return answer

    def _install(self, carrier: Carrier, package: bundle.Bundle, python: survey.Python, deployment: Deployment) -> None:
        """Look what is missing there, and send it."""
        order: Order = {
            "name": package.name,
            "version": package.version,
            "manifest": package.hash,
            "python": python.path,
            "program": PROGRAM,
            "force": self.force,
        }
        present: Found = self._execute(carrier, python, {**order, "action": "look"}, Found)
        deployment.path = present["path"]
        if present["whole"] and present["program"] == "current":
            return
        if present["program"] == "foreign" and not self.force:
            message = f"~/.local/bin/{PROGRAM} on {self.host} was not installed by sesh and stays; --force replaces it"
            raise DeployError("switch", message, foreign=True)
        if present["whole"]:
            self._execute(carrier, python, {**order, "action": "switch"}, Installed)
        else:
            archive = package.packed()
            deployment.bytes = len(archive)
            self.begin("upload")
            order |= {"size": len(archive), "unpacked": package.size, "sha256": hashlib.sha256(archive).hexdigest()}
            self._execute(carrier, python, {**order, "action": "install"}, Installed, archive)
        deployment.changed, deployment.replaced = True, present["program"] != "missing"

    def _execute(self, carrier: Carrier, python: survey.Python, order: Order, hint: type, archive: bytes = b"") -> Any:
        """Have unpack.py carry out an order there; return its answer, of this shape. Raises DeployError."""
        token = secrets.token_hex(8)
        text = json.dumps({**order, "token": token}).encode()
        program = _unpack_source()
        head = b"%d\n%s%d\n%s" % (len(program), program, len(text), text)

        def on_sent(count: int) -> None:
            if archive and self.step == "upload":
                self.report(max(0, count - len(head)), len(archive))

        parser = _AnswerParser(token, hint, self.begin)
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


class _AnswerParser:
    """Picks the lines of unpack.py, which begin with a token, out of what a host prints, as they come.

    `hint`: the type of the answer to an order that was carried out. `feed` raises ProtocolError for a malformed line.
    """

    def __init__(self, token: str, hint: type, begin: Callable[[str], None]) -> None:
        self._token, self._begin, self._hint = f"{token} ".encode(), begin, hint
        self._rest = b""
        self.failed: Failure | None = None
        self.done: Any = None

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            _, token, text = line.partition(self._token)
            if not token:
                continue
            answer: _Line = check.far(_Line, protocol.value(text), "the answer")
            if "step" in answer:
                self._begin(answer["step"])
            self.failed = answer.get("failed", self.failed)
            if "done" in answer:
                self.done = check.far(self._hint, answer["done"], "the answer")


def _unpack_source() -> bytes:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "unpack.py"), "rb") as file:
        return file.read()


def _last_line(text: str) -> str:
    """The last line that is not blank, as it may be shown."""
    return next(filter(None, map(survey.shown, reversed(text.splitlines()))), "")
