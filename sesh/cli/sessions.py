"""Verbs that act on sessions and attach to none."""

from __future__ import annotations

from collections.abc import Sequence

from sesh import errors, wording
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import NotFound, Refused, SeshError, UsageError
from sesh.names import check_label, check_name
from sesh.ops import sessions
from sesh.ops.views import bears
from sesh.reach import find
from sesh.schema import ErrorFacts


def open_(
    cli: Invocation,
    name: str,
    directory: str | None = None,
    *,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    size: str | None = None,
) -> int:
    """`--open NAME [DIR] [-- CMD…]`: make sure that the session runs."""
    find.checked(name, "--open")
    target = cli.target
    target.sync()
    created = target.call(sessions.open_, name=name, spec=cli.spec(directory, env, label, size))
    return cli.done(name=name, session=name, host=cli.host, created=created)


def detach(cli: Invocation, name: str | None = None) -> int:
    """`--detach [NAME]`: without NAME the client that it is typed in."""
    return cli.done(**cli.find(name).call(sessions.detach, name=name))


def kill(cli: Invocation, names: Sequence[str] = (), *, label: Sequence[str] = (), yes: bool = False) -> int:
    """`--kill [NAME…] [-y]`, `--kill --label K=V… [-y]`: each is tried; 1 if any was not there.

    Raises NotFound if none is meant, UsageError for names with labels.
    """
    if names and label:
        raise UsageError("--kill takes names or --label, not both; nothing was ended")
    if label:
        names = _labelled(cli, label, yes=yes)
    elif yes and not names:
        names = [cli.session(None)]
    answer = cli.find(*names, ends=not yes).call(sessions.kill, names=list(names))
    failed = _errors(answer["failed"])
    cli.elsewhere(failed, lambda target, name: target.call(sessions.kill, names=[name])["failed"], ends=not yes)
    # Without names the current session; with names those of other machines too, which the answer does not have.
    killed = [name for name in dict.fromkeys(names) if name not in failed] or answer["killed"]
    return _report(cli, killed, failed, "killed")


def _labelled(cli: Invocation, labels: Sequence[str], *, yes: bool) -> list[str]:
    """Return the sessions of the target with the labels; ask a person. Raises NotFound, Refused."""
    wanted = dict(map(check_label, labels))
    rows = cli.target.call(sessions.summaries)
    names = [row["name"] for row in rows if bears(row, wanted) and "machine" not in row]
    if not names:
        raise NotFound(f"no session has the label {' and '.join(labels)}", hint=f"`{SESH}` lists the sessions")
    if cli.can_ask and not (cli.json or yes) and not cli.agrees(f"end {', '.join(names)}?"):
        raise Refused("no session was ended")
    return names


def kill_all(cli: Invocation, *, yes: bool = False) -> int:
    """`--kill-all`: end every session of this machine, none of another; ask on a terminal unless `yes`."""
    answer = cli.target.call(sessions.kill_all, ask=not yes and not cli.json)
    return _report(cli, answer["killed"], _errors(answer["failed"]), "killed")


def rename(cli: Invocation, name: str, new: str | None = None) -> int:
    """`--rename [OLD] NEW`: without OLD the session that it is typed in."""
    old, new = (None, name) if new is None else (name, new)
    check_name(new)
    return cli.done(**cli.find(old).call(sessions.rename, name=old, new=new))


def label(cli: Invocation, name: str, labels: Sequence[str]) -> int:
    """`--label NAME K=V…`: set labels; `K=` removes one."""
    find.checked(name, "--label")
    changes = dict(map(check_label, labels))
    return cli.done(name=name, labels=cli.find(name).call(sessions.label, name=name, labels=changes))


def resume_with(cli: Invocation, name: str | None = None) -> int:
    """`--resume-with [NAME] -- CMD…`: keep how the session is started again; nothing behind `--` forgets it."""
    if cli.tail is None or (name is None and cli.host is not None):
        line = f"{SESH} --resume-with NAME -- CMD…"
        raise UsageError(f"no {'session' if cli.tail else 'command'} given; write: {line} (-- alone forgets it)")
    answer = cli.find(name).call(sessions.resume_with, name=name, command=cli.tail)
    return cli.done(**answer, resume=cli.tail or None)


def reload(cli: Invocation, names: Sequence[str] = ()) -> int:
    """`--reload [NAME…]`: without names all sessions that run here; each is tried, 1 if any failed."""
    answer = cli.find(*names).call(sessions.reload, names=list(names))
    if not cli.json:
        for name in answer["reloaded"]:
            printing.text(f"{name} runs the installed sesh now")
        if not (answer["reloaded"] or answer["failed"]):
            printing.text("no session runs")
    return _report(cli, answer["reloaded"], _errors(answer["failed"]), "reloaded")


def _errors(failed: dict[str, ErrorFacts]) -> dict[str, SeshError]:
    return {name: errors.rebuild(facts) for name, facts in failed.items()}


def _report(cli: Invocation, done: Sequence[str], failed: dict[str, SeshError], key: str) -> int:
    """Print the outcome for several sessions; return the exit code. `key`: the key in JSON of those that succeeded."""
    if not failed:
        return cli.done(**{key: list(done)})
    refused = list(failed.values())
    ended = [f"ended {', '.join(done)}"] if done and key == "killed" else []
    hints = {error.hint: error for error in refused if error.hint}
    if len(hints) == 1:  # what is to be done is the same for all
        (last,) = hints.values()
        lines = [*ended, *(error.message for error in refused if error is not last), last.line(cli.host)]
    else:
        lines = [*ended, *(error.line(cli.host) for error in refused)]
    if cli.json:
        error = {"code": refused[0].code, "message": wording.one_line("; ".join(lines))}
        printing.value({"ok": False, key: list(done), "error": error})
    else:
        for line in lines if len(refused) > 1 else ["; ".join(lines)]:
            cli.note(line)
    return 1
