"""The types of what verbs print with `--json`.

`prints` notes the type of a verb beside its function; a type that one file alone needs may stand there. docs/JSON.md is
made from them and from `sesh.schema`, and tests compare what is printed. `_X` has the keys that are always there, `X`
adds those that may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, TypeVar

from sesh.schema.facts import ForwardedPort, Moment
from sesh.schema.outcomes import (
    Command,
    Condition,
    DeployedHost,
    Detached,
    Finding,
    Layout,
    LeftoverFacts,
    Made,
    PrintedError,
    Renamed,
    Sent,
    SentFile,
    SessionPort,
)

PRINTED: dict[Callable[..., int], object] = {}
"""The type of what each verb prints, by its function. Verbs that attach, and `mcp`, print errors alone."""
_Function = TypeVar("_Function", bound=Callable[..., int])


def prints(kind: object) -> Callable[[_Function], _Function]:
    """Note the type of what a verb prints with `--json`, one value or one per line."""

    def note(function: _Function) -> _Function:
        PRINTED[function] = kind
        return function

    return note


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
    """The sessions that were ended. `failed`: why others were not; `error`: all of that in one."""

    error: PrintedError
    failed: dict[str, PrintedError]


class _PrintedSignalled(Done):
    signal: str
    signalled: list[str]


class PrintedSignalled(_PrintedSignalled, total=False):
    """The sessions whose foreground got a signal (`kill --signal`). `failed`, `error`: as for `kill`."""

    error: PrintedError
    failed: dict[str, PrintedError]


class _PrintedReloaded(Done):
    reloaded: list[str]


class PrintedReloaded(_PrintedReloaded, total=False):
    """The sessions that now run this version. `failed`: why others do not; `error`: all of that in one."""

    error: PrintedError
    failed: dict[str, PrintedError]


class PrintedSent(Done, Sent):
    """The result of `send`.

    `bytes`: the number typed, keys included. `position`: in the output, for `wait --from`. `typed`: always true; an
    error has it if the text was typed but not its rest, or not its Enter.
    """

    name: str


class PrintedSentFile(Done, SentFile):
    """The result of `send --file` and `send --clipboard`. `bytes`: its size."""

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


class PrintedCopied(Done):
    """What was put on the clipboard: its `type`, and how many `bytes`."""

    type: str
    bytes: int


class PrintedPasted(Done):
    """What the clipboard has: `text`, or in `base64` what is none; the other is null."""

    type: str
    bytes: int
    text: str | None
    base64: str | None


class PrintedTypes(TypedDict):
    """The types of what the clipboard has."""

    types: list[str]


class PrintedBrowsed(Done):
    """The address that was opened."""

    url: str


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


class PrintedName(TypedDict):
    """A session's name and host (`list --quiet`)."""

    name: str
    host: str | None


class PrintedCount(TypedDict):
    """How many lines of a session match (`grep --names` and `--count`)."""

    session: str
    host: str | None
    count: int


class PrintedLogs(TypedDict):
    """Lines of scrollback and screen, the newest last."""

    session: str
    host: str | None
    lines: list[str]


class PrintedOutput(Command):
    """A command of a session's history, with its output. `truncated`: that is only its end."""

    truncated: bool
    output: str


class _PrintedImport(Done):
    sessions: list[Made]


class PrintedImport(_PrintedImport, total=False):
    """The result for each session of a layout, or for each lost one.

    `failed`: the errors, by `NAME` or `@HOST NAME`.
    """

    failed: dict[str, PrintedError]


class PrintedLayout(Layout, total=False):
    """A layout, as `import` reads it. `failed`: the hosts that did not answer, of several."""

    failed: dict[str, PrintedError]


class _Swept(TypedDict):
    ok: bool
    host: str | None
    dry_run: bool
    pieces: list[LeftoverFacts]


class Swept(_Swept, total=False):
    """The leftovers of one machine. `failed`: the errors, by `what`."""

    failed: dict[str, PrintedError]


class PrintedFindings(Done):
    """The findings of `doctor` on a machine; a list for several machines."""

    host: str | None
    checks: list[Finding]


class PrintedHost(TypedDict):
    """A known host, as it was last. Nobody asks it.

    `version`: of its sesh; `used`: when you last used it, to the minute; `via`: the command that reaches it, or null
    for ssh; `sessions`: how many were last known; `failure`: why it did not answer last time.
    """

    host: str
    version: str | None
    used: Moment | None
    via: list[str] | None
    sessions: int
    failure: str | None


class _PrintedHosts(Done):
    hosts: list[DeployedHost]


class PrintedHosts(_PrintedHosts, total=False):
    """The result for each host.

    `ok`: none failed; `upgrade` skips a host whose error is `foreign`. `failed`: the errors of the others.
    """

    failed: dict[str, PrintedError]


class _PrintedForgotten(Done):
    hosts: list[str]


class PrintedForgotten(_PrintedForgotten, total=False):
    """The hosts that were forgotten.

    `removed`: with `--remove`, the paths that were removed on each. `failed`: why others were not; `error`: all of that
    in one.
    """

    removed: dict[str, list[str]]
    error: PrintedError
    failed: dict[str, PrintedError]


class PrintedForward(Done, ForwardedPort):
    """A port of a host that is reached here."""


class PrintedForwards(TypedDict):
    """The ports that are forwarded in the background."""

    ports: list[ForwardedPort]


class PrintedStopped(Done):
    """The ports that are forwarded no more."""

    stopped: list[ForwardedPort]


class PrintedPorts(TypedDict):
    """The ports on which the processes of a session listen."""

    session: str
    host: str | None
    ports: list[SessionPort]


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
