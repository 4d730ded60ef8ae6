"""The types that only `--json` prints, and the types that each verb prints.

docs/JSON.md is made from them and from `sesh.schema.facts`; `tests/terminal/test_json.py` checks what is printed. The
program does not use these types, so they are no part of it. `_X` has the keys that are always there, `X` adds those
that may be missing.
"""

from __future__ import annotations

from typing import TypedDict

from sesh.schema import facts, outcomes
from sesh.schema.outcomes import (
    Command,
    Condition,
    DeployedHost,
    Detached,
    Finding,
    Hit,
    Layout,
    LeftoverFacts,
    Made,
    PrintedError,
    Renamed,
    RunResult,
    Sent,
)
from sesh.vt.render.screen_data import ScreenFacts


class Done(TypedDict):
    """The result of a verb that only acts."""

    ok: bool


class PrintedSession(Done):
    """A session that runs.

    `session`: the same as `name`; `created`: true if this verb created it.
    """

    name: str
    session: str
    host: str | None
    created: bool


class PrintedDetached(Done, Detached):
    """The number of clients that were detached from a session."""


class PrintedRenamed(Done, Renamed):
    """The new name of a session, and its old one."""


class _PrintedKilled(Done):
    killed: list[str]


class PrintedKilled(_PrintedKilled, total=False):
    """The sessions that were ended. `error`: why others were not."""

    error: PrintedError


class _PrintedReloaded(Done):
    reloaded: list[str]


class PrintedReloaded(_PrintedReloaded, total=False):
    """The sessions that now run this version. `error`: why others do not."""

    error: PrintedError


class PrintedSent(Done, Sent):
    """The result of `send`.

    `bytes`: the number typed, keys included. `position`: in the output, for `wait --from`. `typed`: always true; an
    error has it if the text was typed but not its rest, or not its Enter.
    """

    name: str


class PrintedIntegrated(Done):
    """The settings of an `agent`, and whether they were `changed`."""

    agent: str
    path: str
    changed: bool


class PrintedState(Done):
    """The state of a session as its program has just reported it."""

    name: str
    state: str


class PrintedLabels(Done):
    """All labels of a session."""

    name: str
    labels: dict[str, str]


class PrintedResume(Done):
    """The resume command of a session; null if it has none."""

    name: str
    resume: list[str] | None


class PrintedCondition(Condition):
    """The condition that ended a wait: exit, prompt, waiting, idle or for.

    `match`: the text, or the question.
    """

    session: str
    host: str | None


class PrintedScreen(ScreenFacts):
    """The visible rows as runs of cells (`--format json`).

    `colours`: those that the program changed, as it wrote them; `continued`: the rows, from 0, that continue the line
    of the row above.
    """

    session: str
    host: str | None
    format: str


class PrintedText(TypedDict):
    """The rows, plain or with colours.

    `continued`: the rows, from 0, that go on with the line of the row above.
    """

    session: str
    host: str | None
    format: str
    text: str
    lines: list[str]
    continued: list[int]


class PrintedLogs(TypedDict):
    """Lines of scrollback and screen, the newest last."""

    session: str
    host: str | None
    lines: list[str]


class PrintedOutput(Command):
    """A command of a session's history, with its output."""

    output: str


class PrintedImport(Done):
    """The result for each session of a layout, or for each lost one."""

    sessions: list[Made]


class Swept(TypedDict):
    """The leftovers of one machine."""

    ok: bool
    host: str | None
    dry_run: bool
    pieces: list[LeftoverFacts]


class PrintedFindings(Done):
    """The findings of `doctor` on a machine; a list for several machines."""

    host: str | None
    checks: list[Finding]


class PrintedHosts(Done):
    """The result for each host.

    `ok`: none failed; `upgrade` skips a host whose error is `foreign`.
    """

    hosts: list[DeployedHost]


class _PrintedForgotten(Done):
    hosts: list[str]


class PrintedForgotten(_PrintedForgotten, total=False):
    """The hosts that were forgotten.

    `removed`: with `--remove`, the paths that were removed on each. `error`: why others were not.
    """

    removed: dict[str, list[str]]
    error: PrintedError


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


class PrintedSkill(TypedDict):
    """The page for agents, in Markdown."""

    skill: str


class PrintedLine(TypedDict):
    """A line of output."""

    line: str


class _PrintedFailure(TypedDict):
    error: PrintedError


class PrintedFailure(_PrintedFailure, total=False):
    """An error of any verb; in a list, it replaces a host or a session."""

    host: str | None
    session: str
    exit_code: int


PRINTS: dict[str, object] = {
    "open": PrintedSession, "new": PrintedSession, "list": list[facts.Summary],
    "watch": list[facts.Summary], "detach": PrintedDetached, "kill": PrintedKilled, "kill-all": PrintedKilled,
    "rename": PrintedRenamed, "exec": RunResult | PrintedSession | PrintedLine, "run": RunResult,
    "send": PrintedSent, "wait": PrintedCondition | list[PrintedCondition], "events": facts.Event,
    "screen": PrintedText | PrintedScreen, "logs": PrintedLogs | PrintedLine, "grep": list[Hit],
    "history": list[outcomes.Command] | PrintedOutput, "status": facts.Status, "state": PrintedState,
    "resume-with": PrintedResume, "restore": PrintedImport, "integrate": PrintedIntegrated,
    "label": PrintedLabels, "export": Layout,
    "import": PrintedImport, "sweep": Swept, "doctor": PrintedFindings,
    "shell-init": PrintedScript, "deploy": PrintedHosts, "upgrade": PrintedHosts, "forget": PrintedForgotten,
    "reload": PrintedReloaded, "completions": PrintedScript,
    "skill": PrintedSkill, "--help": PrintedHelp, "--version": PrintedVersion,
}  # fmt: skip
"""The type of what each verb prints, by what is asked. Verbs that attach, and `mcp`, print errors alone."""
