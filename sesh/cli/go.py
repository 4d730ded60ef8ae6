"""`sesh`, `sesh NAME` and `--here`: what is meant by a name alone, and the session that it finds or creates."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from shutil import which
from typing import TYPE_CHECKING

from sesh import moments
from sesh.about import SESH
from sesh.cli import attach, main, misread, parser, printing, slips
from sesh.cli.attach import ViewWords
from sesh.cli.invocation import Invocation
from sesh.cli.list import list_
from sesh.cli.verbs import BY_NAME
from sesh.errors import ENDS, Exists, NotFound, Refused, SeshError, Unreachable, UsageError
from sesh.names import is_name, subject
from sesh.ops import create, enter, places, views
from sesh.reach import find
from sesh.reach.caller import CANCEL, NOTHING
from sesh.reach.op import Entered
from sesh.reach.target import Target
from sesh.schema import Spec
from sesh.store import listing, results

if TYPE_CHECKING:
    from typing_extensions import Unpack


_ENDING = frozenset(("--kill", "--kill-all"))
"""Verbs that end or remove something: only a person can have meant one by a name, and never by Enter alone."""
_ASKED_OF = 86400.0
"""Seconds after a job's end in which its name, typed alone, is taken for it."""


def go(
    cli: Invocation,
    words: Sequence[str] = (),
    *,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **view: Unpack[ViewWords],
) -> int:
    """`sesh`, `sesh NAME [DIR] [-- CMD…]` and `sesh -`: list the sessions; or attach to one, created if missing."""
    if not words:
        return _without_name(cli, env, label, view)
    name, directory = words[0], words[1] if len(words) > 1 else None
    if len(words) > 2:
        raise misread.too_many(words)
    attach.check(view)
    if name == "-":
        return attach.back(cli, view, directory)
    find.checked(name)
    spec = cli.spec(directory, env, label)
    if view.get("read_only") and directory is None and cli.tail is None:
        cli.sought = None if cli.hosts else name
        return attach.attach_to(cli, name, view)  # there is nothing to watch in a new shell
    slip, unlikely = _slip(cli, name, directory)
    behind = _verb_behind(cli, name, directory)
    meant = _meant(cli, name, directory, behind) if directory else ""
    if cli.host is None and printing.on_terminal():
        described = directory is not None or cli.tail is not None
        name = cli.look_for(name, creates=True, described=described and not behind)
        if name != words[0]:  # a session of a host, one letter off
            slip, unlikely, behind = [], False, _verb_behind(cli, name, directory)
    if unlikely and (code := _instead(cli, name, slip, directory, meant)) is not None:
        return code
    if behind and (code := _behind(cli, name, behind)) is not None:
        return code
    if cli.host is None:
        return _go_here(cli, name, view, spec, meant)
    if not printing.on_terminal():
        raise attach.without_terminal(cli, name, exists=attach.runs_or_is_kept(cli.target, name), meant=behind)

    def entered(target: Target) -> Entered:
        return target.enter(enter.go, name=name, spec=spec, meant=meant)

    return attach.attach_terminal(cli, name, view, entered)


def _without_name(cli: Invocation, env: Sequence[str], label: Sequence[str], view: ViewWords) -> int:
    """Carry out a line without a name: show the sessions. Raises UsageError if it describes a session."""
    if cli.tail is None and not (env or label or view or cli.line.create):
        return _list(cli)
    if label and not (cli.tail or env or view or cli.line.create):
        named = (None if cli.hosts else listing.current()) or {"name": "NAME"}
        raise UsageError(f"no NAME given; write: {SESH} --label {named['name']} {slips.written(label)}")
    raise UsageError(f"no NAME given; write: {SESH} NAME, or {SESH} --new for the lowest free number")


def _slip(cli: Invocation, name: str, directory: str | None) -> tuple[list[str], bool]:
    """Return the line that was probably meant by a name that looks like a verb, and whether it does, or is a command
    of tmux for what sesh does not have. Raises UsageError for such a command with further words."""
    if name not in parser.UNLIKELY or cli.line.create:
        return [], False
    said = slips.missing(name)
    if said and directory and not os.path.isdir(directory):
        raise UsageError(f"{name} is a session name; {said}")
    slip = slips.instead(cli.line, name)
    return slip, bool(slip or said)


def _verb_behind(cli: Invocation, name: str, directory: str | None) -> list[str]:
    """Return the line that was probably meant by a DIR that looks like a verb, and is no directory; else none."""
    if not directory or not parser.verb_like(directory) or parser.verb_like(name) or os.path.isdir(directory):
        return []
    return slips.behind_name([name, directory], cli.tail)


