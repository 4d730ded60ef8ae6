"""The op that leads to a job's session."""

from __future__ import annotations

from sesh import bounds
from sesh.errors import ExitCode, SeshError
from sesh.ops import create
from sesh.reach import find
from sesh.reach.op import op
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.reach.caller import Caller
    from sesh.reach.op import Entered
    from sesh.schema import LaunchSpec, Spec, Summary
    from sesh.wire import Connection


@op("enter.job", creates=True)
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
    stdin: bool = False,
) -> Entered:
    """A job that has begun: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Raises what keeps it from beginning, as 125 if no other code says more.
    """
    name = find.checked(name, "--exec") if name is not None else None
    if timeout is not None:
        timeout = bounds.seconds(timeout, "timeout")
    try:
        order = create.order(caller, **(spec or {}))
        order |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return create.start_numbered(order)
        if (session := find.dormant(name)) is not None:
            return name, _job_instead(caller, name, session, order)
        return name, create.start(order, name)
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise


def _job_instead(caller: Caller, name: str, session: Summary, order: LaunchSpec) -> Connection:
    """A job in the place of a lost one, as one that runs each night needs it; no other session is replaced by a job."""
    from sesh.ops import dormant

    if (records.readable(name) or {}).get("job") is not True:
        raise find.occupied(session)
    return dormant.start(caller, order, name, session, again=False)
