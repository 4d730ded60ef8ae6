"""Verbs that act on sessions."""

from __future__ import annotations

import os

from sesh import wording
from sesh.cli import printing
from sesh.errors import NotFound, SeshError, UsageError, rebuild
from sesh.names import check_label, printable
from sesh.ops import sessions
from sesh.protocol import CHUNK
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.cli.invocation import Invocation
    from sesh.cli.parser import Line
    from sesh.schema import ErrorFacts


def detach(cli: Invocation, name: str | None = None) -> int:
    """`--detach [NAME]`: without NAME the client that it is typed in."""
    return cli.done(**cli.target.call(sessions.detach, name=name))


def kill(cli: Invocation, names: Sequence[str] = ()) -> int:
    """`--kill [NAME…]`: each is tried; 1 if any was not there."""
    answer = cli.target.call(sessions.kill, names=list(names))
    failed = _errors(answer["failed"])
    if cli.host is None:
        _kill_elsewhere(cli, failed)
    killed = [name for name in dict.fromkeys(names) if name not in failed] or answer["killed"]
    return _report(cli, killed, failed, "killed")


def _kill_elsewhere(cli: Invocation, failed: dict[str, SeshError]) -> None:
    """Ends the sessions that are not here on the remotes where they are found, and takes them out of `failed`."""
    absent = [name for name, error in failed.items() if isinstance(error, NotFound)]
    if not absent:
        return
    from sesh.ops import lookup

    for name, found in lookup.located(cli.caller, absent).items():
        try:
            host = lookup.chosen(cli.caller, name, found.hosts, "--kill")
            if host is None:
                failed[name] = found.missing(name) or failed[name]
                continue
            from sesh.reach.target import HostTarget

            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
            HostTarget(cli.caller, host).call(sessions.kill, names=[name])
        except SeshError as error:
            failed[name] = error
        else:
            del failed[name]


def kill_all(cli: Invocation, *, yes: bool = False) -> int:
    """`--kill-all`: every session of the machine, another machine's left alone; asks on a terminal unless `yes`."""
    answer = cli.target.call(sessions.kill_all, ask=not yes and not cli.json)
    return _report(cli, answer["killed"], _errors(answer["failed"]), "killed")


def rename(cli: Invocation, name: str, new: str | None = None) -> int:
    """`--rename [OLD] NEW`: without OLD the session that it is typed in."""
    old, new = (None, name) if new is None else (name, new)
    return cli.done(**cli.target.call(sessions.rename, name=old, new=new))


def label(cli: Invocation, name: str, labels: Sequence[str]) -> int:
    """`--label NAME K=V…`: sets labels, `K=` removes one."""
    find.checked(name, "--label")
    if not labels:
        raise UsageError(f"no label given; write: $sesh --label {name} KEY=VALUE")
    given = dict(check_label(word) for word in labels)
    return cli.done(name=name, labels=cli.target.call(sessions.label, name=name, labels=given))


def reload(cli: Invocation, names: Sequence[str] = ()) -> int:
    """`--reload [NAME…]`: without names all that run here; each is tried, 1 if any could not."""
    answer = cli.target.call(sessions.reload, names=list(names))
    if not cli.json:
        for name in answer["reloaded"]:
            printing.text(f"{name} runs the installed sesh now")
        if not (answer["reloaded"] or answer["failed"]):
            printing.text("no session runs")
    return _report(cli, answer["reloaded"], _errors(answer["failed"]), "reloaded")


def _errors(failed: dict[str, ErrorFacts]) -> dict[str, SeshError]:
    """What failed of several sessions, by name."""
    return {name: rebuild(facts) for name, facts in failed.items()}


def _report(cli: Invocation, done: Sequence[str], failed: dict[str, SeshError], key: str) -> int:
    """Says what became of several sessions; the exit code. `key`: the word in JSON for those that it worked for."""
    if not failed:
        return cli.done(**{key: list(done)})
    errors = list(failed.values())
    whole = "; ".join(error.line(cli.host) for error in errors)
    if cli.json:
        error = {"code": errors[0].code, "message": wording.one_line(whole)}
        printing.value({"ok": False, key: list(done), "error": error})
    else:
        cli.note(whole)
    return 1


_STDIN = "-"


def send(cli: Invocation, *, if_waiting: str | None = None, **_: object) -> int:
    """`--send NAME [TEXT…] [--enter] [--key KEY]… [--if-waiting [REGEX]]`: types, in the order of the words.

    An `--enter` before the text comes right after it; TEXT `-` is all of stdin.
    """
    name, before, texts, after = words_and_keys(cli.line)
    find.checked(name, "--send")
    if not texts and not before and not after:
        raise UsageError("nothing to send", hint="write: $sesh --send NAME TEXT --enter")
    text = _stdin() if texts == [_STDIN] else os.fsencode(" ".join(texts))
    from sesh.ops.send import type_if_waiting, type_into

    if if_waiting is None:
        sent, position = type_into(cli.target, name, text, before=before, after=after)
    else:
        sent, position = type_if_waiting(cli.target, name, if_waiting, text, before=before, after=after)
    return cli.done(name=name, bytes=sent, position=position)


def words_and_keys(line: Line) -> tuple[str, list[str], list[str], list[str]]:
    """NAME, the keys before the text, the text's words, the keys after it. Raises UsageError if there is no NAME."""
    plain: list[str] = []
    before: list[str | None] = []
    after: list[str | None] = []
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        keys = after if len(plain) > 1 else before
        if word == "--enter":
            keys.append(None)
        elif word == "--key" or word.startswith("--key="):
            keys.append(rest.pop() if word == "--key" else word.removeprefix("--key="))
        elif word == "--if-waiting" and rest and rest[-1][:1] != "-":
            if len(rest) > 1 or line.tail:
                raise UsageError(
                    f"{printable(rest[-1])} may be TEXT or the REGEX of --if-waiting",
                    hint="write REGEX as the last word, or --if-waiting=REGEX",
                )
            rest.pop()
        elif word != "--if-waiting" and not word.startswith("--if-waiting="):
            plain.append(word)
    plain += line.tail or []
    if not plain:
        raise UsageError("no session given; write: $sesh --send NAME TEXT --enter")
    if None in before and len(plain) > 1:
        before = [key for key in before if key is not None]
        after.insert(0, None)
    return plain[0], _named(before), plain[1:], _named(after)


def _named(keys: Sequence[str | None]) -> list[str]:
    """The names of keys; None stands for the Enter of `--enter`, which is another one than that of `--key Enter`."""
    return ["Enter" if key is None else key for key in keys]


def _stdin() -> Iterator[bytes]:
    while data := os.read(0, CHUNK):
        yield data


def state(cli: Invocation, state: str, text: Sequence[str] = ()) -> int:
    """`--state STATE [TEXT]`: how the program that types it stands; 1 outside of any session."""
    if cli.hosts:
        raise UsageError("--state is typed inside a session, also one of a host", hint="write: $sesh --state STATE")
    from sesh.ops import inside

    return cli.done(name=inside.state(state, " ".join(text)), state=state)


def message(cli: Invocation, name: str, texts: Sequence[str]) -> int:
    """`--message NAME TEXT`: a line for the attached clients."""
    find.checked(name, "--message")
    text = wording.one_line(" ".join(texts))
    if not text:
        raise UsageError("the message is empty", hint="write: $sesh --message NAME TEXT")
    clients = cli.target.call(sessions.message, name=name, text=text)
    if not clients and not cli.json:
        cli.note(f"no client is attached to {name}, so nobody saw it")
    return cli.done(name=name, clients=clients)
