"""`--wait`: wait until a condition holds for a session."""

from __future__ import annotations

from sesh import bounds, wording
from sesh.cli import printing
from sesh.errors import MEMORY_REASONS, NotFound, UsageError
from sesh.names import printable
from sesh.ops import matching
from sesh.ops.wait import after_end, met
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.invocation import Invocation
    from sesh.ops.wait import Conditions


def wait(  # noqa: PLR0913 (so many conditions)
    cli: Invocation,
    name: str,
    *,
    exit_: bool = False,
    prompt: bool = False,
    waiting: bool = False,
    idle: str | None = None,
    pattern: str | None = None,
    start: str | None = None,
    since_start: bool = False,
    timeout: str | None = None,
) -> int:
    """`--wait NAME …`: wait for a condition, else for the end; return the session's code if it has ended, else 0."""
    find.checked(name, "--wait")
    if start is not None and not bounds.is_decimal(start):
        raise UsageError(f"{printable(start)} is not a position; --from takes the `position` that --send --json prints")
    if start is not None and since_start:
        raise UsageError("--from and --since-start cannot be combined")
    conditions: Conditions = {
        "exit_": exit_,
        "prompt": prompt,
        "waiting": waiting,
        "idle": bounds.parse_seconds(idle, "--idle"),
        "pattern": matching.checked(pattern) if pattern is not None else None,
        "begin": int(start) if start is not None else "start" if since_start else "sent",
        "limit": bounds.parse_seconds(timeout),
    }
    try:
        with cli.target.open_stream(name, conditions["limit"]) as stream:
            answer = met(stream, conditions)
    except NotFound as missing:
        answer = after_end(cli.target, name, missing, conditions)
    match, code = answer["match"], answer["exit_code"]
    if cli.json:
        cli.value({"session": name, "host": cli.host, **answer})
    else:
        more = wording.plain(match) if match is not None else "" if code is None else str(code)
        printing.text(f"{answer['met']}: {more}" if more else answer["met"])
        if (reason := answer.get("reason")) in MEMORY_REASONS:
            cli.note(f"{name} was {reason}")
    return code or 0
