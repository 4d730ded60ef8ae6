"""`--grep`: what sessions have shown, searched."""

from __future__ import annotations

from sesh import bounds, wording
from sesh.cli import printing
from sesh.cli.tui import console, pager
from sesh.client.terminal import RawTerminal
from sesh.errors import SeshError, UsageError, rebuild
from sesh.names import printable
from sesh.ops import search
from sesh.reach.host_target import HostTarget
from sesh.reach.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sesh.cli.invocation import Invocation
    from sesh.schema import Hit, Hits

_LEAVING = ("q", "escape", "C-c", "C-d", "C-\\", "hangup")
_STEPS = {"up": -1, "k": -1, "C-p": -1, "C-k": -1, "down": 1, "j": 1, "C-n": 1, "C-j": 1, "tab": 1, "btab": -1}


def grep(
    cli: Invocation, pattern: str, names: Sequence[str] = (), *, context: str = "0", ignore_case: bool = False
) -> int:
    """`--grep REGEX [NAME…] [-C N] [-i]`: 0 where something was found, 1 where nothing was."""
    if not bounds.is_decimal(context):
        raise UsageError(f"{printable(context)} is not a number of lines", hint="write: $sesh --grep REGEX -C 2")

    def ask(target: Target) -> Hits:
        return target.call(
            search.grep, pattern=pattern, names=list(names), context=int(context), ignore_case=ignore_case
        )

    hits, failed = _found(cli, ask)
    if cli.json:
        cli.value(hits)
    elif hits and printing.on_terminal() and not console.dumb():
        _choose(cli, hits, pattern)
        _print(hits)
    else:
        _print(hits)
    for line in failed:
        cli.note(line)
    return 0 if hits else 1


def _found(cli: Invocation, ask: Callable[[Target], Hits]) -> tuple[list[Hit], list[str]]:
    """The hits of all machines that the line is for, and what went wrong. Raises the error of a single machine."""
    hits: list[Hit] = []
    failed: list[str] = []
    hosts: list[str | None] = [*cli.hosts] or [None]
    for host in hosts:
        try:
            answer = ask(_target(cli, host))
        except SeshError as error:
            if len(cli.hosts) < 2:
                raise
            failed.append(f"@{host}: {error}")
            continue
        hits += [{**each, "host": host} for each in answer["hits"]]
        failed += [rebuild(facts).line(host) for facts in answer["failed"].values()]
    return hits, failed


def _target(cli: Invocation, host: str | None) -> Target:
    return Target(cli.caller) if host is None else HostTarget(cli.caller, host)


def _print(hits: Sequence[Hit]) -> None:
    """As grep prints: `session:line:text`, and `session-line-text` for what stands around it, `--` between groups."""
    before: tuple[str, str | None, int] | None = None
    out: list[str] = []
    for hit in hits:
        name, at = _place(hit), int(hit["line"])
        first = at - len(hit["before"])
        if (hit["before"] or hit["after"]) and before is not None and before != (name, hit["host"], first):
            out.append("--")
        out += [f"{name}-{number}-{wording.plain(line)}" for number, line in enumerate(hit["before"], first)]
        out.append(f"{name}:{at}:{wording.plain(hit['text'])}")
        out += [f"{name}-{number}-{wording.plain(line)}" for number, line in enumerate(hit["after"], at + 1)]
        before = (name, hit["host"], at + len(hit["after"]) + 1)
    if out:
        printing.text("\n".join(out))


def _place(hit: Hit) -> str:
    return f"@{hit['host']} {hit['session']}" if hit["host"] else str(hit["session"])


def _choose(cli: Invocation, hits: Sequence[Hit], pattern: str) -> None:
    """The hits as a list: Enter opens the session's whole text in the pager, at the line."""
    at = first = 0
    with RawTerminal() as terminal, console.Stage(terminal) as stage:
        while True:
            width, height = stage.size
            room = max(1, height - 1)
            first = min(max(first, at - room + 1), at)
            rows = [
                _row(hit, width, marked=first + number == at) for number, hit in enumerate(hits[first : first + room])
            ]
            head = f"{at + 1} of {len(hits)} for {wording.plain(pattern)}  Enter opens the text there, q leaves"
            stage.draw([f"\x1b[2m{wording.cut(head, width)}", *rows])
            for key in stage.wait()[0]:
                if key in _LEAVING:
                    return
                if key in ("resize", "resume"):
                    stage.forget()
                elif key == "enter":
                    pager.read(stage, _target(cli, hits[at]["host"]), hits[at]["session"], f"+{hits[at]['line']}")
                else:
                    step = {"pageup": -room, "pagedown": room, "home": -len(hits), "end": len(hits)}.get(
                        key, _STEPS.get(key, 0)
                    )
                    at = min(max(at + step, 0), len(hits) - 1)


def _row(hit: Hit, width: int, *, marked: bool) -> str:
    words = hit.get("command")
    command = f"  [{wording.plain(' '.join(words))}]" if words else ""
    text = wording.cut(f"{_place(hit)}:{hit['line']}  {wording.plain(hit['text'])}{command}", width)
    return f"\x1b[7m{text}" if marked else text
