"""Several deploys at once: each host in a thread of its own, with a progress bar on a terminal and a line elsewhere."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from sesh.errors import Interrupted, SeshError
from sesh.remote import eventlog
from sesh.remote.deploy.deploy import STEPS, Deployed, DeployError, connected, deploy
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress

    from sesh.remote.deploy.carrier import Carrier
    from sesh.remote.ssh.destination import Destination

    Tell = Callable[[str, int, int], None]

MOST_AT_ONCE = 16
_STDERR = 2


class Result:
    """What became of one host: `deployed`, or the `error` that ended it."""

    __slots__ = ("deployed", "destination", "error")

    def __init__(
        self, destination: Destination, deployed: Deployed | None = None, error: SeshError | None = None
    ) -> None:
        self.destination, self.deployed, self.error = destination, deployed, error

    def __str__(self) -> str:
        """In one line, for people."""
        word = self.destination.word
        if self.deployed is None:
            step = f" ({self.error.step})" if isinstance(self.error, DeployError) else ""
            return f"{word} failed{step}: {self.error}"
        done = self.deployed
        if not done.changed:
            return f"{word} has sesh {done.version} already"
        size = f"{done.bytes / 1e6:.1f} MB, " if done.bytes else ""
        return f"{word} has sesh {done.version} now, by Python {done.python_version} ({size}{done.seconds:.1f} s)"


def deploy_all(
    destinations: Sequence[Destination], *, force: bool = False, bars: bool | None = None, ask: bool | None = None
) -> list[Result]:
    """Deploys to several hosts in parallel; what became of each, in their order. A failure of one stops no other.

    `bars`: a progress bar each on stderr; None where that is a terminal and no program reads the events. Without bars
    each host gets a line when it is done. `ask`: whether ssh may prompt; None where a person sits at a terminal. Hosts
    that must ask are connected one after the other, before the first bar is drawn.
    """
    ask = ssh.prompting() if ask is None else ask
    bars = os.isatty(_STDERR) and not eventlog.wanted() if bars is None else bars
    ways = _connected(destinations, ask)
    shown = _Bars(destinations) if bars else _Lines()
    stop = threading.Event()

    def one(at: int) -> Result:
        destination, way = destinations[at], ways[at]
        tell = shown.teller(at)

        def watched(step: str, done: int, total: int) -> None:
            if stop.is_set():
                raise Interrupted("interrupted")
            tell(step, done, total)

        result = _one(destination, way, force, watched)
        shown.end(at, result)
        return result

    with shown, ThreadPoolExecutor(min(MOST_AT_ONCE, max(1, len(destinations)))) as pool:
        futures = [pool.submit(one, at) for at in range(len(destinations))]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stop.set()  # and what waits for a host fails as its connection is closed
            raise
        finally:
            for way in ways:
                if not isinstance(way, SeshError):
                    way.close()


def _one(destination: Destination, way: Carrier | SeshError, force: bool, tell: Tell) -> Result:
    if isinstance(way, SeshError):
        eventlog.log("deploy_start", host=destination.word)
        eventlog.log("deploy_failed", host=destination.word, step=STEPS[0], stderr=str(way))
        return Result(destination, error=way)
    try:
        return Result(destination, deploy(destination, force=force, progress=tell, over=way))
    except SeshError as error:
        return Result(destination, error=error)


def _connected(destinations: Sequence[Destination], ask: bool) -> list[Carrier | SeshError]:
    """The ways to all hosts: first all at once without a question, then one by one those where a person may help."""

    def quiet(destination: Destination) -> Carrier | SeshError:
        try:
            return connected(destination, ask=False)
        except SeshError as error:
            return error

    with ThreadPoolExecutor(min(MOST_AT_ONCE, max(1, len(destinations)))) as pool:
        ways = list(pool.map(quiet, destinations))
    for at, (destination, way) in enumerate(zip(destinations, ways, strict=True)):
        if ask and isinstance(way, DeployError) and way.askable:
            try:
                ways[at] = connected(destination, ask=True)
            except SeshError as error:
                ways[at] = error
    return ways


class _Lines:
    """One line a host, when it is done; none where a program reads the events."""

    def __enter__(self) -> None:
        """Nothing has to be prepared."""

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    def teller(self, _at: int) -> Tell:
        return lambda _step, _done, _total: None

    def end(self, _at: int, result: Result) -> None:
        eventlog.prose(str(result))


class _Bars(_Lines):
    """A bar a host: the steps, and within the upload its bytes."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.fields[word]}"), BarColumn(), TextColumn("{task.description}"))
        self._progress: Progress = Progress(*columns, console=Console(stderr=True, highlight=False))
        self._tasks = [self._progress.add_task("connect", total=len(STEPS), word=each.word) for each in destinations]

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def teller(self, at: int) -> Tell:
        def tell(step: str, done: int, total: int) -> None:
            share = done / total if total else 1.0
            text = f"{step} {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total > 1 else step.replace("_", " ")
            self._progress.update(self._tasks[at], completed=STEPS.index(step) + share, description=text)

        return tell

    def end(self, at: int, result: Result) -> None:
        completed = len(STEPS) if result.error is None else None
        text = str(result).partition(" ")[2]
        self._progress.update(self._tasks[at], completed=completed, description=text, refresh=True)
