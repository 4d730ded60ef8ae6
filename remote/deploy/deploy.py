"""Install this sesh on hosts; if a step fails, the old version stays.

A deploy sends the host an order to look for the version. If the host lacks the version, the deploy puts an archive on
the host, and sends a second order, to install the archive. On the host `install.py` carries out both orders; the second
one removes the temporary directory. If a deploy fails or is stopped before that, it removes the directory itself.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import sys
import tempfile
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Union

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sesh.about import PROGRAM, __version__
from sesh.errors import LoginRefused, ProtocolError, Refused, SeshError, Unreachable, cannot, remedy
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, install
from sesh.remote.deploy.install import STEPS, Report, Step
from sesh.remote.ssh import exchange, master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.ssh.ssh_messages import login_files_hint
from sesh.schema import codec
from sesh.schema.outcomes import DeployedHost
from sesh.system.workers import LEAVING, Stop, Workers
from sesh.text import safe
from sesh.text.safe import one_line

if TYPE_CHECKING:
    from sesh.remote.deploy.fabric_carrier import FabricCarrier

MAX_AT_ONCE = 16  # hosts; a further one waits until a deploy has ended
LOGIN_TIMEOUT = 30.0  # seconds for a login without prompts
TIMEOUT = 300.0  # seconds for a command on the host: enough for the trial, and for an upload over a slow connection
LOOK = "-"  # in place of an archive's hash: the order to look for the version
_MAX_SHOWN = 200  # characters; of a longer text from a host only the end is shown
CLEARING_TIMEOUT = 0.9 * LEAVING  # seconds for a host to remove what a failed deploy has left there

_BOOTSTRAP = (
    "import sys,zlib,base64;sys.version_info<(3,$m)and sys.exit();exec(zlib.decompress(base64.b64decode(sys.argv[1])))"
)
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, 8, -1)) + " python3"
# The system's directories come before those of PATH, because a Python of the user's own is removed sooner.
_FOLDERS = (
    "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/opt/local/bin:/run/current-system/sw/bin:$PATH:"
    "$HOME/.local/bin:$HOME/bin:$HOME/.local/share/uv/python/*/bin:$HOME/.pyenv/versions/*/bin:$HOME/miniconda3/bin:"
    "$HOME/anaconda3/bin:/opt/conda/bin:/opt/python*/bin:/usr/local/python*/bin:$HOME/.nix-profile/bin"
)


class ForeignProgram(Refused):
    """Another project's sesh is in the way."""


class NotArrived(Refused):
    """The archive lies not on the host as it was sent."""


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
        try:
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                done = exchange.run(self._destination, argv, stdin=file, timeout=TIMEOUT, stop=self._stop)
        except OSError as error:
            raise cannot("upload", error, remedy(error, "TMPDIR")) from error
        if done.code:
            raise NotArrived(f"{self._destination.host}: {_shown(done.err)}")

    def close(self) -> None:
        """Leave the shared connection to other commands."""


def carriers(destination: Destination, stop: Stop, failures: list[SeshError]) -> Iterator[Carrier | FabricCarrier]:
    """Yield a carrier by fabric if it can log in, then one by ssh: what fabric cannot do on a host, ssh may.

    `failures`: gets the error of each that cannot connect.
    """
    if destination.via is None and not (master.is_alive(destination) or known.login_prompted(destination.host)):
        with suppress(ModuleNotFoundError):  # a deployed copy has no fabric
            from sesh.remote.deploy import fabric_carrier  # noqa: PLC0415 - loads fabric

            try:
                if by_fabric := fabric_carrier.connect(destination, stop):
                    yield by_fabric
            except Unreachable as error:
                failures.append(error)
    try:
        exchange.connect(destination, LoginOptions(deadline=time.monotonic() + LOGIN_TIMEOUT, stop=stop))
    except Unreachable as error:
        failures.append(error)
    else:
        yield Carrier(destination, stop)


