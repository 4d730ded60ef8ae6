"""A command line carried out several times at once, each time by a child: on several hosts, or for several sessions.

What a child prints stands under its host, as it comes or in the order of the hosts; a summary ends it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

from sesh import wording
from sesh.about import CALLED
from sesh.cli import jobs, printing
from sesh.cli.branch import Branch, Branches, Lines, Values
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import VERBS
from sesh.errors import SIGNAL_BASE, ExitCode, SeshError, UsageError, rebuild
from sesh.reach import host_target, links  # noqa: F401 (no child imports: Python drops a Ctrl-C within an import)
from sesh.remote import known

_AS_IT_COMES = ("--exec", "--run")
"""Verbs whose output is printed while they run; others print when their host's turn has come, if they do not follow."""
_ONCE = (*_AS_IT_COMES, "--send", "--kill")
"""Verbs that a host of two names must not get twice."""
_COLOURS = (36, 33, 35, 32, 34, 31)


def branches_of(
    cli: Invocation, options: Mapping[str, object], function: Callable[..., int] | None = None, *, as_json: bool = True
) -> list[Branch]:
    """Return the branches of a line for its hosts, one for this machine if it names none.

    `function`: carries it out, by default the verb's own. `as_json`: what it prints is JSON, whatever the person wants.
    """
    carried = function or cli.line.row.function()
    hosts: Sequence[str | None] = cli.hosts or [None]
    return [Branch(cli, host or "", {"host": host}, lambda: carried(cli, **options), as_json=as_json) for host in hosts]


def gather(branches: Sequence[Branch], enough: Callable[[Branch], bool] | None = None) -> list[Any]:
    """Carry branches out that print JSON; return their values in order, or only that of the first that is `enough`.

    A signal that has ended one has its effect on this process too.
    """
    with Branches(branches) as running:
        first = running.run(enough)
    if running.ended_by:
        signal.raise_signal(running.ended_by)
    return [branch.value() for branch in ([first] if first is not None else branches)]


def rows(values: Sequence[Any]) -> list[Any]:
    """Return what several hosts have listed as one list; an error stands in the place of its host's rows."""
    return [row for value in values for row in (value if isinstance(value, list) else [value])]


def failures(values: Sequence[Any]) -> dict[str, str]:
    """Return why hosts have failed, by host: the errors among what `gather` returns, or among its `rows`."""
    return {value["host"]: value["error"]["message"] for value in values if "error" in value}


def run(cli: Invocation, options: Mapping[str, object]) -> int:
    """`sesh @a @b --VERB …`: return the exit code. Raises UsageError if the verb takes one host only."""
    if not cli.line.row.several:
        several = " ".join(verb.name for verb in VERBS if verb.several)
        raise UsageError(f"{cli.verb or f'{CALLED} NAME'} takes one host", hint=f"these take several: {several}")
    unnamed = cli.verb == "--kill-all" or (cli.verb == "--kill" and options.get("label"))
    if unnamed and not options.get("yes"):
        raise UsageError("on several hosts nobody is asked whether to end the sessions", hint="add -y to end them")
    as_json = cli.json or options.get("form") == "json"
    if cli.verb == "--exec":
        given: Any = options
        jobs.check(cli, **given)  # once: 2 from a branch may be its job's own code
    cli.hosts = _by_one_name(cli)
    follows = cli.verb == "--events" or "follow" in options
    branches = branches_of(cli, options, as_json=as_json)
    _choose_sinks(cli, branches, follows=follows, as_json=as_json)
    reads = "stdin" in options or options.get("text") == ["-"]
    if cli.verb in _AS_IT_COMES and not reads and printing.from_pipe():
        for branch in branches:
            branch.stdin = os.dup(0)  # not to read it, but to tell that a command does not get it
    with Branches(branches, reads=reads) as running:
        silent = follows or as_json or cli.verb in _AS_IT_COMES  # where nothing comes there may be nothing to say
        running.run(status=bool if silent else cli.status)
    codes = {branch.code for branch in branches}
    told = cli.verb in _AS_IT_COMES and not as_json  # what has become of the jobs
    if running.ended_by == signal.SIGINT and codes == {ExitCode.INTERRUPTED} and not told:
        return printing.interrupted()
    misspelt = codes == {ExitCode.USAGE} and cli.verb not in _AS_IT_COMES
    if misspelt and not follows:
        raise _usage_error(branches[0])
    if not as_json:
        if running.ended_by == signal.SIGINT:
            printing.fresh_line()
        summary = printing.aligned([_row(branch) for branch in branches])
        printing.write(printing.encoded("\n".join([*summary, ""])), printing.STDERR)
        if cli.verb == "--exec" and not {"printed", "follow", "detached"}.intersection(options) and cli.watched:
            cli.note("with --print you see what the jobs print, too")
    elif not follows:
        cli.value(rows([branch.value() for branch in branches]))
    if running.ended_by:
        return SIGNAL_BASE + running.ended_by
    return ExitCode.USAGE if misspelt else int(any(codes))


def _by_one_name(cli: Invocation) -> list[str]:
    """Return the hosts of the line, each by the first of its names there if the verb is one of `_ONCE`.

    ssh is asked what the names mean if one is new, or if two have led to the same host before.
    """
    if cli.verb not in _ONCE:
        return cli.hosts
    records = known.all()
    places = {host: [n for n, each in enumerate(records) if host in (each.host, *each.aliases)] for host in cli.hosts}
    if len({n for found in places.values() for n in found[:1]}) == len(cli.hosts):
        return cli.hosts
    first: dict[str, str] = {}
    for host in cli.hosts:
        try:
            key = links.destination_of(cli, host).key
        except SeshError:
            key = host  # its branch says why
        if first.setdefault(key, host) != host:
            cli.note(f"@{host} is @{first[key]}, which gets the command once")
    return list(first.values())


def _choose_sinks(cli: Invocation, branches: Sequence[Branch], *, follows: bool, as_json: bool) -> None:
    """Have text printed behind its host's name, in turns unless it is followed, and JSON at the end, or as it comes."""
    prefix = "\x1b[{0}m{1}: \x1b[0m" if printing.coloured() else "{1}: "
    for branch, colour in zip(branches, cycle(_COLOURS), strict=False):
        branch.follows = follows
        if not as_json:
            held = not follows and cli.verb not in _AS_IT_COMES
            trims = cli.verb == "--screen"  # its empty rows
            branch.sink = Lines(prefix.format(colour, branch.title).encode(), held=held, trims=trims)
        elif follows:
            branch.sink = Values(branch.facts)


def _usage_error(branch: Branch) -> SeshError:
    error = UsageError(branch.reason) if branch.reason else rebuild(branch.value()["error"])
    error.exit_code = ExitCode.USAGE
    return error


def _row(branch: Branch) -> tuple[str, str, str]:
    """Return a row of the summary: the host, its verdict, and why it failed."""
    verdict = "interrupted" if branch.code == ExitCode.INTERRUPTED else "failed"
    verdict = f"{verdict} ({branch.code})" if branch.code else "ok"
    return branch.title, f"{verdict:<12}", wording.plain(branch.reason)
