"""Install this sesh on one host; if a step fails, the old version stays.

A deploy sends the host an order to look for the version. If the host lacks the version, the deploy puts an archive on
the host, and sends a second order, to install the archive. On the host `install.py` carries out both orders; the second
one removes the temporary directory. If a deploy fails or is stopped before that, it removes the directory itself.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import time
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sesh import check, protocol
from sesh.about import __version__
from sesh.errors import SeshError, Unreachable, cannot, remedy
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.carrier import Carrier, shown
from sesh.remote.deploy.install import Order, Report
from sesh.remote.ssh import exchange, master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import login_files_hint
from sesh.workers import LEAVING, Stop

STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
LOGIN_TIMEOUT = 30.0  # seconds for a login without prompts
CLEARING_TIMEOUT = 0.9 * LEAVING  # seconds for a host to remove what a failed deploy has left there

_BOOTSTRAP = (
    "import sys,zlib,base64;sys.version_info<(3,10)and sys.exit(sys.version.split()[0]);"
    "exec(zlib.decompress(base64.b64decode(sys.argv[1])))"
)
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, 9, -1)) + " python3"
# The system's directories come before those of PATH, because a Python of the user's own is removed sooner.
_FOLDERS = (
    "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/opt/local/bin:/run/current-system/sw/bin:$PATH:"
    "$HOME/.local/bin:$HOME/bin:$HOME/.local/share/uv/python/*/bin:$HOME/.pyenv/versions/*/bin:$HOME/miniconda3/bin:"
    "$HOME/anaconda3/bin:/opt/conda/bin:/opt/python*/bin:/usr/local/python*/bin:$HOME/.nix-profile/bin"
)


class DeployError(SeshError, code="refused"):
    """A step of a deploy failed."""

    def __init__(self, step: str, message: str, *, output: str = "", foreign: bool = False, **more: Any) -> None:
        super().__init__(message, **more)
        self.step = step  # one of STEPS
        self.output = output  # what the host printed
        self.foreign = foreign  # another project's sesh is in the way


def deploy(
    destination: Destination,
    *,
    force: bool = False,
    progress: Callable[[str], object] = lambda _: None,
    stop: Stop | None = None,
) -> DeployedHost:
    """Install this version on a host, unless the host uses it. Raises DeployError.

    `force`: replace another project's ~/.local/bin/sesh. `progress`: called at the beginning of each step. `stop`: ends
    a login by ssh or an upload at once, and the deploy before its next step.
    """
    host = destination.host
    began = time.monotonic()
    eventlog.log("deploy_start", host=host)
    deploying = _Deploy(destination, progress, stop or Stop())
    try:
        deployed = deploying.run(force)
    except (SeshError, OSError) as error:
        step = deploying.step
        cause = cannot(step.replace("_", " "), error, remedy(error, "TMPDIR")) if isinstance(error, OSError) else error
        failure = cause if isinstance(cause, DeployError) else DeployError(step, str(cause), code=cause.code)
        eventlog.log("deploy_failed", host=host, step=failure.step, stderr=failure.output or str(failure))
        raise failure from (error if failure is not error else None)
    deployed["seconds"] = round(time.monotonic() - began, 3)
    eventlog.log("deploy_done", **{name: value for name, value in deployed.items() if name != "ok"})
    known.record(host, __version__)
    return deployed


def open_carrier(destination: Destination, stop: Stop) -> Carrier:
    """Connect by fabric if it can log in, otherwise by ssh; never prompt. Raises SeshError."""
    uses_ssh = destination.via is not None or master.is_alive(destination) or known.login_prompted(destination.host)
    if not uses_ssh:
        try:
            from sesh.remote.deploy import fabric_carrier

            if carrier := fabric_carrier.connect(destination, stop):
                return carrier
        except ModuleNotFoundError:
            pass  # a deployed copy has no fabric
    exchange.connect(destination, LoginOptions(deadline=time.monotonic() + LOGIN_TIMEOUT, stop=stop))
    return Carrier(destination, stop)


@dataclass
class _Deploy:
    """One deploy: its steps on a host, over a carrier."""

    destination: Destination
    progress: Callable[[str], object]
    stop: Stop
    step: str = STEPS[0]

    def begin(self, step: str) -> None:
        """Report the beginning of a step. Raises Interrupted if the deploy was stopped."""
        self.step = step
        self.progress(step)
        self.stop.check()

    def run(self, force: bool) -> DeployedHost:
        self.begin("connect")
        with closing(open_carrier(self.destination, self.stop)) as carrier:
            self.begin("detect_platform")
            package = bundle.build()
            order: Order = {
                "token": secrets.token_hex(4), "name": package.name, "force": force, "sha256": "",
            }  # fmt: skip
            scratch = install.scratch(order["token"])
            try:
                found = self.carry_out(carrier, order)
                if not found["installed"]:
                    self.begin("upload")
                    carrier.put(package.archive, f"{scratch}/{install.ARCHIVE}")
                    self.begin("unpack")
            except BaseException:
                with suppress(SeshError, OSError):
                    carrier.run(f"exec sh -c 'cd && exec rm -rf {scratch}'", CLEARING_TIMEOUT)
                raise
            if not found["installed"]:
                self.carry_out(carrier, {**order, "sha256": hashlib.sha256(package.archive).hexdigest()})
        return {
            "host": self.destination.host, "ok": True, "version": __version__, "python": found["python"],
            "platform": found["platform"], "path": found["path"],
            "bytes": 0 if found["installed"] else len(package.archive), "changed": not found["installed"],
        }  # fmt: skip

    def carry_out(self, carrier: Carrier, order: Order) -> Report:
        """Have the host carry out an order; return its report. Raises DeployError."""
        host = self.destination.host
        result = carrier.run(order_line(order))
        _, token, output = result.out.rpartition(f"{order['token']} ")
        line = output.split("\n")[0].strip()
        if not (token and line):
            step, code = (self.step, None) if token else ("connect", Unreachable.code)
            lines = map(shown, reversed(f"{output}\n{result.err}".split("\n")))
            last = next(filter(None, lines), "it printed nothing")
            hint = f"; {login_files_hint(host)}" if self.destination.via is None else ""
            message = f"{host} gives no answer (exit {result.code}): {last}{hint}"
            raise DeployError(step, message, code=code, output=result.err)
        if line.startswith("none"):  # see `order_line`
            pythons = shown(line).removeprefix("none").removeprefix("; ")
            found = f"only {pythons}" if pythons else "it has no python3"
            raise DeployError("python", f"{host} has no Python 3.10 or newer ({found}); install python3 there")
        value = protocol.value(line.encode("utf-8", "surrogateescape"))
        report: Report = check.checked_from_host(Report, value, "the answer")
        if report["step"]:
            reason = shown(report["reason"].partition("\n")[0])
            foreign = report["foreign"]
            raise DeployError(report["step"], f"{host}: {reason}", output=report["reason"], foreign=foreign)
        return report


def order_line(order: Order) -> str:
    """Return the line that runs an order with the first suitable Python.

    POSIX shells, fish and csh read it alike. It prints the order's token and the report: `TOKEN {"python": …}`. Without
    a suitable Python it prints each Python's last line, its version or a missing module: `TOKEN none; PATH: 3.8.2`.
    """
    token = order["token"]
    text = base64.b64encode(json.dumps(order).encode()).decode()
    # Shell variables. d, n, p: a directory, a name, the path; r: output of this Python; f: the Pythons that failed.
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; '
        f'r=$("$p" -I -c "{_BOOTSTRAP}" {_script()} {text} 2>&1); '
        f'case "$r" in *"{token} "*) printf %s "$r"; echo; exit;; esac; '
        'f="$f; $p: $(printf %s "$r" | tail -n 1)"'
    )
    search = f'IFS=:; d="{_FOLDERS}"; f=; for d in $d; do for n in {_NAMES}; do {one}; done; done'
    return f"exec sh -c '{search}; echo \"{token} none$f\"'"


@functools.cache
def _script() -> str:
    return base64.b64encode(zlib.compress(Path(install.__file__).read_bytes(), 9)).decode()