def deploy(destination: Destination, stop: Stop, *, force: bool = False) -> Iterator[Step | DeployedHost]:
    """Install this version on a host, unless the host uses it.

    Yield each step as it begins, the one that fails at the latest; then the result. If a carrier fails, the next one
    begins anew; the host's own refusal is final. `stop`: ends a login by ssh or an upload at once. `force`: replace
    another project's ~/.local/bin/sesh. Raises SeshError, OSError.
    """
    host, began = destination.host, time.monotonic()
    eventlog.log("deploy_start", host=host)
    failures: list[SeshError] = []
    while_connected = 0  # of the failures
    left: list[str] = []  # what a carrier could not remove again
    yield "connect"
    for carrier in carriers(destination, stop, failures):
        try:
            with closing(carrier):
                found, sent = yield from _installed(destination, carrier, left, force=force)
        except (Unreachable, ProtocolError, NotArrived) as error:
            stop.check()
            failures.append(error)
            while_connected = len(failures)
            continue
        known.record(host, __version__, login_prompted=destination.login_prompted)
        facts: DeployedHost = {
            "host": host, "ok": True, "version": __version__, "python": found["python"], "platform": found["platform"],
            "path": found["path"], "bytes": sent, "changed": sent > 0, "seconds": round(time.monotonic() - began, 3),
            "integration": one_line(found["integration"])[:_MAX_SHOWN] or None,
        }  # fmt: skip
        eventlog.log("deploy_done", **{name: value for name, value in facts.items() if name != "ok"})
        yield facts
        return
    if len(failures) > while_connected:
        yield "connect"
    raise _of_all(failures, host)


def _of_all(failures: list[SeshError], host: str) -> SeshError:
    """Return the error of the last carrier, with the reason of the one before."""
    *before, last = failures
    if not before or isinstance(last, LoginRefused) or before[0].message == last.message:
        return last
    reason = before[0].message.removeprefix(host).lstrip(": ")
    return last.but(message=f"{last.message}; before, with fabric: {reason}")


def _installed(
    destination: Destination, carrier: Carrier | FabricCarrier, left: list[str], *, force: bool
) -> Generator[Step, None, tuple[Report, int]]:
    """Install this version by a carrier; return the host's report, and how many bytes were sent. Raises SeshError.

    `left`: directories of earlier carriers on the host, which are removed; gets this one's if it cannot be removed.
    """
    yield "detect_platform"
    if left:
        with suppress(SeshError, OSError):
            _remove(carrier, " ".join(left))
        left.clear()
    package, token = bundle.build(), secrets.token_hex(4)
    order = [token, package.name, "force" if force else "keep"]
    scratch = install.scratch(token)
    try:
        found = yield from _carried_out(destination, carrier, [*order, LOOK])
        if found["step"] == "done":
            return found, 0
        yield "upload"
        carrier.put(package.archive, f"{scratch}/{install.ARCHIVE}")
        yield "unpack"
        found = yield from _carried_out(destination, carrier, [*order, hashlib.sha256(package.archive).hexdigest()])
        return found, len(package.archive)
    except BaseException:  # GeneratorExit, too
        try:
            _remove(carrier, scratch)
        except (SeshError, OSError):
            left.append(scratch)
        raise


def _remove(carrier: Carrier | FabricCarrier, directories: str) -> None:
    """Remove directories below the host's home. Raises SeshError, OSError."""
    carrier.run(f"exec sh -c 'cd && exec rm -rf {directories}'", CLEARING_TIMEOUT)


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
        raise Refused(f"{host} has no Python 3.9 or newer; install python3 there")
    value = codec.value(line.encode("utf-8", "surrogateescape"))
    report: Report = safe.checked_from_host(Report, value, "the answer")
    if report["reason"]:
        yield report["step"]
        arrived = report["step"] != "upload" or order[-1] == LOOK
        kind = ForeignProgram if report["foreign"] else Refused if arrived else NotArrived
        raise kind(f"{host}: {_shown(report['reason'])}")
    return report


def order_line(order: list[str]) -> str:
    """Return the line that runs an order (see `install.main`) with the first suitable Python.

    Python 3.9, on which not all verbs run, is taken only where there is no newer one. POSIX shells, fish and csh read
    the line alike. It prints the order's token, and the report, or `none` without such a Python.
    """
    script = base64.b64encode(zlib.compress(Path(install.__file__).read_bytes(), 9)).decode()
    # Shell variables. m: the oldest minor version; f: all directories; d, n, p: a directory, a name, the path;
    # r: output of this Python.
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; '
        f'r=$("$p" -I -c "{_BOOTSTRAP}" {script} {" ".join(order)} 2>&1); '
        f'case "$r" in *"{order[0]} "*) printf %s "$r"; echo; exit;; esac'
    )
    search = f'IFS=:; f="{_FOLDERS}"; for m in 10 9; do for d in $f; do for n in {_NAMES}; do {one}; done; done; done'
    return f"exec sh -c '{search}; echo {order[0]} none'"


