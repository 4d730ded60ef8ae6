"""Ops carried out here or on a host: their caller, their target, the links, and the calls over them.

`caller`       the caller of an op: gets notes, answers questions; `origin`: its machine, if it calls over a link
`op`           the mark of a function that is an op
`target`       this machine, or a host (`host_target`): `call`, `enter`; `calls`: the call over a link
`stream`       the conversation with one session's daemon, over as many connections as it takes: `target.open_stream`
`links`        links to hosts: opened, opened again when lost
`find`         a session on this machine; on known remotes: `sesh.ops.lookup`
`cancelling`   Ctrl-C while something is waited for; from another thread: `sesh.stop`
"""

from __future__ import annotations

from sesh.reach.caller import Caller
from sesh.reach.target import Target


def target_of(caller: Caller, host: str | None, *, offer: bool = False) -> Target:
    """The target for a host, None for this machine; `offer`: see `HostTarget`. Raises InvalidHost."""
    if host is None:
        return Target(caller)
    from sesh.reach.host_target import HostTarget  # ssh, sync and links, of which a session here needs nothing

    return HostTarget(caller, host, offer=offer)
