"""`sesh`, `sesh NAME` and `--here`: what is meant by a name alone, and the session that it finds or creates."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sesh import moments
from sesh.about import SESH
from sesh.cli import attach, main, printing
from sesh.cli.attach import ViewWords
from sesh.cli.invocation import Invocation
from sesh.cli.list import show
from sesh.errors import ENDS, Exists, NotFound, Refused, Unreachable, UsageError
from sesh.ops import create, enter, places
from sesh.reach import find
from sesh.reach.caller import CANCEL
from sesh.schema import Spec
from sesh.store import results

if TYPE_CHECKING:
    from typing_extensions import Unpack


_ENDING = frozenset(("--kill", "--kill-all", "--undeploy"))
"""Verbs that end or remove something: only a person can have meant one by a name, and never by Enter alone."""
_ASKED_OF = 86400.0
"""Seconds after a job's end in which its name, typed alone, is taken for it."""


def go(
    cli: Invocation,
    name: str | None,
    directory: str | None = None,
    *,
    create: bool = False,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **view: Unpack[ViewWords],
) -> int:
    """`sesh NAME [DIR] [-- CMD…]` and `sesh -`."""
    if name is None:
        raise UsageError(f"no NAME given; write: {SESH} NAME, or {SESH} --new for the lowest free number")
    if name == "-":
        return attach.back(cli, view, directory)
    find.checked(name)
    spec = cli.spec(directory, env, label)
    if cli.host is None and printing.on_terminal():
        name = cli.look_for(name, creates=True)
    if cli.host is None:
        return _go_here(cli, name, view, spec, "")
    return attach.attach_terminal(cli, name, view, lambda target: target.enter(enter.go, name=name, spec=spec))


def _go_here(cli: Invocation, name: str, view: ViewWords, spec: Spec, meant: str) -> int:
    """`sesh NAME` on this machine. The words are checked before the terminal: a wrong DIR is named without one too."""
    entry = enter.Entry(cli, name, spec, meant)
    entry.check()
    runs = entry.connection is not None
    if not printing.on_terminal():
        raise attach.without_terminal(cli, name, exists=runs)
    if entry.tells and not (runs or entry.dormant or spec["env"] or spec["label"]):
        code = _of_job(cli, entry)
        if code is not None:
            return code
    try:
        return attach.attach_terminal(cli, name, view, lambda _: entry.enter())
    except Unreachable:
        if not runs or find.running(name) is not None:
            raise
    # The session ended between our connection and its answer: begin again, which creates it.
    return _go_here(cli, name, view, spec, meant)


def _of_job(cli: Invocation, entry: enter.Entry) -> int | None:
    """Ask what is wanted if the name is that of a job which ended in the last day; return the exit code.

    None if no such result is kept, or a new session is wanted. Raises Refused if the person wants nothing.
    """
    job = results.of_job(entry.name)
    passed = time.time() - float(job.get("ended") or 0) if job is not None else _ASKED_OF
    if job is None or passed >= _ASKED_OF:
        return None
    answers = [("o", "See its output"), ("n", "New session"), CANCEL]
    if job.get("command"):
        answers.insert(1, ("r", "Run it again"))
    how, ago = ENDS.get(job.get("reason") or ""), moments.short(passed)
    end = f"{how} {ago} ago" if how else f"ended {ago} ago: exit code {job.get('exit_code')}"
    answer = cli.ask(f"job {entry.name} {end}", answers, "o")
    if answer == "o":
        return main.run(["--logs", entry.name])
    if answer == "r":
        return main.run(["--exec", entry.name, "-C", job["directory"], "--follow", "--", *job["command"]])
    if answer != "n":
        raise Refused("nothing was done")
    entry.tells = False  # they know
    return None


def sessions(cli: Invocation) -> int:
    """`sesh` alone: the picker on a terminal if the settings say so, else the list."""
    if printing.on_terminal() and not cli.json and cli.settings().pick and not printing.dumb():
        try:
            from sesh.cli import choose

            return choose.pick(cli)
        except NotFound:
            pass  # the list says so
    return show(cli)


def here(cli: Invocation, directory: str | None = None, **view: Unpack[ViewWords]) -> int:
    """`--here [DIR] [OPTIONS]`: attach to the session of a directory's repository, which is created if missing."""
    if directory is None:
        directory = create.checked_directory(cli, ".")
    return into_directory(cli, directory, **view)


def into_directory(cli: Invocation, directory: str, **view: Unpack[ViewWords]) -> int:
    """Attach to the session of a directory, created there if missing; return the exit code."""
    while True:
        session = cli.target.call(places.here, directory=directory)
        if session["there"]:
            return go(cli, [session["name"]], **view)
        try:
            return attach.new(cli, session["name"], session["directory"], asks=False, **view)
        except Exists:
            continue  # another process has taken the name since, perhaps for the same directory
