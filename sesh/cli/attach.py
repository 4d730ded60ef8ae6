"""`sesh NAME`, `sesh -`, `--attach`, `--new`, `--here`: find or create a session, and attach this terminal to it."""

from __future__ import annotations

import os
import time

from sesh import attached_last, paths
from sesh.cli import parser, printing
from sesh.cli.invocation import LOOPED
from sesh.cli.verbs import BY_NAME
from sesh.config import PREDICT
from sesh.errors import (
    ENDS,
    SIGNAL_BASE,
    Exists,
    ExitCode,
    NotDeployed,
    NotFound,
    Refused,
    SeshError,
    Unreachable,
    UsageError,
)
from sesh.names import is_name, subject
from sesh.ops import enter
from sesh.quitkey import quit_key
from sesh.reach import find
from sesh.reach.caller import CANCEL, NOTHING
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypedDict

    from typing_extensions import Unpack

    from sesh.cli.invocation import Invocation
    from sesh.client.outcome import AttachOptions, Outcome
    from sesh.keynames import DetachKey
    from sesh.reach.op import Entered
    from sesh.reach.target import Target
    from sesh.recovery.attempts import Attempt
    from sesh.schema import Spec
    from sesh.stored import Record
    from sesh.wire import Connection

    class ViewWords(TypedDict, total=False):
        """The attach options of the command line. With `join` the user's files are not pushed to a host before."""

        join: bool
        replace: bool
        read_only: bool
        replay: bool
        no_replay: bool
        no_detach_key: bool
        predict: str | None


_DETACH_KEY = "C-\\"
_ENDING = frozenset(("--kill", "--kill-all", "--undeploy"))
"""Verbs that end or remove something: only a person can have meant one by a name, and never by Enter alone."""
_ASKED_OF = 86400.0
"""Seconds after a job's end in which its name, typed alone, is taken for it."""
_WITHOUT_TITLE = ("", "dumb", "linux")
"""Values of TERM for terminals without a window title."""


def check(view: ViewWords) -> None:
    """Raise UsageError if attach options contradict each other."""
    if view.get("predict") not in (None, *PREDICT):
        raise UsageError(f"--predict must be one of {', '.join(PREDICT)}")
    for one, other in (("join", "replace"), ("replay", "no_replay")):
        if view.get(one) and view.get(other):
            raise UsageError(f"--{one} and --{other.replace('_', '-')} cannot be combined")


def _options(cli: Invocation, view: ViewWords) -> AttachOptions:
    """Return the client's options."""
    from sesh.client.outcome import AttachOptions  # no more of the client: a daemon that is forked now would carry it

    settings = cli.settings()
    return AttachOptions(
        read_only=view.get("read_only", False),
        replace=view.get("replace", False),
        replay=not view.get("no_replay"),
        detach_key=None if view.get("no_detach_key") else detach_key(cli),
        lines=settings.replay_lines,
        repeat=view.get("replay", False) or settings.replay == "all",
        predict=view.get("predict") or settings.predict,
        title=settings.title and os.environ.get("TERM", "") not in _WITHOUT_TITLE,
    )


