"""Deploying to several hosts at once: each in a thread, with a progress bar on a terminal and a line elsewhere."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sesh import wording
from sesh.about import CALLED
from sesh.errors import Interrupted, SeshError
from sesh.remote import eventlog
from sesh.remote.deploy.deploy import STEPS, DeployError, Deployment, connect, deploy
from sesh.remote.ssh import ssh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.remote.deploy.carrier import Carrier
    from sesh.remote.deploy.deploy import Progress
    from sesh.remote.ssh.destination import Destination

MAX_AT_ONCE = 16
_STDERR = 2


@dataclass
class HostResult:
    """The result for one host: its `deployment`, or the `error`."""

    destination: Destination
    deployment: Deployment | None = None
    error: SeshError | None = None

    def __str__(self) -> str:
        done, host = self.deployment, self.destination.host
        if done is None:
            step = f" ({self.error.step})" if isinstance(self.error, DeployError) else ""
            reason = str(self.error)
            for beginning in (f"{host}: ", f"{host} ", f"cannot reach {host}: "):
                reason = reason.removeprefix(beginning)
            return f"{host} failed{step}: {reason}"
        if not done.changed:
            return f"{host} has sesh {done.version} already"
        size = f"{done.bytes / 1e6:.1f} MB, " if done.bytes else ""
        return f"installed sesh {done.version} on {host} with Python {done.python_version} ({size}{done.seconds:.1f} s)"


def deploy_all(destinations: Sequence[Destination], *, force: bool = False) -> list[HostResult]:
    """Deploy to several hosts in parallel; return the results in their order. A failure on one stops no other.

    Each host has a line on stderr when it is done or has failed, and until then a progress bar if that is a terminal
    and no program reads the events. Those that must ask are connected one after the other, before the bars are drawn.
    """
    carriers = _connect_all(destinations)
    drawn = _Bars(destinations) if os.isatty(_STDERR) and not eventlog.wanted() else None
    stop = threading.Event()

    def deploy_one(index: int) -> HostResult:
        def progress(step: str, done: int, total: int) -> None:
            if stop.is_set():
                raise Interrupted("interrupted")
            if drawn:
                drawn.update(index, step, done, total)

        result = _deploy_one(destinations[index], carriers[index], force, progress)
        if stop.is_set() and result.error is not None:  # its connection was closed, which ends nothing over there
            result.error = Interrupted("interrupted; the step that had begun may still be carried out there")
        if drawn:
            drawn.finish(index, result)
        else:
            eventlog.prose(str(result), failed=result.error is not None)
        return result

    with drawn.bars if drawn else nullcontext(), _pool(destinations) as pool:
        try:
            futures = [pool.submit(deploy_one, index) for index in range(len(destinations))]
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stop.set()  # and closing the connections ends what waits for a host
            raise
        finally:
            _close_all(carriers)


def _pool(destinations: Sequence[Destination]) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MAX_AT_ONCE, max(1, len(destinations))))


def _deploy_one(destination: Destination, carrier: Carrier | SeshError, force: bool, progress: Progress) -> HostResult:
    if isinstance(carrier, SeshError):
        eventlog.log("deploy_start", host=destination.host)
        eventlog.log("deploy_failed", host=destination.host, step=STEPS[0], stderr=str(carrier))
        return HostResult(destination, error=carrier)
    try:
        return HostResult(destination, deploy(destination, force=force, progress=progress, carrier=carrier))
    except SeshError as error:
        return HostResult(destination, error=error)


def _connect_all(destinations: Sequence[Destination]) -> list[Carrier | SeshError]:
    """Connect to all hosts: first in parallel without prompts, then one by one if a prompt of ssh may help."""

    def connect_quietly(destination: Destination) -> Carrier | SeshError:
        try:
            return connect(destination)
        except SeshError as error:
            return error

    with _pool(destinations) as pool:
        carriers = list(pool.map(connect_quietly, destinations))
    ask = ssh.can_prompt()
    for index, (destination, carrier) in enumerate(zip(destinations, carriers, strict=True)):
        if ask and isinstance(carrier, DeployError) and carrier.prompt_may_help:
            eventlog.prose(f"{destination.host} asks you to log in")  # ssh's own prompt may name an address alone
            try:
                carriers[index] = connect(destination, ask=True)
            except SeshError as error:
                carriers[index] = error
            except BaseException:
                _close_all(carriers)
                raise
    return carriers


def _close_all(carriers: Sequence[Carrier | SeshError]) -> None:
    for carrier in carriers:
        if not isinstance(carrier, SeshError):
            carrier.close()


class _Bars:
    """A bar for each host: the steps, and within the upload its bytes. In the end a line takes its place."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        host, step = TextColumn("{task.fields[host]}", markup=False), TextColumn("{task.description}", markup=False)
        self.bars = Progress(host, BarColumn(), step, console=Console(stderr=True, highlight=False))
        self._tasks = [
            self.bars.add_task("connect", total=len(STEPS), host=destination.host) for destination in destinations
        ]

    def update(self, index: int, step: str, done: int, total: int) -> None:
        share = done / total if total else 1.0
        text = f"{step} {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total > 1 else step.replace("_", " ")
        self.bars.update(self._tasks[index], completed=STEPS.index(step) + share, description=text)

    def finish(self, index: int, result: HostResult) -> None:
        self.bars.update(self._tasks[index], visible=False)
        line = f"{CALLED}: {wording.one_line(str(result))}"  # the terminal wraps it, as a column of a table would not
        self.bars.console.print(line, soft_wrap=True, markup=False, emoji=False)