def _behind(cli: Invocation, name: str, words: list[str]) -> int | None:
    """Carry out the line that was meant by a verb behind the name of a session that is there, if the person says so.

    Return its exit code; None to attach. Raises Refused if the person wants nothing.
    """
    if name not in words or not cli.can_ask or cli.json or not _is_there(cli, name):
        return None
    answers = (("r", f"Run {slips.line_of(words)}"), ("a", "Attach"), NOTHING)
    question = f"{subject(name)} already runs"
    answer = cli.ask(question, answers, "r" if _ENDING.isdisjoint(words) else "a")
    if answer == "r":
        return _run(cli, words)
    if answer != "a":
        raise Refused("nothing was done")
    return None


def _meant(cli: Invocation, name: str, directory: str, behind: list[str]) -> str:
    """Return what to propose if DIR does not exist; empty for the command that it may be."""
    if name in ("a", "at") and cli.tail is None and is_name(directory):  # tmux's
        behind = ["--attach", directory]
    if not (parser.verb_like(name) or behind or name == "ssh"):
        return ""
    if parser.verb_like(name):
        return slips.guess([name, directory], cli.tail)
    if behind:
        command = slips.line_of([name, "--", directory]) if which(directory) and cli.tail is None else ""
        return ", or ".join(filter(None, (slips.line_of(behind), command)))
    run = ["--exec", "--print"] if cli.tail else []
    return slips.line_of([f"@{directory}", *run, *slips.ending(cli.line)])


def _instead(cli: Invocation, name: str, words: list[str], directory: str | None, meant: str) -> int | None:
    """Carry out the line that was probably meant by the name of a session that is not there; return its exit code.

    None if the session is there, or wanted. A person decides; without one only a bare verb is carried out that ends no
    session. Raises Refused if the person wants nothing, or DIR, here, does not exist.
    """
    if _is_there(cli, name):
        return None
    if cli.host is None:
        enter.check_directory(cli, name, directory, meant)
    whole = [*words, *slips.ending(cli.line)]
    line = slips.line_of(whole)
    person = cli.can_ask and not cli.json
    if person:
        inside = cli.host is None and listing.current() is not None
        lacking = slips.line_to_write([*(f"@{host}" for host in cli.hosts), *whole], inside=inside)
        said = f"to run the verb, write: {lacking}" if lacking else ""
        if not words:
            said = slips.missing(name)
        run = [("r", f"Run {line}")] if not said else []
        answers = (*run, ("c", f'Create a session "{name}"'), NOTHING)
        question = f"there is no session {name}{f'; {said}' if said else ''}"
        answer = cli.ask(question, answers, "r" if run and _ENDING.isdisjoint(words) else NOTHING[0])
        if answer == "c":
            return None
        if answer != "r":
            raise Refused("nothing was done")
    elif len(words) != 1 or cli.tail is not None or not _ENDING.isdisjoint(words):
        return None
    return _run(cli, whole, "" if person else f"there is no session {name}; this is {line}")


def _run(cli: Invocation, words: list[str], remark: str = "") -> int:
    """Carry out another line on the same hosts; return its exit code. `remark`: what is said of it."""
    try:
        code = main.run([*(f"@{host}" for host in cli.hosts), *words])
    except SeshError as error:
        error.message = f"{remark}: {error.message}" if remark else error.message
        raise
    if remark:
        cli.note(remark)
    return code


def _is_there(cli: Invocation, name: str) -> bool:
    """Return whether there is a session of this name, or what is kept of one."""
    if cli.host is None:
        return find.is_here(name)
    try:
        cli.target.call(views.status, name=name)
    except NotFound:
        return False
    return True


def _go_here(cli: Invocation, name: str, view: ViewWords, spec: Spec, meant: str) -> int:
    """`sesh NAME` on this machine. The words are checked before the terminal: a wrong DIR is named without one too."""
    entry = enter.Entry(cli, name, spec, meant)
    entry.check()
    runs = entry.connection is not None
    if not printing.on_terminal():
        behind = _verb_behind(cli, name, spec.get("directory"))
        raise attach.without_terminal(cli, name, exists=runs, meant=behind)
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


def _list(cli: Invocation) -> int:
    """`sesh` alone: the picker on a terminal if the settings say so, else the list."""
    if printing.on_terminal() and not cli.json and cli.settings().pick and not printing.dumb():
        try:
            return BY_NAME["--pick"].function()(cli)
        except NotFound:
            pass  # the list says so
    return list_(cli)


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
