"""Puts this very sesh on another machine, in steps that each leave what was there working."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time

from sesh.errors import InvalidHost, Refused, SeshError, Unreachable
from sesh.remote import eventlog, known
from sesh.remote.deploy import bundle, carrier, survey
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.remote.ssh.destination import Destination

    Progress = Callable[[str, int, int], None]

STEPS = ("connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch")
_BOOT = "import sys;f=sys.stdin.buffer;exec(compile(f.read(int(f.readline())),'sesh-unpack','exec'))"
_MOST_TOLD = 4096


class DeployError(SeshError):
    """A step that failed. `step`: one of STEPS; `stderr`: what was said about it over there.

    `askable`: whether a person at a terminal may be able to help, by a password or the like.
    """

    code = "refused"

    foreign = False
    """Whether it is a sesh of somebody else's that is in the way, and stays."""

    def __init__(self, step: str, message: str, stderr: str = "", *, askable: bool = False) -> None:
        super().__init__(message, code="unreachable" if step == "connect" else None)
        self.step, self.askable = step, askable
        self.stderr = stderr[-_MOST_TOLD:]


class Deployed:
    """What is there now.

    `version` of sesh; `python`: the interpreter that runs it, `python_version`; `platform` in words; `path`: the
    version's directory; `bytes` that were uploaded; `seconds` that it took; `changed`: False where it was all there.
    """

    __slots__ = ("bytes", "changed", "path", "platform", "python", "python_version", "seconds", "version")

    def __init__(self, version: str, python: survey.Python, platform: str) -> None:
        self.version, self.platform = version, platform
        self.python, self.python_version = python.path, python.version
        self.path = ""
        self.bytes, self.seconds, self.changed = 0, 0.0, False


def deploy(
    destination: Destination,
    *,
    force: bool = False,
    progress: Progress | None = None,
    over: carrier.Carrier | None = None,
) -> Deployed:
    """Puts this sesh there; where it is already, whole and in service, nothing is sent.

    `force`: also in place of a ~/.local/bin/sesh that is not ours. `progress` is told (step, done, total): bytes for
    the upload, else 0 or 1 of 1. `over`: a connection that stands, left open. Raises DeployError.
    """
    began = time.monotonic()
    eventlog.log("deploy_start", host=destination.word)
    try:
        deployed = _Deploy(destination, force, progress).run(over)
    except DeployError as error:
        eventlog.log("deploy_failed", host=destination.word, step=error.step, stderr=error.stderr or str(error))
        raise
    deployed.seconds = time.monotonic() - began
    facts = {name: getattr(deployed, name) for name in ("version", "python", "platform", "path", "bytes", "changed")}
    eventlog.log("deploy_done", host=destination.word, **facts, seconds=round(deployed.seconds, 3))
    known.record(destination, deployed.version)
    return deployed


def connected(destination: Destination, *, ask: bool | None = None) -> carrier.Carrier:
    """The first step by itself. Raises DeployError."""
    try:
        return carrier.reach(destination, ask=ask)
    except InvalidHost:
        raise
    except SeshError as error:
        raise DeployError("connect", str(error), askable=isinstance(error, ssh.NotLetIn)) from error