def detach_key(cli: Invocation) -> DetachKey | None:
    r"""Return the key that detaches: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    A `SESH_DETACH_KEY` that is not a key is noted and passed over.
    """
    from sesh.keynames import DetachKey

    if named := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(named)
        except UsageError as error:
            cli.entering(f"SESH_DETACH_KEY is ignored: {error}")
    return DetachKey.parse(cli.settings().detach_key or _DETACH_KEY)


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
        if cli.tail is not None or env or label or view or cli.line.create:
            from sesh.cli import misread

            if label and not (cli.tail or env or view or cli.line.create):
                named = (None if cli.hosts else listing.current()) or {"name": "NAME"}
                raise UsageError(f"no NAME given; write: $sesh --label {named['name']} {misread.written(label)}")
            raise UsageError("no NAME given; write: $sesh NAME, or $sesh --new for the lowest free number")
        return _list(cli)
    name, directory = words[0], words[1] if len(words) > 1 else None
    if len(words) > 2:
        from sesh.cli import misread

        raise misread.too_many(words)
    check(view)
    if name == "-":
        return _back(cli, view, directory)
    find.checked(name)
    spec = cli.spec(directory, env, label)
    if view.get("read_only") and directory is None and cli.tail is None:
        cli.sought = None if cli.hosts else name
        return attach_to(cli, name, view)  # there is nothing to watch in a new shell
    slip, unlikely = _slip(cli, name, directory)
    behind = _verb_behind(cli, name, directory)
    meant = _meant(cli, name, directory, behind) if directory else ""
    if cli.host is None and printing.on_terminal():
        described = directory is not None or cli.tail is not None
        name = cli.look_for(name, creates=True, described=described and not behind)
        if name != words[0]:  # a session of a host, one letter off
            slip, unlikely, behind = [], False, _verb_behind(cli, name, directory)
        if len(words) == 1 and cli.tail is None and paths.knows_remotes() and (host := _named_host(cli, name)):
            slip, unlikely = [f"@{host}"], True
    if unlikely and (code := _instead(cli, name, slip, directory, meant)) is not None:
        return code
    if behind and (code := _behind(cli, name, behind)) is not None:
        return code
    if cli.host is None:
        return _go_here(cli, name, view, spec, meant)
    if not printing.on_terminal():
        raise _without_terminal(cli, name, exists=_exists(cli.target, name), meant=behind)
    return _attach_terminal(cli, name, view, lambda target: target.enter(enter.go, name=name, spec=spec, meant=meant))


def _slip(cli: Invocation, name: str, directory: str | None) -> tuple[list[str], bool]:
    """Return the line that was probably meant by a name that looks like a verb, and whether it does, or is a command
    of tmux for what sesh does not have. Raises UsageError for such a command with further words."""
    if name not in parser.UNLIKELY or cli.line.create:
        return [], False
    from sesh.cli import misread

    said = misread.missing(name)
    if said and directory and not os.path.isdir(directory):
        raise UsageError(f"{name} is a session name; {said}")
    slip = misread.instead(cli.line, name)
    return slip, bool(slip or said)


def _verb_behind(cli: Invocation, name: str, directory: str | None) -> list[str]:
    """Return the line that was probably meant by a DIR that looks like a verb, and is no directory; else none."""
    if not directory or not parser.verb_like(directory) or parser.verb_like(name) or os.path.isdir(directory):
        return []
    from sesh.cli import misread

    return misread.behind_name([name, directory], cli.tail)


def _behind(cli: Invocation, name: str, words: list[str]) -> int | None:
    """Carry out the line that was meant by a verb behind the name of a session that is there, if the person says so.

    Return its exit code; None to attach. Raises Refused if the person wants nothing.
    """
    if name not in words or not cli.can_ask or cli.json or not _is_there(cli, name):
        return None
    from sesh.cli import misread

    answers = (("r", f"Run {misread.line_of(words)}"), ("a", "Attach"), NOTHING)
    question = f"{subject(name)} already runs"
    answer = cli.ask(question, answers, "r" if _ENDING.isdisjoint(words) else "a")
    if answer == "r":
        return _run(cli, words)
    if answer != "a":
        raise Refused("nothing was done")
    return None


def _meant(cli: Invocation, name: str, directory: str, behind: list[str]) -> str:
    """Return what to propose if DIR does not exist; empty for the command that it may be."""
    host = "" if os.path.isdir(directory) else _named_host(cli, name)
    if name in ("a", "at") and not host and cli.tail is None and is_name(directory):  # tmux's
        behind = ["--attach", directory]
    if not (parser.verb_like(name) or behind or host or name == "ssh"):
        return ""
    from sesh.cli import misread

    if parser.verb_like(name):
        return misread.guess([name, directory], cli.tail)
    if behind:
        from shutil import which

        command = misread.line_of([name, "--", directory]) if which(directory) and cli.tail is None else ""
        return ", or ".join(filter(None, (misread.line_of(behind), command)))
    if host:
        return misread.line_of([f"@{host}", directory, *misread.ending(cli.line)])
    run = ["--exec", "--print"] if cli.tail else []
    return misread.line_of([f"@{directory}", *run, *misread.ending(cli.line)])


