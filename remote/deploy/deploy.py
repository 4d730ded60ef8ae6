"""Install this sesh on one host; if a step fails, the old version stays.

A deploy sends the host an order to look for the version. If the host lacks the version, the deploy puts an archive on
the host, and sends a second order, to install the archive. On the host `install.py` carries out both orders; the second
one removes the temporary directory. If a deploy fails or is stopped before that, it removes the directory itself.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sesh import check, protocol
from sesh.about import __version__
from sesh.errors import Refused, SeshError, Unreachable
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.install import Report, Step
from sesh.remote.ssh import exchange, master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import login_files_hint
from sesh.wording import one_line
from sesh.workers import LEAVING, Stop

if TYPE_CHECKING:
    from sesh.remote.deploy.fabric_carrier import FabricCarrier

LOGIN_TIMEOUT = 30.0  # seconds for a login without prompts
TIMEOUT = 300.0  # seconds for a command on the host: enough for the trial, and for an upload over a slow connection
_MAX_SHOWN = 200  # characters; of a longer text from a host only the end is shown
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


class ForeignProgram(Refused):
    """Another project's sesh is in the way."""


class Carrier:
    """Runs commands on a host by ssh, or its `via` command; never prompts."""

    def __init__(self, destination: Destination, stop: Stop) -> None:
        self._destination = destination
        self._stop = stop  # ends an upload at once

    def run(self, line: str, timeout: float) -> CommandResult:
        """Run a line in the host's login shell, without input. Raises Unreachable, ProtocolError."""
        return exchange.run(self._destination, ssh.command(self._destination, line), timeout=timeout)

    def put(self, data: bytes, path: str) -> None:
        """Write a file in HOME. `path`: letters, digits, `.`, `-`, `/`. Raises SeshError, Interrupted."""
        argv = ssh.command(self._destination, f"exec sh -c 'cd && exec cat > {path}'")
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            done = exchange.run(self._destination, argv, stdin=file, timeout=TIMEOUT, stop=self._stop)
        if done.code:
            raise Refused(f"{self._destination.host}: {_shown(done.err)}")

    def close(self) -> None:
        """Leave the shared connection to other commands."""


def open_carrier(destination: Destination, stop: Stop) -> Carrier | FabricCarrier:
    """Connect by fabric if it can log in, otherwise by ssh. Raises SeshError."""
    if destination.via is None and not (master.is_alive(destination) or known.login_prompted(destination.host)):
        with suppress(ModuleNotFoundError):  # a deployed copy has no fabric
            from sesh.remote.deploy import fabric_carrier

            if carrier := fabric_carrier.connect(destination, stop):
                return carrier
    exchange.connect(destination, LoginOptions(deadline=time.monotonic() + LOGIN_TIMEOUT, stop=stop))
    return Carrier(destination, stop)


def deploy(destination: Destination, stop: Stop, *, force: bool = False) -> Iterator[Step | DeployedHost]:
    """Install this version on a host, unless the host uses it.

    Yield each step as it begins, the one that fails at the latest; then the result. `stop`: ends a login by ssh or an
    upload at once. `force`: replace another project's ~/.local/bin/sesh. Raises SeshError, OSError.
    """
    host, began = destination.host, time.monotonic()
    eventlog.log("deploy_start", host=host)
    yield "connect"
    with closing(open_carrier(destination, stop)) as carrier:
        yield "detect_platform"
        package, token = bundle.build(), secrets.token_hex(4)
        order = [token, package.name, "force" if force else "keep"]
        scratch = install.scratch(token)
        try:
            found = yield from _carried_out(destination, carrier, [*order, "-"])
            if is_missing := found["step"] != "done":
                yield "upload"
                carrier.put(package.archive, f"{scratch}/{install.ARCHIVE}")
                yield "unpack"
        except BaseException:  # GeneratorExit, too
            with suppress(SeshError, OSError):
                carrier.run(f"exec sh -c 'cd && exec rm -rf {scratch}'", CLEARING_TIMEOUT)
            raise
        if is_missing:
            yield from _carried_out(destination, carrier, [*order, hashlib.sha256(package.archive).hexdigest()])
    known.record(host, __version__)
    facts: DeployedHost = {
        "host": host, "ok": True, "version": __version__, "python": found["python"], "platform": found["platform"],
        "path": found["path"], "bytes": len(package.archive) * is_missing, "changed": is_missing,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    eventlog.log("deploy_done", **{name: value for name, value in facts.items() if name != "ok"})
    yield facts


def _carried_out(
    destination: Destination, carrier: Carrier | FabricCarrier, order: list[str]
) -> Generator[Step, None, Report]:
    """Have the host carry out an order; return its report.

    Yield the step that failed, and raise SeshError.
    """
    host, token = destination.host, order[0]
    result = carrier.run(order_line(order), TIMEOUT)
    _, answered, output = result.out.rpartition(f"{token} ")
    line = output.split("\n")[0].strip()
    if not (answered and line):
        if not answered:
            yield "connect"
        message = f"{host} gives no answer (exit {result.code}): {_shown(result.out + result.err)}"
        raise Unreachable(message, hint=login_files_hint(host) if destination.via is None else "")
    if line == "none":  # see `order_line`
        yield "python"
        raise Refused(f"{host} has no Python 3.10 or newer; install python3 there")
    value = protocol.value(line.encode("utf-8", "surrogateescape"))
    report: Report = check.checked_from_host(Report, value, "the answer")
    if report["reason"]:
        yield report["step"]
        kind = ForeignProgram if report["foreign"] else Refused
        raise kind(f"{host}: {_shown(report['reason'])}")
    return report


def order_line(order: list[str]) -> str:
    """Return the line that runs an order (see `install.main`) with the first suitable Python.

    POSIX shells, fish and csh read it alike. It prints the order's token, and the report, or `none` without such a
    Python.
    """
    script = base64.b64encode(zlib.compress(Path(install.__file__).read_bytes(), 9)).decode()
    # Shell variables. d, n, p: a directory, a name, the path; r: output of this Python.
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; '
        f'r=$("$p" -I -c "{_BOOTSTRAP}" {script} {" ".join(order)} 2>&1); '
        f'case "$r" in *"{order[0]} "*) printf %s "$r"; echo; exit;; esac'
    )
    search = f'IFS=:; d="{_FOLDERS}"; for d in $d; do for n in {_NAMES}; do {one}; done; done'
    return f"exec sh -c '{search}; echo {order[0]} none'"


def _shown(text: str) -> str:
    """Return the end of a host's text, as one line without control characters."""
    return one_line(text)[-_MAX_SHOWN:] or "it gave no reason"