class _Deploy:
    """One deploy to one host, step by step."""

    def __init__(self, destination: Destination, force: bool, progress: Progress | None) -> None:
        self.destination, self.force = destination, force
        self.word = destination.word
        self.step = STEPS[0]
        self._progress = progress

    def begin(self, step: str) -> None:
        """Goes on to a step; the one before it is done."""
        if step != self.step:
            self.tell(1, 1)
            self.step = step
            self.tell(0, 1)

    def tell(self, done: int, total: int) -> None:
        if self._progress:
            self._progress(self.step, done, total)

    def run(self, over: carrier.Carrier | None) -> Deployed:
        self.tell(0, 1)
        way = over or connected(self.destination)
        try:
            found = self._surveyed(way)
            platform = self._platform(found)
            python = self._python(found)
            try:
                made = bundle.build(platform, python)
            except (Refused, OSError) as error:
                raise DeployError("upload", f"what {self.word} needs cannot be put together: {error}") from error
            deployed = Deployed(made.version, python, str(platform))
            self._put(way, made, python, deployed)
        finally:
            if over is None:
                way.close()
        self.tell(1, 1)
        return deployed

    # -- what is there

    def _surveyed(self, way: carrier.Carrier) -> survey.Survey:
        token = secrets.token_hex(8)
        try:
            answer = way.run(survey.question(token))
        except Unreachable as error:
            raise DeployError("connect", str(error)) from error
        self.begin("detect_platform")
        found = survey.read(answer.out, token)
        if found is None:
            told = _last(answer.err) or _last(answer.out) or "it said nothing"
            if way.name == "via" and token not in answer.out:
                raise DeployError("connect", f"{self.word} cannot be reached: {told}", answer.err)
            message = f"{self.word} does not answer as a POSIX system (exit {answer.code}): {told}"
            raise DeployError("detect_platform", message, answer.err)
        return found

    def _platform(self, found: survey.Survey) -> survey.Platform:
        platform = found.platform
        if platform.system not in survey.SYSTEMS:
            told = f"{self.word} runs {platform.system or 'an unknown system'}; sesh runs on Linux and macOS"
            raise DeployError("detect_platform", told)
        return platform

    def _python(self, found: survey.Survey) -> survey.Python:
        """The interpreter that sesh will run by: one that needs nothing fetched, of the system's, the newest."""
        self.begin("python")
        if not found.pythons:
            names = "; ".join(found.others[:4])
            told = f"only {names}" if names else "none at all"
            oldest = ".".join(str(part) for part in survey.OLDEST)
            raise DeployError("python", f"{self.word} has no Python {oldest} or newer, {told}: install python3 there")

        def rank(python: survey.Python) -> tuple[bool, bool, tuple[int, ...]]:
            system = python.path.startswith(("/usr/", "/opt/", "/bin/"))
            return bundle.native(found.platform, python), system, python.minor

        return max(found.pythons, key=rank)

    # -- what is put there

    def _put(self, way: carrier.Carrier, made: bundle.Bundle, python: survey.Python, deployed: Deployed) -> None:
        """Looks what is missing over there, and sends that."""
        order = {
            "name": made.name,
            "version": made.version,
            "manifest": made.hash,
            "python": python.path,
            "force": self.force,
        }
        seen = self._order(way, python, {**order, "action": "look"})
        deployed.path = str(seen["path"])
        if seen["whole"] and seen["program"] == "current":
            return
        if seen["program"] == "foreign" and not self.force:
            told = f"~/.local/bin/sesh on {self.word} is not ours and stays; --force replaces it"
            error = DeployError("switch", told)
            error.foreign = True
            raise error
        if seen["whole"]:
            self._order(way, python, {**order, "action": "switch"})
        else:
            archive = made.packed()
            deployed.bytes = len(archive)
            self.begin("upload")
            order |= {"size": len(archive), "unpacked": made.size, "sha256": hashlib.sha256(archive).hexdigest()}
            self._order(way, python, {**order, "action": "install"}, archive)
        deployed.changed = True

    def _order(
        self, way: carrier.Carrier, python: survey.Python, order: dict[str, Any], archive: bytes = b""
    ) -> dict[str, Any]:
        """Has an order carried out over there; its answer. Raises DeployError with the step that failed."""
        token = secrets.token_hex(8)
        text = json.dumps({**order, "token": token}).encode()
        program = _program()
        head = b"%d\n%s%d\n%s" % (len(program), program, len(text), text)

        def sent(count: int) -> None:
            if archive and self.step == "upload":
                self.tell(max(0, count - len(head)), len(archive))

        answers = _Answers(token, self.begin)
        try:
            answer = way.run(survey.running(python, _BOOT), head + archive, sent, answers.hear)
        except Unreachable as error:
            raise DeployError(self.step, f"the connection to {self.word} was lost: {error}") from error
        if answers.failed:
            failed = answers.failed
            raise DeployError(failed["step"], f"{self.word}: {failed['reason']}", failed["told"] or answer.err)
        if answers.done is None:
            told = _last(answer.err) or "it said nothing"
            raise DeployError(self.step, f"{python.path} on {self.word} ended with {answer.code}: {told}", answer.err)
        return answers.done


class _Answers:
    """Takes the lines that begin with a token out of what a host prints, as they come."""

    def __init__(self, token: str, begin: Callable[[str], None]) -> None:
        self._token, self._begin = f"{token} ".encode(), begin
        self._rest = b""
        self.failed: dict[str, Any] | None = None
        self.done: dict[str, Any] | None = None

    def hear(self, data: bytes) -> None:
        *rows, self._rest = (self._rest + data).split(b"\n")
        for row in rows:
            _, mark, text = row.partition(self._token)
            if not mark:
                continue
            said = json.loads(text)
            if "step" in said:
                self._begin(said["step"])
            self.failed, self.done = said.get("failed", self.failed), said.get("done", self.done)


def _program() -> bytes:
    """The source of what runs over there."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "unpack.py"), "rb") as file:
        return file.read()


def _last(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