def _instead(cli: Invocation, name: str, words: list[str], directory: str | None, meant: str) -> int | None:
    """Carry out the line that was probably meant by the name of a session that is not there; return its exit code.

    None if the session is there, or wanted. A person decides; without one only a bare verb is carried out that ends no
    session. Raises Refused if the person wants nothing, or DIR, here, does not exist.
    """
    if _is_there(cli, name):
        return None
    if cli.host is None:
        enter.check_directory(cli, name, directory, meant)
    from sesh.cli import misread

    whole = [*words, *misread.ending(cli.line)]
    line = misread.line_of(whole)
    person = cli.can_ask and not cli.json
    if person:
        inside = cli.host is None and listing.current() is not None
        lacking = misread.line_to_write([*(f"@{host}" for host in cli.hosts), *whole], inside=inside)
        said = f"to run the verb, write: {lacking}" if lacking else ""
        if not words:
            said = misread.missing(name)
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
    from sesh.cli import main

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
    from sesh.ops import views

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
        raise _without_terminal(cli, name, exists=runs, meant=behind)
    if entry.tells and not (runs or entry.dormant or spec["env"] or spec["label"]):
        code = _of_job(cli, entry)
        if code is not None:
            return code
    try:
        return _attach_terminal(cli, name, view, lambda _: entry.enter())
    except Unreachable:
        if not runs or find.running(name) is not None:
            raise
    # The session ended between our connection and its answer: begin again, which creates it.
    return _go_here(cli, name, view, spec, meant)


def _of_job(cli: Invocation, entry: enter.Entry) -> int | None:
    """Ask what is wanted if the name is that of a job which ended in the last day; return the exit code.

    None if no such result is kept, or a new session is wanted. Raises Refused if the person wants nothing.
    """
    from sesh.store import results

    job = results.of_job(entry.name)
    passed = time.time() - float(job.get("ended") or 0) if job is not None else _ASKED_OF
    if job is None or passed >= _ASKED_OF:
        return None
    from sesh import moments
    from sesh.cli import main

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
    from sesh.cli.list import list_

    return list_(cli)


def attach(cli: Invocation, name: str, **view: Unpack[ViewWords]) -> int:
    """`--attach NAME`: attach to a session that must be there. Raises NotFound."""
    check(view)
    if name == "-":
        return _back(cli, view)
    find.checked(name, "--attach")
    return attach_to(cli, name, view)


def attach_to(cli: Invocation, name: str, view: ViewWords) -> int:
    """Attach to a session that must be there; return the exit code."""
    if not printing.on_terminal():
        raise _without_terminal(cli, name, exists=_exists(cli.target, name, required=True))
    return _attach_terminal(cli, name, view, lambda target: target.enter(enter.attach, name=name))


def _back(cli: Invocation, view: ViewWords, directory: str | None = None) -> int:
    """`sesh -`: the session attached last that is still there; typed inside one, the one before it.

    Raises NotFound, and UsageError if a DIR or a command was written.
    """
    if directory is not None or cli.tail is not None:
        raise UsageError("`$sesh -` attaches to the last session, and creates no new one; omit DIR and CMD")
    if cli.host is not None:
        return attach_to(cli, "-", view)
    current = listing.current()
    inside = current["name"] if current is not None else os.environ.get("SESH_SESSION")
    for host, name in enter.recent():
        if not host and name == inside:
            continue
        cli.set_host(host or None)
        try:
            if host:
                try:
                    return attach_to(cli, name, view)
                except (NotDeployed, Unreachable) as error:
                    error.message = f"cannot go back to {name} on @{host}: {error.message}"
                    raise
            connection = find.running(name)
        except (Refused, UsageError, NotFound):
            continue
        if connection is not None:
            connection.close()
            return attach_to(cli, name, view)
    cli.set_host(None)
    if current is None:
        raise NotFound("there is no previous session", hint="`$sesh` lists the sessions")
    hint = "if you came from another machine, leave this session, and type `$sesh -` there"
    raise NotFound("there is no previous session on this machine", hint=hint)


