"""The types of what `--json` prints that no op answers as it is; docs/JSON.md is made from them and from `sesh.schema`.

Nothing loads this module while sesh runs. A class named `_X` holds the keys that are always there, `X` adds those that
may be missing.
"""

from __future__ import annotations

from typing import TypedDict

from sesh.schema import Command, Condition, Detached, Finding, Made, PrintedError, Renamed, Report
from sesh.vt.render.screen_data import Screen


class Done(TypedDict):
    """A verb that only acts has acted."""

    ok: bool


class PrintedSession(Done):
    """A session that is there now, and whether it was created for this. `session`: its name too."""

    name: str
    session: str
    host: str | None
    created: bool


class PrintedDetached(Done, Detached):
    """How many clients of a session were detached."""


class PrintedRenamed(Done, Renamed):
    """The new name of a session, and its old one."""


class _PrintedKilled(Done):
    killed: list[str]


class PrintedKilled(_PrintedKilled, total=False):
    """The sessions that were ended; what kept others from it."""

    error: PrintedError


class _PrintedReloaded(Done):
    reloaded: list[str]


class PrintedReloaded(_PrintedReloaded, total=False):
    """The sessions whose daemons took this version over; what kept others from it."""

    error: PrintedError


class PrintedSent(Done):
    """What was typed: its `bytes`, and the `position` in the output from which `--wait --from` counts."""

    name: str
    bytes: int
    position: int


class PrintedState(Done):
    """How a session stands now by its own word."""

    name: str
    state: str


class PrintedMessage(Done):
    """How many clients a message was shown to."""

    name: str
    clients: int


class PrintedLabels(Done):
    """All labels of a session."""

    name: str
    labels: dict[str, str]


class PrintedCondition(Condition):
    """The condition that ended a wait: exit, prompt, waiting, idle or for. `match`: the text, or what is asked."""

    session: str
    host: str | None


class PrintedScreen(Screen):
    """The visible rows as runs of cells, as `--screen --format json` prints them."""

    session: str
    host: str | None
    format: str


class _PrintedText(TypedDict):
    session: str
    host: str | None
    format: str
    text: str


class PrintedText(_PrintedText, total=False):
    """The visible rows as text or as a picture, by `format`; `lines` for text and ansi."""

    lines: list[str]


class PrintedLogs(TypedDict):
    """Lines of scrollback and screen, the newest last."""

    session: str
    host: str | None
    lines: list[str]


class PrintedOutput(Command):
    """A command of a session's history with what it wrote, as `--history NAME N` prints it."""

    output: str


class PrintedRecording(Done):
    """A recording that has ended. `duration`: seconds; `exit_code`: the session's, None where it goes on."""

    name: str
    host: str | None
    file: str
    duration: float
    events: int
    exit_code: int | None


class PrintedImport(Done):
    """What became of each session of a layout."""

    sessions: list[Made]


class PrintedFindings(Done):
    """What `--doctor` found on a machine; several machines are a list."""

    host: str | None
    checks: list[Finding]


class PrintedReport(Done, Report):
    """What `--doctor --report` prints."""


class DeployError(PrintedError):
    """Why a host has no sesh now. `step`: of the deployment; `foreign`: another sesh is there, which stays."""

    step: str | None
    foreign: bool


class _DeployedHost(TypedDict):
    host: str
    ok: bool


class DeployedHost(_DeployedHost, total=False):
    """What became of a host: what was installed there, or the error."""

    version: str
    python: str
    platform: str
    path: str
    bytes: int
    seconds: float
    changed: bool
    error: DeployError


class PrintedHosts(Done):
    """What became of each host."""

    hosts: list[DeployedHost]


class PrintedForgotten(Done):
    """The hosts that are asked no more."""

    hosts: list[str]


class PrintedScript(TypedDict):
    """A script for a shell."""

    shell: str
    script: str


class PrintedHelp(TypedDict):
    """Help as text."""

    help: str


class PrintedVersion(TypedDict):
    """The version of sesh, and of its protocol."""

    version: str
    protocol: int
