"""Install this version of sesh on one host. If a step fails, the host keeps its old version.

A deploy sends the host an order to look for the version. If the host lacks it, the deploy uploads an archive and sends
a second order, to install the archive. `install.py` carries out both orders on the host.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Annotated, TypedDict

from sesh import check, protocol
from sesh.about import PROGRAM, __version__
from sesh.errors import SeshError, Unreachable, malformed
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.carrier import Carrier, CommandResult
from sesh.remote.deploy.install import Order
from sesh.remote.deploy.survey import OLDEST, command, last_line, shown
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.starting import login_files_hint

STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
# The smoke test, which uses each part of sesh that could fail on the host.
TRIALS = [
    ["--exec", "--", "true"],
    ["--open", "smoke", "--", "sleep", "60"],
    ["--local", "--screen", "smoke"],
    ["--local", "--kill", "smoke"],
]
_MAX_STDERR = 4096


class DeployError(SeshError, code="refused"):
    """A step of a deploy failed."""

    def __init__(
        self, step: str, message: str, stderr: str = "", *, code: str | None = None, foreign: bool = False
    ) -> None:
        super().__init__(message, code=code)
        self.step = step  # one of STEPS
        self.stderr = stderr[-_MAX_STDERR:]  # what the program that failed printed on the host
        self.foreign = foreign  # another project's program called sesh is in the way


class DeployState(TypedDict):
    """The host's answer to an order that succeeded."""

    python: str  # the path of the Python that runs the version
    platform: str
    path: str  # of the version
    scratch: str  # the directory for the archive; empty if the version is installed


class Failure(TypedDict):
    """The host's answer to an order that failed."""

    step: str
    reason: str
    stderr: Annotated[str, "text"]
    foreign: bool


def deploy(
    destination: Destination, *, force: bool = False, progress: Callable[[str], object] = lambda _: None
) -> DeployedHost:
    """Install this version on a host; do nothing if the host already uses it. Raises DeployError.

    `force`: replace another project's ~/.local/bin/sesh. `progress`: called at the beginning of each step.
    """
    host = destination.host
    began = time.monotonic()
    eventlog.log("deploy_start", host=host)
    work = _Deploy(destination, force, progress)
    try:
        deployed = work.run()
    except DeployError as error:
        eventlog.log("deploy_failed", host=host, step=error.step, stderr=error.stderr or str(error))
        raise
    deployed["seconds"] = round(time.monotonic() - began, 3)
    eventlog.log("deploy_done", **{name: value for name, value in deployed.items() if name != "ok"})
    known.record(host, __version__)
    return deployed


def open_carrier(destination: Destination) -> Carrier:
    """Connect by fabric, or by ssh as a fallback and where no login is needed. Raises SeshError."""
    by_ssh = Carrier(destination)
    if not by_ssh.is_open() and not known.asks(destination.host):
        try:
            from sesh.remote.deploy import fabric_carrier

            if carrier := fabric_carrier.connect(destination):
                return carrier
        except ModuleNotFoundError:
            pass  # a deployed copy has no fabric
    by_ssh.log_in()
    return by_ssh


class _Deploy:
    """One deploy: its connection and its current step."""

    carrier: Carrier

    def __init__(self, destination: Destination, force: bool, progress: Callable[[str], object]) -> None:
        self.destination, self.host = destination, destination.host
        self.force, self.progress = force, progress
        self.step = ""

    def begin(self, step: str) -> None:
        self.step = step
        self.progress(step)

    def run(self) -> DeployedHost:
        """Carry out all steps. Raises DeployError."""
        try:
            self.begin("connect")
            with closing(open_carrier(self.destination)) as self.carrier:
                return self.install()
        except DeployError:
            raise
        except Unreachable as error:
            step = "connect" if self.step == "detect_platform" else self.step  # the first command may log in
            raise DeployError(step, str(error), code=error.code) from error
        except (SeshError, OSError) as error:
            code = getattr(error, "code", None)
            raise DeployError(self.step, f"{self.host}: {shown(str(error))}", code=code) from error

    def install(self) -> DeployedHost:
        """Install the version over the open connection, unless the host uses it already."""
        self.begin("detect_platform")
        package = bundle.build()
        order: Order = {"name": package.name, "program": PROGRAM, "force": self.force, "trials": TRIALS}
        state = self.carry_out(order)
        deployed: DeployedHost = {
            "host": self.host, "ok": True, "version": __version__,
            "python": state["python"], "platform": state["platform"], "path": state["path"],
        }  # fmt: skip
        if not state["scratch"]:
            return {**deployed, "bytes": 0, "changed": False}
        self.begin("upload")
        order |= {"scratch": state["scratch"], "sha256": hashlib.sha256(package.archive).hexdigest()}
        try:
            self.carrier.put(package.archive, os.path.join(state["scratch"], install.ARCHIVE))
        except SeshError:
            order["sha256"] = ""  # so that no archive is installed, even if it has arrived whole
            with suppress(SeshError):
                self.carry_out(order)  # this fails because the hash differs, and removes the scratch directory
            raise
        self.begin("unpack")
        self.carry_out(order)
        return {**deployed, "bytes": len(package.archive), "changed": True}

    def carry_out(self, order: Order) -> DeployState:
        """Carry out an order on the host. Raises DeployError if a step fails."""
        token = order["token"] = secrets.token_hex(8)
        result = self.carrier.run(command(order))
        _, found, rest = result.out.rpartition(f"{token} ")
        row = rest.split("\n")[0].strip()
        if not (found and row):
            raise self._no_answer(result, token)
        if row.startswith("none"):  # see `survey.command`
            pythons = shown(row).removeprefix("none").removeprefix("; ")
            lack = f"only {pythons}" if pythons else "it has no python3"
            raise DeployError("python", f"{self.host} has no Python {OLDEST} or newer ({lack}); install python3 there")
        answer = protocol.value(row.encode("utf-8", "surrogateescape"))
        if not (isinstance(answer, dict) and "reason" in answer):
            state: DeployState = check.checked_from_host(DeployState, answer, "the answer")
            return state
        failed: Failure = check.checked_from_host(Failure, answer, "the answer")
        if failed["step"] not in STEPS:
            raise malformed("the answer", "names no step of a deploy")
        reason = f"{self.host}: {shown(failed['reason'])}"
        raise DeployError(failed["step"], reason, failed["stderr"] or result.err, foreign=failed["foreign"])

    def _no_answer(self, result: CommandResult, token: str) -> DeployError:
        """Return the error for a command that printed no answer after the token, or not even the token."""
        last = last_line(result.err) or last_line(result.out.replace(token, "")) or "it printed nothing"
        if self.destination.via is not None:
            return DeployError("connect", f"cannot reach {self.host}: {last}", result.err, code="unreachable")
        message = f"{self.host} gives no answer (exit {result.code}): {last}; {login_files_hint(self.host)}"
        return DeployError(self.step, message, result.err)