def new(  # noqa: PLR0913 (a session has that many options)
    cli: Invocation,
    name: str | None = None,
    directory: str | None = None,
    *,
    detached: bool = False,
    new_name: bool = False,
    asks: bool = True,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    size: str | None = None,
    **view: Unpack[ViewWords],
) -> int:
    """`--new [NAME] [DIR] [-d] [-- CMD…]`: create a session. `--new --json` does not attach.

    `asks`: if the name is taken here, ask the person what to do; else Exists is raised.
    """
    check(view)
    replace = view.pop("replace", False)  # the old session is gone then, and with it its clients
    if new_name and (view.get("join") or replace):
        raise UsageError("--join, --replace and --new-name cannot be combined")
    if name is not None:
        find.checked(name, "--new")
    choice = "join" if view.get("join") else "replace" if replace else "new" if new_name else ""
    spec = cli.spec(directory, env, label, size)
    if detached or (cli.json and cli.verb == "--new"):
        from sesh.cli.sessions import new_detached

        return new_detached(cli, name, spec, choice)
    if not printing.on_terminal():
        exists = cli.host is not None and _exists(cli.target, name or "NAME")
        raise _without_terminal(cli, name or "NAME", exists=exists)
    from sesh.ops.new import new as new_session

    def create_it(target: Target) -> Entered:
        if asks or target.host is not None:  # an older sesh there does not know the word
            return target.enter(new_session, name=name, spec=spec, choice=choice)
        return target.enter(new_session, name=name, spec=spec, choice=choice, asks=False)

    return _attach_terminal(cli, name or "NAME", view, create_it, creates=True)


def here(cli: Invocation, directory: str | None = None, **view: Unpack[ViewWords]) -> int:
    """`--here [DIR] [OPTIONS]`: attach to the session of a directory's repository, which is created if missing."""
    if directory is None:
        from sesh.ops import create

        directory = create.checked_directory(cli, ".")
    return into_directory(cli, directory, **view)


def into_directory(cli: Invocation, directory: str, **view: Unpack[ViewWords]) -> int:
    """Attach to the session of a directory, created there if missing; return the exit code."""
    from sesh.ops import places

    while True:
        session = cli.target.call(places.here, directory=directory)
        if session["there"]:
            return go(cli, [session["name"]], **view)
        try:
            return new(cli, session["name"], session["directory"], asks=False, **view)
        except Exists:
            continue  # another process has taken the name since, perhaps for the same directory


def _attach_terminal(
    cli: Invocation,
    name: str,
    view: ViewWords,
    obtain: Callable[[Target], Entered],
    *,
    creates: bool = False,
) -> int:
    """Attach this terminal to the session that `obtain` finds or creates; return the exit code.

    Typed in a session, its client is switched to the other one instead, but not to one that has ended, as the client
    would end with it. `creates`: for `--new`, which wants another session even if the current one is called NAME.
    """
    target = cli.target
    options = _options(cli, view)
    current = listing.current()
    if not creates and cli.host is None and current is not None and current["name"] == name:
        cli.note(f"you are already in {name}")
        return 0
    if current is not None:
        _check_switch(current, view, cli.host, name)
    elif not creates and cli.host is None:
        cli.joining(name)
    if not view.get("join"):
        target.sync()
    if current is None and target.host is not None:
        from sesh.client.attach import introduction

        target.greeting = introduction(target.host, options)
    try:
        name, connection = obtain(target)
    finally:
        target.greeting = None
    quit_key.disarm()
    if current is None:
        return _run_client(cli, target, name, connection, options)
    if _has_ended(cli, name):
        from sesh.cli import views

        return code(views.ended(cli, name, connection))
    connection.close()
    if cli.host is None and current["name"] == name:
        cli.note(f"you are already in {name}")
    elif not _switch(current, name, cli.host):
        raise Refused(f"no client of {current['name']} is attached that could switch to {name}; use another terminal")
    return 0