def _shown(text: str) -> str:
    """Return the end of a host's text, as one line without control characters."""
    return one_line(text)[-_MAX_SHOWN:] or "it gave no reason"


# -- several hosts


def deploy_all(
    destinations: Sequence[Destination], *, force: bool = False, upgrading: bool = False
) -> dict[str, DeployedHost]:
    """Deploy to hosts in parallel; print and return the result for each.

    `upgrading`: skip another project's sesh. Hosts that need a password or a second factor come last: the person logs
    in to one after the other, and then sesh deploys to them in parallel. Raises Refused.
    """
    bundle.build()  # once, before the threads need it
    begin = partial(_deploy_at_once, force=force, upgrading=upgrading)
    prompts = LoginOptions(may_prompt=True, show_line=partial(print, file=sys.stderr, flush=True))
    try:
        results = begin(destinations, may_prompt=os.isatty(0) and os.isatty(1))
        late = [destination for destination in destinations if destination.host not in results]
        for destination in late:
            eventlog.prose(f"{destination.host} asks you to log in")  # ssh's prompt may show only an address
            with suppress(Unreachable, Refused):  # the deploy reports why it cannot log in
                master.ensure(destination, prompts)
        results |= begin(late, may_prompt=False)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; a step that has begun on a host may still be carried out") from None
    return {destination.host: results[destination.host] for destination in destinations}


def _deploy_at_once(
    destinations: Sequence[Destination], *, force: bool, upgrading: bool, may_prompt: bool
) -> dict[str, DeployedHost]:
    """Deploy to hosts in parallel, without prompts, and print each result.

    `may_prompt`: leave out hosts that want a login. Ctrl-C stops all deploys, and waits a few seconds until they have
    removed what they made.
    """
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
        disable=not os.isatty(2) or eventlog.wanted(),
    )

    results: dict[str, DeployedHost] = {}
    steps: dict[str, Step] = {each.host: STEPS[0] for each in destinations}
    with bars, Workers[str, Union[Step, DeployedHost]](MAX_AT_ONCE) as workers:
        tasks = {host: bars.add_task(host, total=len(STEPS)) for host in steps}
        for destination in destinations:
            workers.begin(destination.host, partial(deploy, destination, force=force))
        for host, item in workers.items():
            if isinstance(item, str):
                steps[host] = item
                words = f"{host}: {item.replace('_', ' ')}"
                bars.update(tasks[host], completed=STEPS.index(item), description=words)
                continue
            bars.update(tasks[host], visible=False)
            if may_prompt and isinstance(item, LoginRefused) and item.wants_login:
                continue
            results[host] = _failed(host, steps[host], item) if isinstance(item, SeshError) else item
            if "error" in results[host] or not eventlog.wanted():
                line = f"{PROGRAM}: {one_line(_line(results[host], upgrading=upgrading))}"
                bars.console.print(line, soft_wrap=True)  # the terminal wraps the line
            if (integration := results[host].get("integration")) and not eventlog.wanted():
                line = f"{PROGRAM}: {host}: to record what you type there, write {integration}"
                bars.console.print(line, soft_wrap=True)
    return results


def _failed(host: str, step: Step, error: SeshError) -> DeployedHost:
    message = one_line(str(error))
    eventlog.log("deploy_failed", host=host, step=step, stderr=message)
    is_foreign = isinstance(error, ForeignProgram)
    return {
        "host": host, "ok": False,
        "error": {"code": error.code, "message": message, "step": step, "foreign": is_foreign},
    }  # fmt: skip


def _line(result: DeployedHost, *, upgrading: bool) -> str:
    host = result["host"]
    if error := result.get("error"):
        how = "skipped" if upgrading and error["foreign"] else f"failed ({error['step']})"
        return f"{host} {how}: {error['message'].removeprefix(f'{host}: ')}"
    if not result["changed"]:
        return f"{host} has sesh {__version__} already"
    size = f"{result['bytes'] / 1e6:.1f} MB, {result['seconds']:.1f} s"
    return f"installed sesh {__version__} on {host} with {result['python']} ({size})"
