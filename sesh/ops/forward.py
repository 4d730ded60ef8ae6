"""What a host does for `forward`: it carries connections to its ports, and knows on which a session listens."""

from __future__ import annotations

import os

from sesh.errors import NotFound
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema.outcomes import SessionPort, SessionPorts
from sesh.store import records
from sesh.system import platforms, processes
from sesh.system.ports import Look


@op(reads=True)
def carry(_caller: Caller) -> str:
    """Return what two machines have alike that share one loopback; the link then carries connections.

    See `sesh.bridge.bridge` and `sesh.forward.far`.
    """
    return platforms.network()


@op(reads=True)
def ports(_caller: Caller, name: str) -> SessionPorts:
    """Return the ports on which a session's processes listen, on loopback or all addresses. Raises NotFound."""
    record = records.read(name)
    if record is None:
        raise find.absent(name)
    if not (records.here(record) and records.alive(record)):
        raise NotFound(f"{name} does not run, so it listens on no port")
    pids = processes.of_session(record.get("pid") or 0, "SESH_ENV_FILE", records.file_of(record["id"], "env"))
    found = Look().of_processes(pids)
    rows: list[SessionPort] = [{"port": each.port, "pid": each.pid, "program": _program(each.pid)} for each in found]
    return {"id": record["id"], "ports": rows}


def _program(pid: int) -> str:
    """Return the name of a process's program; empty if it has ended."""
    words = processes.command_of(pid)
    return os.path.basename(words[0]) if words else ""
