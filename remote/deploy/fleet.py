"""Deploy to several hosts in parallel, with a progress bar and a line for each."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.errors import AuthenticationFailed, Interrupted, SeshError
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog
from sesh.remote.deploy import bundle, carrier
from sesh.remote.deploy.deploy import STEPS, DeployError, deploy
from sesh.remote.ssh.destination import Destination

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
        is_refused = self.error is not None and isinstance(self.error.__cause__, AuthenticationFailed)
        return is_refused and os.isatty(0) and os.isatty(1)

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
    unknown = DeployError(STEPS[0], "sesh has a defect; see the lines above", code="internal")
    results = [HostResult(destination, unknown, upgrading) for destination in destinations]
    try:
        _deploy_at_once(results, force)
        prompting = [result for result in results if result.needs_prompt]
        for result in prompting:
            eventlog.prose(f"{result.destination.host} asks you to log in")  # ssh's prompt may show only an address
            try:
                carrier.log_in(result.destination, may_prompt=True)
            except SeshError as error:
                result.deployed = DeployError("connect", str(error), code=error.code)
                eventlog.prose(str(result), failed=True)
        _deploy_at_once([result for result in prompting if result.needs_prompt], force, last=True)
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted; a step that has begun on a host may still be carried out") from error
    return results


def _deploy_at_once(results: Sequence[HostResult], force: bool, *, last: bool = False) -> None:
    """Deploy to hosts in parallel, without prompts, and print each result.

    Unless this is the `last` attempt, the result of a host that wants a login is not printed: another attempt follows.
    """
    slots = threading.BoundedSemaphore(MAX_AT_ONCE)
    with _bars() as bars:

        def run(result: HostResult, bar: TaskID) -> None:
            with slots:
                try:
                    result.deployed = deploy(result.destination, force=force, progress=partial(_show_step, bars, bar))
                except DeployError as error:
                    result.deployed = error
            bars.update(bar, visible=False)
            if (last or not result.needs_prompt) and (result.error or not eventlog.wanted()):
                line = Text(f"{PROGRAM}: {wording.one_line(str(result))}")
                bars.console.print(line, soft_wrap=True)  # the terminal wraps the line

        threads = []
        for result in results:
            bar = bars.add_task(_CONNECTING, total=len(STEPS), host=result.destination.host)
            # A daemon thread, so that Ctrl-C ends the process at once.
            threads.append(threading.Thread(target=run, args=(result, bar), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()


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
