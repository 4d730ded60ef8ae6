"""Install this sesh on one host; if a step fails, the old version stays.

A deploy sends the host an order to look for the version. If the host lacks it, the deploy puts an archive on the host,
and sends a second order, to install the archive. `install.py` carries out both orders on the host.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Annotated, TypedDict

from sesh import check, protocol
from sesh.about import PROGRAM, __version__
from sesh.errors import SeshError, Unreachable, malformed
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.carrier import Carrier, log_in, shown
from sesh.remote.deploy.install import Order
from sesh.remote.deploy.survey import command
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.remote.ssh.ssh_messages import login_files_hint

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

    def __init__(
        self, step: str, message: str, *, code: str | None = None, output: str = "", foreign: bool = False
    ) -> None:
        super().__init__(message, code=code)
        self.step = step  # one of STEPS
        self.output = output  # what the host printed
        self.foreign = foreign  # another project's sesh is in the way


class Found(TypedDict):
    """The host's report on an order that succeeded."""

    python: str  # the path of the Python that runs the version
    platform: str
    path: str  # of the version
    installed: bool  # ~/.local/bin/sesh starts the version


class Failure(TypedDict):
    """The host's report on an order that failed."""

    step: str
    reason: Annotated[str, "text"]  # the first line is for the person
    foreign: bool


def deploy(
    destination: Destination, *, force: bool = False, progress: Callable[[str], object] = lambda _: None
) -> DeployedHost:
    """Install this version on a host, unless the host uses it. Raises DeployError.

    `force`: replace another project's ~/.local/bin/sesh. `progress`: called at the beginning of each step.
    """
    host = destination.host
    began = time.monotonic()
    eventlog.log("deploy_start", host=host)
    try:
        deployed = _Deploy(destination, progress).run(force)
    except DeployError as error:
        eventlog.log("deploy_failed", host=host, step=error.step, stderr=error.output or str(error))
        raise
    deployed["seconds"] = round(time.monotonic() - began, 3)
    eventlog.log("deploy_done", **{name: value for name, value in deployed.items() if name != "ok"})
    known.record(host, __version__)
    return deployed


def open_carrier(destination: Destination) -> Carrier:
    """Connect by fabric if it can log in, otherwise by ssh. Raises SeshError."""
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
    carrier: Carrier

    def __init__(self, destination: Destination, progress: Callable[[str], object]) -> None:
        self.destination = destination
        self.progress = progress

    @contextmanager
    def step(self, name: str) -> Iterator[str]:
        """Report the beginning of a step; an error that ends the block becomes a DeployError."""
        self.progress(name)
        try:
            yield name
        except DeployError:
            raise
        except (SeshError, OSError) as error:
            raise DeployError(name, str(error), code=getattr(error, "code", None)) from error

    def run(self, force: bool) -> DeployedHost:
        with self.step("connect"):
            self.carrier = open_carrier(self.destination)
        with closing(self.carrier):
            with self.step("detect_platform") as step:
                package = bundle.build()
                order: Order = {
                    "token": secrets.token_hex(4), "installs": False, "name": package.name, "program": PROGRAM,
                    "force": force, "trials": TRIALS, "sha256": "",
                }  # fmt: skip
                found = self.carry_out(order, step)
            if not found["installed"]:
                self.install(package.archive, {**order, "installs": True})
        return {
            "host": self.destination.host, "ok": True, "version": __version__, "python": found["python"],
            "platform": found["platform"], "path": found["path"],
            "bytes": 0 if found["installed"] else len(package.archive), "changed": not found["installed"],
        }  # fmt: skip

    def install(self, archive: bytes, order: Order) -> None:
        with self.step("upload"):
            try:
                self.carrier.put(archive, f"{install.scratch(order['token'])}/{install.ARCHIVE}")
            except SeshError:
                # The order has no hash: it fails even if the archive has arrived whole, and removes the directory.
                with suppress(SeshError), closing(open_carrier(self.destination)) as again:
                    again.run(command(order))
                raise
        with self.step("unpack") as step:
            self.carry_out({**order, "sha256": hashlib.sha256(archive).hexdigest()}, step)

    def carry_out(self, order: Order, step: str) -> Found:
        """Have the host carry out an order, which begins with a step; return its report."""
        host = self.destination.host
        result = self.carrier.run(command(order))
        _, token, rest = result.out.rpartition(f"{order['token']} ")
        row = rest.split("\n")[0].strip()
        if not token:
            raise DeployError("connect", self.last_words(rest, result), code=Unreachable.code, output=result.err)
        if not row:
            raise DeployError(step, self.last_words(rest, result), output=result.err)
        if row.startswith("none"):  # see `survey.command`
            pythons = shown(row).removeprefix("none").removeprefix("; ")
            lack = f"only {pythons}" if pythons else "it has no python3"
            raise DeployError("python", f"{host} has no Python 3.10 or newer ({lack}); install python3 there")
        report = protocol.value(row.encode("utf-8", "surrogateescape"))
        if not (isinstance(report, dict) and "reason" in report):
            found: Found = check.checked_from_host(Found, report, "the answer")
            return found
        failed: Failure = check.checked_from_host(Failure, report, "the answer")
        if failed["step"] not in STEPS:
            raise malformed("the answer", "names no step of a deploy")
        reason = shown(failed["reason"].partition("\n")[0])
        raise DeployError(failed["step"], f"{host}: {reason}", output=failed["reason"], foreign=failed["foreign"])

    def last_words(self, printed: str, result: CommandResult) -> str:
        """Return the message for a command that printed no report, with its last line."""
        host = self.destination.host
        lines = map(shown, reversed(f"{printed}\n{result.err}".split("\n")))
        last = next(filter(None, lines), "it printed nothing")
        hint = f"; {login_files_hint(host)}" if self.destination.via is None else ""
        return f"{host} gives no answer (exit {result.code}): {last}{hint}"
