"""Install this sesh on one host; if a step fails, the old version stays.

A deploy sends the host an order to look for the version. If the host lacks the version, the deploy puts an archive on
the host, and sends a second order, to install the archive. On the host `install.py` carries out both orders.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sesh import check, protocol
from sesh.about import PROGRAM, __version__
from sesh.errors import SeshError, Unreachable, of_system, remedy
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.carrier import Carrier, log_in, shown
from sesh.remote.deploy.install import Order, Report
from sesh.remote.deploy.survey import command
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
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

    def __init__(self, step: str, message: str, *, output: str = "", foreign: bool = False, **more: Any) -> None:
        super().__init__(message, **more)
        self.step = step  # one of STEPS
        self.output = output  # what the host printed
        self.foreign = foreign  # another project's sesh is in the way


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
    if needs_login and not known.login_prompted(destination.host):
        try:
            from sesh.remote.deploy import fabric_carrier

            if carrier := fabric_carrier.connect(destination):
                return carrier
        except ModuleNotFoundError:
            pass  # a deployed copy has no fabric
    log_in(destination)
    return Carrier(destination)


class _Deploy:
    """One deploy: its steps on a host, over a carrier."""

    carrier: Carrier

    def __init__(self, destination: Destination, progress: Callable[[str], object]) -> None:
        self.destination = destination
        self.progress = progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Report the beginning of a step; an error that ends the block becomes a DeployError."""
        self.progress(name)
        try:
            yield
        except DeployError as error:
            error.step = error.step or name
            raise
        except (SeshError, OSError) as error:
            failure = of_system(error, "TMPDIR") if isinstance(error, OSError) else error
            raise DeployError(name, str(failure), code=failure.code) from error

    def run(self, force: bool) -> DeployedHost:
        with self.step("connect"):
            self.carrier = open_carrier(self.destination)
        with closing(self.carrier):
            with self.step("detect_platform"):
                package = bundle.build()
                order: Order = {
                    "token": secrets.token_hex(4), "installs": False, "name": package.name, "program": PROGRAM,
                    "force": force, "trials": TRIALS, "sha256": "",
                }  # fmt: skip
                found = self.carry_out(order)
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
                # Without the archive's hash the order must fail, and then it removes the directory.
                with suppress(SeshError), closing(open_carrier(self.destination)) as carrier:
                    carrier.run(command(order))
                raise
        with self.step("unpack"):
            self.carry_out({**order, "sha256": hashlib.sha256(archive).hexdigest()})

    def carry_out(self, order: Order) -> Report:
        """Have the host carry out an order; return its report. Raises DeployError."""
        host = self.destination.host
        result = self.carrier.run(command(order))
        _, token, output = result.out.rpartition(f"{order['token']} ")
        line = output.split("\n")[0].strip()
        if not (token and line):
            step, code = ("", None) if token else ("connect", Unreachable.code)
            lines = map(shown, reversed(f"{output}\n{result.err}".split("\n")))
            last = next(filter(None, lines), "it printed nothing")
            hint = f"; {login_files_hint(host)}" if self.destination.via is None else ""
            message = f"{host} gives no answer (exit {result.code}): {last}{hint}"
            raise DeployError(step, message, code=code, output=result.err)
        if line.startswith("none"):  # see `survey.command`
            pythons = shown(line).removeprefix("none").removeprefix("; ")
            found = f"only {pythons}" if pythons else "it has no python3"
            raise DeployError("python", f"{host} has no Python 3.10 or newer ({found}); install python3 there")
        value = protocol.value(line.encode("utf-8", "surrogateescape"))
        report: Report = check.checked_from_host(Report, value, "the answer")
        if report["step"]:
            reason = shown(report["reason"].partition("\n")[0])
            hint = remedy(OSError(report["errno"], ""), "")
            foreign = report["foreign"]
            raise DeployError(report["step"], f"{host}: {reason}", hint=hint, output=report["reason"], foreign=foreign)
        return report
