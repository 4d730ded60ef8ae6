"""Call ops on this machine or on a host. Start reading at `op` and `target`."""

from __future__ import annotations

from sesh.reach.caller import Caller
from sesh.reach.target import Target


def target_of(caller: Caller, host: str | None, *, named: bool = True, may_prompt: bool = True) -> Target:
    """Return the target for `host`, or this machine if it is None; see `HostTarget`.

    Raises UsageError.
    """
    if host is None:
        return Target(caller)
    from sesh.reach.host_target import HostTarget  # noqa: PLC0415 - loads ssh and sync, for hosts only

    return HostTarget(caller, host, named=named, may_prompt=may_prompt)
