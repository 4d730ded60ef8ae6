"""Deploy to several hosts in parallel, with a progress bar and a line for each."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.descriptors import polled
from sesh.errors import SIGNAL_BASE, Interrupted, LoginRefused, SeshError
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog
from sesh.remote.deploy import bundle
from sesh.remote.deploy.deploy import STEPS, DeployError, deploy
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.workers import Stop, Workers

MAX_AT_ONCE = 16  # hosts; a further one waits until a deploy has ended
_STDERR = 2
_CONNECTING = "connecting …"
_SHOWN = {"detect_platform": "look for Python", "unpack": "unpack, try and switch"}  # names of steps on the bar


@dataclass
class HostResult:
    destination: Destination
    deployed: DeployedHost | DeployError
    upgrading: bool  # then a host with another project's sesh is skipped

    @property
    def error(self) -> DeployError | None:
        return self.deployed if isinstance(self.deployed, DeployError) else None

    @property
    def skipped(self) -> bool:
        return self.upgrading and self.error is not None and self.error.foreign

    @property
    def needs_prompt(self) -> bool:
        """True if ssh could log in by prompting the person at the terminal."""
        cause = self.error and self.error.__cause__
        return isinstance(cause, LoginRefused) and cause.wants_login and os.isatty(0) and os.isatty(1)

    def __str__(self) -> str:
        host = self.destination.host
        deployed = self.deployed
        if isinstance(deployed, DeployError):
            how = "skipped" if self.skipped else f"failed ({deployed.step})"
            return f"{host} {how}: {str(deployed).removeprefix(f'{host}: ')}"
        if not deployed["changed"]:
            return f"{host} has sesh {__version__} already"
        size = f"{deployed['bytes'] / 1e6:.1f} MB, {deployed['seconds']:.1f} s"
        return f"installed sesh {__version__} on {host} with {deployed['python']} ({size})"


def deploy_all(
    destinations: Sequence[Destination], *, force: bool = False, upgrading: bool = False
) -> list[HostResult]:
    """Deploy to hosts in parallel; return the results in their order. Raises Interrupted, Refused.

    Each result becomes a line on stderr. Hosts that need a password or a second factor come last: the person logs in to
    one after the other, and then sesh deploys to them in parallel.
    """
    bundle.build()  # once, before the threads need it
    nothing = DeployError(STEPS[0], "not begun")
    results = [HostResult(destination, nothing, upgrading) for destination in destinations]
    prompts = LoginOptions(may_prompt=True, show_line=partial(print, file=sys.stderr, flush=True))
    with _signals_interrupt():
        _deploy_at_once(results, force)
        prompting = [result for result in results if result.needs_prompt]
        for result in prompting:
            eventlog.prose(f"{result.destination.host} asks you to log in")  # ssh's prompt may show only an address
            try:
                master.ensure(result.destination, prompts)
            except Interrupted:
                raise
            except SeshError as error:
                result.deployed = DeployError("connect", str(error), code=error.code)
                eventlog.prose(str(result), failed=True)
        _deploy_at_once([result for result in prompting if result.needs_prompt], force, last=True)
    return results


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Raise Interrupted for a signal that would end sesh, in the main thread."""

    def interrupt(number: int, _frame: object) -> None:
        message = "interrupted; a step that has begun on a host may still be carried out"
        raise Interrupted(message, exit_code=SIGNAL_BASE + number)

    with ExitStack() as undo:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                before = signal.signal(number, interrupt)
                undo.callback(signal.signal, number, before or signal.SIG_DFL)
        yield


def _deploy_at_once(results: Sequence[HostResult], force: bool, *, last: bool = False) -> None:
    """Deploy to hosts in parallel, without prompts, and print each result.

    Unless this is the `last` attempt, the result of a host that wants a login is not printed: another attempt follows.
    An interrupt stops all deploys, and waits a few seconds until they have removed what they made.
    """
    slots = threading.BoundedSemaphore(MAX_AT_ONCE)
    running: dict[TaskID, HostResult] = {}
    with _bars() as bars, Workers[TaskID, DeployedHost]() as workers:

        def run(destination: Destination, bar: TaskID, stop: Stop) -> Iterator[DeployedHost]:
            stop.message = "interrupted"
            with slots:
                yield deploy(destination, force=force, progress=partial(_show_step, bars, bar), stop=stop)

        for result in results:
            bar = bars.add_task(_CONNECTING, total=len(STEPS), host=result.destination.host)
            running[bar] = result
            workers.begin(bar, partial(run, result.destination, bar))
        while running:
            polled([(workers.inbound, select.POLLIN)], None)
            for bar, deployed in workers.take():
                result = running.pop(bar)
                if not isinstance(deployed, SeshError) or isinstance(deployed, DeployError):
                    result.deployed = deployed
                else:  # no room for a thread, or a defect
                    result.deployed = DeployError(STEPS[0], str(deployed), code=deployed.code)
                bars.update(bar, visible=False)
                if (last or not result.needs_prompt) and (result.error or not eventlog.wanted()):
                    line = Text(f"{PROGRAM}: {wording.one_line(str(result))}")
                    bars.console.print(line, soft_wrap=True)  # the terminal wraps the line


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.fields[host]}", markup=False),
        BarColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not os.isatty(_STDERR) or eventlog.wanted(),
    )


def _show_step(bars: Progress, bar: TaskID, step: str) -> None:
    bars.update(bar, completed=STEPS.index(step), description=_SHOWN.get(step, step.replace("_", " ")))
