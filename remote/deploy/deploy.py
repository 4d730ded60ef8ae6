"""Install this version of sesh on one host. If a step fails, the host keeps its old version.

A deploy sends the host an order to look for the version. If the host lacks it, the deploy puts an archive on the host,
and sends a second order, to install the archive. `install.py` carries out both orders on the host.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Annotated, TypedDict

from sesh import check, protocol
from sesh.about import PROGRAM, __version__
from sesh.errors import Refused, SeshError, Unreachable, malformed
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.carrier import Carrier, log_in, shown
from sesh.remote.deploy.install import Order
from sesh.remote.deploy.survey import command
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.remote.ssh.starting import login_files_hint

STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
# The smoke test, which uses each part of sesh that could fail on the host.
TRIALS = [
    ["--exec", "--", "true"],
    ["--open", "smoke", "--", "sleep", "60"],
    ["--local", "--screen", "smoke"],
    ["--local", "--kill", "smoke"],
]


class DeployError(SeshError, code="refused"):
    """A step of a deploy failed."""

    def __init__(self, step: str, message: str, *, code: str | None = None, foreign: bool = False) -> None:
        super().__init__(message, code=code)
        self.step = step  # one of STEPS
        self.foreign = foreign  # another project's program called sesh is in the way


class Found(TypedDict):
    """The host's answer to an order that succeeded."""

    python: str  # the path of the Python that runs the version
    platform: str
    path: str  # of the version
    installed: bool  # ~/.local/bin/sesh starts the version


class Failure(TypedDict):
    """The host's answer to an order that failed. The first line of `reason` is for the person."""

    step: str
    reason: Annotated[str, "text"]
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
    except (SeshError, OSError) as error:
        eventlog.log("deploy_failed", host=host, step=work.step, stderr=work.stderr or str(error))
        code = getattr(error, "code", None)
        raise DeployError(work.step, str(error), code=code, foreign=work.is_foreign) from error
    deployed["seconds"] = round(time.monotonic() - began, 3)
    eventlog.log("deploy_done", **{name: value for name, value in deployed.items() if name != "ok"})
    known.record(host, __version__)
    return deployed


def open_carrier(destination: Destination) -> Carrier:
    """Connect by fabric, or by ssh as a fallback and where no login is needed. Raises SeshError."""
    needs_login = destination.via is None and not master.is_alive(destination)
    if needs_login and not known.asks(destination.host):
        try:
            from sesh.remote.deploy import fabric_carrier

            if carrier := fabric_carrier.connect(destination):
                return carrier
        except ModuleNotFoundError:
            pass  # a deployed copy has no fabric
    log_in(destination)
    return Carrier(destination)


class _Deploy:
    """One deploy: its connection, its order and its current step."""

    carrier: Carrier

    def __init__(self, destination: Destination, force: bool, progress: Callable[[str], object]) -> None:
        self.destination, self.host, self.progress = destination, destination.host, progress
        self.step = ""
        self.stderr = ""  # what the host printed about the failed step
        self.is_foreign = False
        self.order: Order = {
            "token": secrets.token_hex(4), "installs": False, "name": "", "program": PROGRAM, "force": force,
            "trials": TRIALS, "sha256": "",
        }  # fmt: skip

    def begin(self, step: str) -> None:
        self.step = step
        self.progress(step)

    def run(self) -> DeployedHost:
        """Install the version, unless the host uses it already. Raises SeshError, OSError."""
        self.begin("connect")
        with closing(open_carrier(self.destination)) as self.carrier:
            self.begin("detect_platform")
            package = bundle.build()
            self.order["name"] = package.name
            found = self.carry_out()
            deployed: DeployedHost = {
                "host": self.host, "ok": True, "version": __version__, "python": found["python"],
                "platform": found["platform"], "path": found["path"], "bytes": 0, "changed": not found["installed"],
            }  # fmt: skip
            if deployed["changed"]:
                self.install(package.archive)
                deployed["bytes"] = len(package.archive)
            return deployed

    def install(self, archive: bytes) -> None:
        """Put the archive on the host, and have it installed."""
        self.begin("upload")
        self.order["installs"] = True
        try:
            self.carrier.put(archive, f"{install.scratch(self.order['token'])}/{install.ARCHIVE}")
        except SeshError:
            # The order has no hash yet: it fails even if the archive has arrived whole, and removes the directory.
            with suppress(SeshError), closing(open_carrier(self.destination)) as again:
                again.run(command(self.order))
            raise
        self.begin("unpack")
        self.order["sha256"] = hashlib.sha256(archive).hexdigest()
        self.carry_out()

    def carry_out(self) -> Found:
        """Have the host carry out the order. Raises SeshError if a step fails."""
        result = self.carrier.run(command(self.order))
        _, token, rest = result.out.rpartition(f"{self.order['token']} ")
        row = rest.split("\n")[0].strip()
        if not (token and row):
            raise self._no_answer(result, is_reached=bool(token))
        if row.startswith("none"):  # see `survey.command`
            self.step = "python"
            pythons = shown(row).removeprefix("none").removeprefix("; ")
            lack = f"only {pythons}" if pythons else "it has no python3"
            raise Refused(f"{self.host} has no Python 3.10 or newer ({lack}); install python3 there")
        answer = protocol.value(row.encode("utf-8", "surrogateescape"))
        if not (isinstance(answer, dict) and "reason" in answer):
            found: Found = check.checked_from_host(Found, answer, "the answer")
            return found
        failed: Failure = check.checked_from_host(Failure, answer, "the answer")
        if failed["step"] not in STEPS:
            raise malformed("the answer", "names no step of a deploy")
        self.step, self.stderr, self.is_foreign = failed["step"], failed["reason"], failed["foreign"]
        raise Refused(f"{self.host}: {shown(failed['reason'].partition(chr(10))[0])}")

    def _no_answer(self, result: CommandResult, *, is_reached: bool) -> SeshError:
        """Return the error for a command that printed no answer after the token, or not even the token."""
        self.stderr = result.err
        printed = f"{result.out.replace(self.order['token'], '')}\n{result.err}".split("\n")
        last = next(filter(None, map(shown, reversed(printed))), "it printed nothing")
        hint = login_files_hint(self.host) if self.destination.via is None else ""
        message = f"{self.host} gives no answer (exit {result.code}): {last}"
        if is_reached:
            return Refused(message, hint=hint)
        self.step = "connect"
        return Unreachable(message, hint=hint)
