"""Deploy to several hosts in parallel, with a progress bar and a line for each."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.descriptors import polled
from sesh.errors import SIGNAL_BASE, Interrupted, LoginRefused, Refused, SeshError, Unreachable
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog
from sesh.remote.deploy import bundle
from sesh.remote.deploy.deploy import STEPS, DeployError, deploy
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.workers import Stop, Workers

MAX_AT_ONCE = 16  # hosts; a further one waits until a deploy has ended
Results = dict[str, DeployedHost | DeployError]
"""By host, what was installed, or why not."""


def deploy_all(destinations: Sequence[Destination], *, force: bool = False, upgrading: bool = False) -> Results:
    """Deploy to hosts in parallel. `upgrading`: skip another project's sesh. Raises Interrupted, Refused.

    Each result becomes a line on stderr. Hosts that need a password or a second factor come last: the person logs in to
    one after the other, and then sesh deploys to them in parallel.
    """
    bundle.build()  # once, before the threads need it
    begin = partial(_deploy_at_once, force=force, upgrading=upgrading)
    prompts = LoginOptions(may_prompt=True, show_line=partial(print, file=sys.stderr, flush=True))
    with _signals_interrupt():
        results = begin(destinations, may_prompt=os.isatty(0) and os.isatty(1))
        late = [destination for destination in destinations if destination.host not in results]
        for destination in late:
            eventlog.prose(f"{destination.host} asks you to log in")  # ssh's prompt may show only an address
            with suppress(Unreachable, Refused):  # the deploy reports why it cannot log in
                master.ensure(destination, prompts)
        results |= begin(late, may_prompt=False)
    return {destination.host: results[destination.host] for destination in destinations}


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


def _deploy_at_once(destinations: Sequence[Destination], *, force: bool, upgrading: bool, may_prompt: bool) -> Results:
    """Deploy to hosts in parallel, without prompts, and print each result.

    `may_prompt`: leave out hosts that want a login. An interrupt stops all deploys, and waits a few seconds until they
    have removed what they made.
    """
    slots = threading.BoundedSemaphore(MAX_AT_ONCE)
    bars = Progress(
        TextColumn("{task.fields[host]}", markup=False),
        BarColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
        disable=not os.isatty(2) or eventlog.wanted(),
    )

    def show(bar: TaskID, step: str) -> None:
        bars.update(bar, completed=STEPS.index(step), description=step.replace("_", " "))

    def run(destination: Destination, bar: TaskID, stop: Stop) -> Iterator[DeployedHost]:
        stop.message = "interrupted"
        with slots:
            yield deploy(destination, force=force, progress=partial(show, bar), stop=stop)

    results: Results = {}
    with bars, Workers[TaskID, DeployedHost]() as workers:
        hosts = {bars.add_task(STEPS[0], total=len(STEPS), host=each.host): each for each in destinations}
        for bar, destination in hosts.items():
            workers.begin(bar, partial(run, destination, bar))
        while workers.running:
            polled([(workers.inbound, select.POLLIN)], None)
            for bar, deployed in workers.take():
                host = hosts[bar].host
                bars.update(bar, visible=False)
                if isinstance(deployed, SeshError):
                    cause = deployed.__cause__
                    if may_prompt and isinstance(cause, LoginRefused) and cause.wants_login:
                        continue
                    if not isinstance(deployed, DeployError):  # no room for a thread, or a defect
                        deployed = DeployError(STEPS[0], str(deployed), code=deployed.code)
                results[host] = deployed
                if isinstance(deployed, DeployError) or not eventlog.wanted():
                    line = f"{PROGRAM}: {wording.one_line(_line(host, deployed, upgrading))}"
                    bars.console.print(line, soft_wrap=True)  # the terminal wraps the line
    return results


def _line(host: str, deployed: DeployedHost | DeployError, upgrading: bool) -> str:
    if isinstance(deployed, DeployError):
        how = "skipped" if upgrading and deployed.foreign else f"failed ({deployed.step})"
        return f"{host} {how}: {str(deployed).removeprefix(f'{host}: ')}"
    if not deployed["changed"]:
        return f"{host} has sesh {__version__} already"
    size = f"{deployed['bytes'] / 1e6:.1f} MB, {deployed['seconds']:.1f} s"
    return f"installed sesh {__version__} on {host} with {deployed['python']} ({size})"