def _has_ended(cli: Invocation, name: str) -> bool:
    if cli.host is None:
        return find.ended(name)
    from sesh.ops import views

    return cli.target.call(views.status, name=name)["state"] == "exited"


def _named_host(cli: Invocation, name: str) -> str:
    """Return the user's host that `sesh NAME` was probably meant for; empty if none, or a session here bears NAME."""
    if cli.verb or cli.host is not None or cli.local or find.is_here(name):
        return ""
    return find.host_named(name)


def _without_terminal(cli: Invocation, name: str, *, exists: bool, meant: Sequence[str] = ()) -> Refused:
    """Return the error without a terminal; its hint is the line that was `meant`, or names commands that need none."""
    instead = f"`$sesh --open {name}` creates a session without attaching"
    if exists and not meant:
        instead = f"`$sesh --screen {name}` shows its screen, `$sesh --send {name}` types into it"
    elif meant or name in parser.UNLIKELY or parser.verb_like(name):
        from sesh.cli import misread

        inside = cli.host is None and listing.current() is not None
        line = misread.line_of(meant) or misread.line_for(name, cli.hosts, cli.tail, inside=inside)
        instead = f"did you mean {line}?" if line else misread.missing(name)
    elif host := _named_host(cli, name):
        instead = f"did you mean $sesh @{host}?"
    return Refused("attaching needs a terminal", hint=instead)


def _exists(target: Target, name: str, *, required: bool = False) -> bool:
    """Return whether a session runs, or is kept. Raises NotFound if it is `required`."""
    from sesh.ops import sessions

    return target.call(sessions.there, name=name, required=required)


def _check_switch(current: Record, view: ViewWords, host: str | None, name: str) -> None:
    """Raise Refused if the client of the current session cannot be switched to `name` (on `host`)."""
    if words := [f"--{key.replace('_', '-')}" for key, value in sorted(view.items()) if value and key != "join"]:
        raise Refused(f"inside a session you can only switch to another; detach first to use {', '.join(words)}")
    to = name if is_name(name) and host is not None else "NAME"
    if not _switch(current, to, host, probe=True):
        raise Refused(f"no attached client of {current['name']} can switch; use another terminal")


def _switch(current: Record, name: str, host: str | None, *, probe: bool = False) -> bool:
    """Switch the client of the current session to another; return whether it could. `probe`: only ask."""
    answer, _ = find.ask(str(current["name"]), "switch", to=name, host=host, probe=probe)
    return bool(answer.get("switched"))


def _run_client(cli: Invocation, target: Target, name: str, connection: Connection, options: AttachOptions) -> int:
    from sesh.client.attach import attach as run_client

    def connect(name: str, host: str | None) -> Connection:
        if host is None and os.environ.get("SESH_SESSION") == name:
            raise Refused(f"{LOOPED.format(name)}; go to it from another terminal")
        connection = cli.target_of(host).connect(name, attaches=True)
        attached_last.remember(name, host)
        return connection

    def reconnect(attempt: Attempt) -> Connection:
        from sesh.reach import links

        assert attempt.session is not None  # noqa: S101 (which the attachment gives)
        return links.back(cli, attempt.session, attempt)

    attached_last.remember(name, target.host)
    options.first_notice = cli.greeting
    target.log_attached(name)
    outcome = run_client(connection, name, host=target.host, options=options, connect=connect, reconnect=reconnect)
    target.log_left(outcome.name, outcome.host, outcome.kind, outcome.round_trip, outcome.heard_at)
    return code(outcome)


def code(outcome: Outcome) -> int:
    """Return the exit code for the outcome of an attachment."""
    if outcome.kind == "ended":
        return SIGNAL_BASE + outcome.signal if outcome.signal else outcome.code or 0
    if outcome.early:
        return ExitCode.INTERRUPTED
    return 0 if outcome.kind == "detached" else 1
