"""The facts of a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from sesh.schema.facts import MAX_SCROLLBACK, SCROLLBACK, LaunchSpec
from sesh.system.clock import STEADY
from sesh.text.coding import UTF8
from sesh.text.sizes import clamped


@dataclass
class Facts:
    """What a daemon knows of its session from the start, and keeps across a reload.

    All parts of the session read the facts. Who changes one that the record has writes the record too, by
    `description.change`.
    """

    name: str
    id: str
    created: float  # time (`STEADY`)
    directory: str
    command: list[str]
    labels: dict[str, str]
    keep: bool  # the session stays readable under its name after its end
    job: bool
    shell: bool
    persist: bool  # write checkpoints, and keep the session if it ends without a client, as `outlive` says
    outlive: Optional[str]  # never, failed or always
    scrollback: int  # lines
    ends_at: Optional[float]  # time (`STEADY`) at which a job is timed out
    resume: Optional[list[str]]  # the command that starts the session again
    resumed: bool  # that command runs instead of a shell
    env: list[str]  # the names of `--env`
    files: str  # the id by which the directory of the files is named that were sent to the session
    browser: bool = False  # programs may be offered a browser
    pid: int = 0  # of the program, once it has started
    variables: dict[str, str] = field(default_factory=dict)  # of the newest client, for its shells
    coding: str = UTF8  # of its programs' locale, by Python's name
    resolved: str = ""  # the directory without symbolic links, by the kernel's name

    @classmethod
    def of(cls, spec: LaunchSpec, session_id: str, command: list[str]) -> Facts:
        """Return the facts of a session that begins now."""
        created = STEADY.now()
        limit = spec.get("timeout")
        own_shell = not spec.get("command")
        return cls(
            name=spec["name"],
            id=session_id,
            created=created,
            directory=spec["directory"],
            command=command,
            labels=dict(spec.get("labels") or {}),
            keep=bool(spec.get("keep")),
            job=bool(spec.get("job")),
            shell=own_shell and not spec.get("resumes"),
            persist=spec.get("persist") is True,
            outlive=spec.get("outlive"),
            scrollback=clamped(spec.get("scrollback"), 0, MAX_SCROLLBACK, SCROLLBACK),
            ends_at=created + limit if limit is not None else None,
            resume=spec.get("resume"),
            resumed=own_shell and spec.get("resumes") is True,
            env=[*dict.fromkeys([*spec.get("env", ()), *(spec.get("extra") or ())])],
            files=spec.get("files") or session_id,
            browser=spec.get("browser") is not None,
            resolved=spec.get("resolved", ""),
        )

    def named(self, directory: str) -> str:
        """Return a directory of the kernel's by the name by which the session's was entered, if it lies there."""
        # By the names alone: a daemon does not wait for a file system.
        below = directory.removeprefix(self.resolved)
        if not self.resolved or below == directory or (below and below[0] != "/"):
            return directory
        return self.directory + below

    def update(self, changed: Facts) -> None:
        """Take over all facts of a changed copy, or of an earlier one."""
        vars(self).update(vars(changed))
