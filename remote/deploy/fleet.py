"""Deploying to several hosts at once: each in a thread, with a progress bar on a terminal and a line elsewhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from sesh import wording
from sesh.about import CALLED
from sesh.errors import Interrupted, SeshError
from sesh.remote import eventlog
from sesh.remote.deploy.carrier import Carrier
from sesh.remote.deploy.deploy import STEPS, DeployError, Deployment, deploy, open_carrier
from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import Destination
from sesh.stop import Stop

MAX_AT_ONCE = 16
_STDERR = 2
_CONNECTING = "connecting …"
_SHOWN = {STEPS[0]: _CONNECTING, "unpack": "unpack, try and switch"}  # the host carries these out in one go
_GRACE = 0.25
"""Seconds for an ssh that asks to give the terminal back after Ctrl-C."""


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
    and no program reads the events. Hosts for which ssh must ask are connected one after the other, without the bars.
    """
    return _Fleet(destinations, force).run()


class _Fleet:
    def __init__(self, destinations: Sequence[Destination], force: bool) -> None:
        self._destinations, self._force = destinations, force
        self._drawn = _Bars(destinations) if os.isatty(_STDERR) and not eventlog.wanted() else None
        self._screen = threading.Lock()  # held while ssh asks, or a result is printed
        self._carriers: list[Carrier] = []
        self._stop = Stop()

    def run(self) -> list[HostResult]:
        with self._drawn.bars if self._drawn else nullcontext(), ThreadPoolExecutor(MAX_AT_ONCE) as pool:
            try:
                futures = [pool.submit(self._deploy, index) for index in range(len(self._destinations))]
                return [future.result() for future in futures]
            except BaseException:
                if self._screen.acquire(timeout=_GRACE):
                    self._screen.release()
                self._stop.stop()
                for carrier in self._carriers:
                    carrier.close()  # this ends what waits for a host
                raise

    def _deploy(self, index: int) -> HostResult:
        def progress(step: str, done: int, total: int) -> None:
            self._stop.check()
            if self._drawn:
                self._drawn.update(index, step, done, total)

        result = HostResult(self._destinations[index])
        try:
            connect = partial(self._connect, result.destination)
            result.deployment = deploy(result.destination, force=self._force, progress=progress, connect=connect)
        except SeshError as error:
            result.error = error
            if self._stop.stopped:  # its connection was closed, which ends nothing on the host
                result.error = Interrupted("interrupted; the step that had begun may still be carried out there")
        with self._screen:
            if self._drawn:
                self._drawn.finish(index, result)
            else:
                eventlog.prose(str(result), failed=result.error is not None)
        return result

    def _connect(self, destination: Destination) -> Carrier:
        """Connect to a host without prompts, else with those of ssh if they may help."""
        self._stop.check()
        try:
            carrier = open_carrier(destination, stop=self._stop)
        except DeployError as error:
            if not (error.prompt_may_help and ssh.can_prompt()):
                raise
            with self._screen, self._drawn.hidden() if self._drawn else nullcontext():
                self._stop.check()
                eventlog.prose(f"{destination.host} asks you to log in")  # ssh's own prompt may name an address alone
                carrier = open_carrier(destination, ask=True, stop=self._stop)
        self._carriers.append(carrier)
        return carrier


class _Bars:
    """A bar for each host: the steps, and within the upload its bytes. In the end a line takes its place."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        host, step = TextColumn("{task.fields[host]}", markup=False), TextColumn("{task.description}", markup=False)
        console = Console(stderr=True, highlight=False)
        self.bars = Progress(host, BarColumn(), step, console=console, transient=True)
        self._tasks = [
            self.bars.add_task(_CONNECTING, total=len(STEPS), host=destination.host) for destination in destinations
        ]

    def update(self, index: int, step: str, done: int, total: int) -> None:
        share = done / total if total else 1.0
        text = _SHOWN.get(step, step.replace("_", " "))
        text = f"{text} {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total > 1 else text
        self.bars.update(self._tasks[index], completed=STEPS.index(step) + share, description=text)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """No bars within a block; the lines that they took are free."""
        shown = [task.id for task in self.bars.tasks if task.visible]
        for task in shown:
            self.bars.update(task, visible=False)
        self.bars.stop()
        try:
            yield
        finally:
            for task in shown:
                self.bars.update(task, visible=True)
            self.bars.start()

    def finish(self, index: int, result: HostResult) -> None:
        self.bars.update(self._tasks[index], visible=False)
        line = f"{CALLED}: {wording.one_line(str(result))}"  # the terminal wraps it, as a column of a table would not
        self.bars.console.print(line, soft_wrap=True, markup=False, emoji=False)
