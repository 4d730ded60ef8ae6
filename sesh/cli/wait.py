"""`--wait`: until a condition holds for a session."""

from __future__ import annotations

from sesh import bounds, wording
from sesh.cli import printing
from sesh.errors import NotFound, SeshError, UsageError
from sesh.names import printable
from sesh.ops import matching
from sesh.ops.wait import after_end, met
from sesh.reach import find
from sesh.reach.stream import DaemonDied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.schema import Condition


def wait(cli: Invocation, name: str, **conditions: Any) -> int:
    """`--wait NAME …`: the session's code if it has ended, else 0. Without a condition it waits for the end."""
    find.checked(name, "--wait")
    words = _checked(**conditions)
    try:
        with cli.target.open_stream(name, words["limit"]) as stream:
            answer = met(stream, **words)
    except (NotFound, DaemonDied) as missing:
        return _ended(cli, missing, name, **conditions)
    return _report(cli, name, answer)


def _ended(cli: Invocation, missing: SeshError, name: str, **conditions: Any) -> int:
    """The end of a session that is gone, if its end is waited for. Raises as `after_end` does."""
    others = any(conditions.get(each) is not None for each in ("prompt", "waiting", "idle", "pattern"))
    exit_ = bool(conditions.get("exit_")) or not others
    return _report(cli, name, after_end(cli.target, name, missing, exit_=exit_))


def _checked(
    *,
    exit_: bool = False,
    prompt: bool = False,
    waiting: bool = False,
    idle: str | None = None,
    pattern: str | None = None,
    start: str | None = None,
    since_start: bool = False,
    timeout: str | None = None,
) -> dict[str, Any]:
    """The conditions as `met` takes them. Raises UsageError."""
    if start is not None and not bounds.is_decimal(start):
        raise UsageError(f"{printable(start)} is not a position; --from takes the `position` that --send --json prints")
    if start is not None and since_start:
        raise UsageError("--from and --since-start cannot be combined")
    return {
        "exit_": exit_,
        "prompt": prompt,
        "waiting": waiting,
        "idle": _seconds(idle, "--idle"),
        "pattern": matching.checked(pattern) if pattern is not None else None,
        "begin": int(start) if start is not None else "start" if since_start else "sent",
        "limit": _seconds(timeout, "--timeout"),
    }


def _seconds(word: str | None, option: str) -> float | None:
    if word is None:
        return None
    from sesh.cli import jobs

    return jobs.seconds(word, option)


def _report(cli: Invocation, name: str, answer: Condition) -> int:
    """Prints what was met; the exit code."""
    match, code = answer["match"], answer["exit_code"]
    if cli.json:
        cli.value({"session": name, "host": cli.host, **answer})
    else:
        more = wording.plain(match) if match is not None else "" if code is None else str(code)
        printing.text(f"{answer['met']}: {more}" if more else answer["met"])
    return code or 0
