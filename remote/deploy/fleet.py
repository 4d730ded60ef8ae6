"""Deploy to several hosts in parallel, with a progress bar and a line for each."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.descriptors import polled
from sesh.errors import LoginRefused, Refused, SeshError, Unreachable
from sesh.outcomes import DeployedHost
from sesh.remote import eventlog
from sesh.remote.deploy import bundle
from sesh.remote.deploy.deploy import ForeignProgram, deploy
from sesh.remote.deploy.install import STEPS, Step
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.workers import Stop, Workers

MAX_AT_ONCE = 16  # hosts; a further one waits until a deploy has ended


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
    slots = threading.BoundedSemaphore(MAX_AT_ONCE)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
        disable=not os.isatty(2) or eventlog.wanted(),
    )

    def run(destination: Destination, stop: Stop) -> Iterator[Step | DeployedHost]:
        with slots:
            yield from deploy(destination, stop, force=force)

    results: dict[str, DeployedHost] = {}
    steps: dict[str, Step] = {each.host: STEPS[0] for each in destinations}
    with bars, Workers[str, Step | DeployedHost]() as workers:
        tasks = {host: bars.add_task(host, total=len(STEPS)) for host in steps}
        for destination in destinations:
            workers.begin(destination.host, partial(run, destination))
        while workers.running:
            polled([(workers.inbound, select.POLLIN)], None)
            for host, item in workers.take():
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
                    line = f"{PROGRAM}: {wording.one_line(_line(results[host], upgrading=upgrading))}"
                    bars.console.print(line, soft_wrap=True)  # the terminal wraps the line
    return results


def _failed(host: str, step: Step, error: SeshError) -> DeployedHost:
    message = wording.one_line(str(error))
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
