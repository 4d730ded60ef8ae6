"""`--wait`: says which of its conditions was met; the exit code is the session's if it has ended."""

from __future__ import annotations

from sesh import wording
from sesh.cli import printing
from sesh.errors import NotFound, UsageError
from sesh.names import printable
from sesh.ops import find
from sesh.ops.wait import compiled, met

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.invocation import Invocation


def wait(cli: Invocation, name: str, **conditions: Any) -> int:
    """`--wait NAME …`: the session's code if it has ended, else 0. Without a condition it waits for the end."""
    find.checked(name, "--wait")
    words = _checked(**conditions)
    try:
        with cli.target.route(name) as route:
            answer = met(route, name, **words)
    except NotFound as missing:
        if cli.host is None:
            raise  # it is looked for on known remotes first, then `kept` is called
        return kept(cli, missing, name, **conditions)
    return _report(cli, name, answer)


def kept(cli: Invocation, missing: NotFound, name: str, **conditions: Any) -> int:
    """The end of a session that is gone, if its end is waited for. Raises `missing` if nothing is known of it."""
    others = any(conditions.get(each) is not None for each in ("prompt", "idle", "pattern"))
    answer = cli.target.call("wait.ended", name=name) if conditions.get("exit_") or not others else None
    if answer is None:
        raise missing
    return _report(cli, name, answer)


def _checked(
    *,
    exit_: bool = False,
    prompt: bool = False,
    idle: str | None = None,
    pattern: str | None = None,
    start: str | None = None,
    since_start: bool = False,
    timeout: str | None = None,
) -> dict[str, Any]:
    """The conditions as `met` takes them. Raises UsageError."""
    if start is not None and not (start.isdecimal() and start.isascii()):
        raise UsageError(f"{printable(start)} is not a position; --from takes the `position` that --send --json prints")
    if start is not None and since_start:
        raise UsageError("--from and --since-start exclude each other; take one")
    return {
        "exit_": exit_,
        "prompt": prompt,
        "idle": _seconds(idle, "--idle"),
        "search": compiled(pattern) if pattern is not None else None,
        "begin": int(start) if start is not None else "start" if since_start else "sent",
        "limit": _seconds(timeout, "--timeout"),
    }


def _seconds(word: str | None, option: str) -> float | None:
    if word is None:
        return None
    from sesh.cli import jobs

    return jobs.seconds(word, option)


def _report(cli: Invocation, name: str, answer: dict[str, Any]) -> int:
    """Prints what was met; the exit code."""
    match, code = answer["match"], answer["exit_code"]
    if cli.json:
        cli.value({"session": name, "host": cli.host, **answer})
    else:
        more = wording.plain(match) if match is not None else "" if code is None else str(code)
        printing.text(f"{answer['met']}: {more}" if more else answer["met"])
    return code or 0
