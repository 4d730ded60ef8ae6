"""The runs of a session as plain data, and back: a command goes on while its daemon becomes another sesh."""

from __future__ import annotations

from sesh.daemon.run import RUNNING, Run
from sesh.daemon.state import packed, unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.peer import Peer
    from sesh.daemon.runs import Runs
    from sesh.daemon.server import Server


def dump(runs: Runs, places: dict[Peer, int]) -> dict[str, Any]:
    """The runs that are under way and those that wait; `places`: the numbers of the peers."""
    every = [each for each in (runs.active, *runs.queue) if each is not None]
    return {
        "secret": runs.secret,
        "prompted": runs.prompted,
        "between": packed(runs.between),
        "outer": list(runs.outer),
        "part": packed(runs.sieve.part),
        "active": runs.active is not None,
        "runs": [_run(each, places, runs.session.timers.left(("run", each.number))) for each in every],
    }


def load(server: Server, told: dict[str, Any], peers: list[Peer]) -> Runs:
    """The runs that `dump` told of."""
    from sesh.daemon.runs import HALF, Runs
    from sesh.daemon.sieve import Sieve

    runs = Runs(server.session, server.program)
    runs.secret, runs.prompted = told["secret"], told["prompted"]
    runs.sieve = Sieve(runs.secret, runs.marked, runs.wrote)
    runs.between, runs.sieve.part = unpacked(told["between"]), unpacked(told["part"])
    runs.outer.extend(told["outer"])
    timers = server.session.timers
    if runs.sieve.part:
        timers.set("mark", HALF, runs.let_go)
    for each in told["runs"]:
        run = _resumed(each, peers)
        runs.queue.append(run)
        if each["left"] is not None:
            _set_timeout(runs, run, each["left"])
    if told["active"]:
        runs.active = runs.queue.popleft()
    if told["runs"]:
        timers.set("run", 0, runs.look)
    return runs


def _set_timeout(runs: Runs, run: Run, left: float) -> None:
    runs.session.timers.set(("run", run.number), left, lambda: runs.time_out(run))


def _run(run: Run, places: dict[Peer, int], left: float | None) -> dict[str, Any]:
    facts, output = run.kept()
    shell, files, trickle = run.shell, run.scaffold, run.trickle
    return {
        "number": run.number,
        "words": run.words,
        "key": run.key,
        "asked": run.asked,
        "wait": run.wait,
        "peer": places.get(run.peer) if run.peer is not None else None,
        "left": left,
        "facts": facts,
        "output": packed(output),
        "shell": [shell.pid, shell.kind, shell.ready, shell.theirs] if shell is not None else None,
        "files": [files.kind, files.outer, files.inner] if files is not None and run.state == RUNNING else None,
        "trickle": trickle.kept() if trickle is not None else None,
    }


def _resumed(told: dict[str, Any], peers: list[Peer]) -> Run:
    from sesh.daemon.scaffold import Scaffold
    from sesh.daemon.shells import Shell
    from sesh.daemon.trickle import Trickle

    run = Run(told["number"], told["words"], None, told["asked"], wait=told["wait"], key=told["key"])
    run.peer = peers[told["peer"]] if told["peer"] is not None else None
    run.resume(told["facts"], unpacked(told["output"]))
    if told["shell"] is not None:
        pid, kind, ready, theirs = told["shell"]
        run.shell = Shell(pid, kind, ready=ready, theirs=theirs)
    if told["files"] is not None:
        kind, outer, inner = told["files"]
        run.scaffold = Scaffold("", run.token, kind, None)
        run.scaffold.outer, run.scaffold.inner = outer, inner
    if told["trickle"] is not None:
        run.trickle = Trickle(run)
        run.trickle.resume(told["trickle"])
    return run
