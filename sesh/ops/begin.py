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
    from sesh.schema import Spec


@op("enter.job", creates=True)
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
    stdin: bool = False,
) -> Entered:
    """Begins a job: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Errors exit with 125, unless they have a code of their own.
    """
    name = find.checked(name, "--exec") if name is not None else None
    if timeout is not None:
        timeout = bounds.seconds(timeout, "timeout")
    try:
        launch_spec = create.launch_spec(caller, **(spec or {}))
        launch_spec |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return create.start_numbered(launch_spec)
        if (summary := find.dormant(name)) is None:
            return name, create.start(launch_spec, name)
        from sesh.ops import dormant

        # A job that was lost is replaced, for what runs it each night; no other session is.
        if (records.readable(name) or {}).get("job") is not True:
            raise find.occupied(summary)
        return name, dormant.start(caller, launch_spec, name, summary, again=False)
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise
