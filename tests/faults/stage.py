"""Where faults are injected: a session is played from its creation to its end under a plan, and judged.

A scenario does what people and programs do with a session, and goes on where a fault took a connection from it. What
it comes to is the same each time: the session serves a new client, whose keys arrive, its daemon rests, and it ends
with the code of its program, told to those who wait, with nothing left behind.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from sesh import protocol, wire
from sesh.errors import NotFound, SeshError, TimedOut, Unreachable
from sesh.messages import Answer
from sesh.store import records, results
from tests.faults.daemons import Client, Creator, running
from tests.support import ROOT, Home, processes

Plan = list[dict[str, Any]]
Sites = dict[str, tuple[int, list[str]]]

PATIENCE = 10.0
"""Seconds in which anything that is waited for has to come."""
CODE = 7
"""The exit code of the program."""
CUT_OFF = "the client was cut off at the end"
"""What is noted of a client whose connection failed before it was told of the end."""


class Complaint(Exception):
    """What a run did that it must not do, whatever failed."""


class Verdict:
    """What came of a run: the sites that its daemon or client reached, the faults that fired, and what was wrong."""

    def __init__(self, sites: Sites, fired: list[str], complaints: list[str], notes: list[str]) -> None:
        self.sites, self.fired, self.complaints, self.notes = sites, fired, complaints, notes


class Stage:
    """A home with a creator whose daemons have the shim in them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.creator = Creator(home, program=("tests.faults.injected", "creator"))
        self.report = os.path.join(home.root, "report")
        self.descriptors: dict[str, int] = {}
        """How many descriptors a daemon has at rest at the end of each scenario, where nothing failed."""

    def close(self) -> None:
        """Ends the creator."""
        self.creator.close()

    def play(self, scenario: Callable[[Run], None], faults: Plan) -> Verdict:
        """Plays a scenario under these faults."""
        self._sweep()
        run = Run(self, scenario.__name__, faults, apart=getattr(scenario, "apart", False))
        try:
            if run.create(getattr(scenario, "spec", {})):
                scenario(run)
                if not run.over:
                    run.judge()
        except Complaint as error:
            run.complaints.append(str(error))
        except (SeshError, AssertionError, OSError) as error:
            run.complaints.append(f"{type(error).__name__}: {error}")
        finally:
            run.close()
        self._check_rest(run)
        run.read_outcome()  # the next one's must not be mistaken for it
        return Verdict(self._sites(), run.fired(), run.complaints, run.notes)

    def _check_rest(self, run: Run) -> None:
        """Nothing of the session may be left: no process, no file."""
        deadline = time.monotonic() + (PATIENCE if not run.complaints else 0)
        while (left := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.005)
        if left:
            run.complaints.append("left running: " + "; ".join(map(processes.describe, left)))
            processes.kill(left)
        for name in os.listdir(self.home.directory):
            if name.startswith(".crash"):
                with open(os.path.join(self.home.directory, name), encoding="utf-8") as file:
                    run.complaints.append("crashed: " + "".join(file.read().splitlines(keepends=True)[-12:]))
            elif name not in (".lock", ".results", ".recent") and not name.startswith(".terminal."):
                # A file whose removal the kernel refuses stays: one of a name before, and in pairs one half made.
                unlinks = [each for each in run.fired() if " unlink " in each]
                named_before = name.endswith(".json") and any("daemon/clients/listener.py" in each for each in unlinks)
                refused = named_before or (unlinks and len(run.fired()) > 1)
                # A session that fails while nobody is attached stays listed: so does one whose client was cut off.
                unseen = CUT_OFF in run.notes and not name.endswith(".sock")
                (run.notes if refused or unseen else run.complaints).append(f"left lying: {name}")

    def _processes(self) -> list[int]:
        return [pid for pid in self.home.processes() if pid != self.creator.process.pid and running(pid)]

    def _sites(self) -> Sites:
        try:
            with open(self.report, encoding="utf-8") as file:
                counted = json.load(file)["sites"]
        except FileNotFoundError:
            return {}
        return {site: (count, errors) for site, (count, errors) in counted.items()}

    def _sweep(self) -> None:
        for name in os.listdir(self.home.directory):
            path = os.path.join(self.home.directory, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        for path in (self.report, f"{self.report}.fired"):
            if os.path.exists(path):
                os.unlink(path)


class Run:
    """One session under a plan, and the people and programs that use it. `apart`: its daemon is not under the plan."""

    def __init__(self, stage: Stage, scenario: str, faults: Plan, *, apart: bool) -> None:
        self.stage, self.scenario, self.faults, self._apart = stage, scenario, faults, apart
        self.name = "work"
        self.pid = 0
        self.complaints: list[str] = []
        self.notes: list[str] = []
        """What a fault cost that it may cost."""
        self.shown = ""
        """What the screen has to hold at the end."""
        self.waiter: wire.Connection | None = None
        self._outcome_due = False
        self.creator_waits = False
        """Whether the creator waits for the end too."""
        self.codes = {CODE}
        self.over = False
        """Whether the scenario has come to the session's end by itself."""
        self._people: list[Person] = []

    def fired(self) -> list[str]:
        """The faults that have fired so far."""
        try:
            with open(f"{self.stage.report}.fired", encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def lost_what_was_typed(self) -> bool:
        """Whether the terminal was gone to the daemon, and with it what was typed."""
        return any(fault.startswith("EIO write daemon/pty/pty.py") for fault in self.fired())

    def excuse(self, what: str) -> None:
        """Notes what a fault cost. Raises Complaint where none has fired."""
        if not self.fired():
            raise Complaint(f"{what}, and nothing had failed")
        self.notes.append(what)

    # -- what a scenario does

    def create(self, spec: dict[str, Any]) -> bool:
        """Creates the session; whether it is there."""
        words = {"command": ["/bin/bash", "--norc", "--noprofile"], "persist": True, **spec}
        command = words.pop("command")
        plan = {"faults": self.faults, "report": self.stage.report}
        if self._apart:
            plan = {"faults": [], "report": f"{self.stage.report}.apart"}
        creator = self.stage.creator
        self.creator_waits = bool(words.get("job"))
        creator.create(self.name, *command, plan=plan, wait=self.creator_waits, **words)
        self._outcome_due = True
        socket_path = os.path.join(self.stage.home.directory, f"{self.name}.sock")
        try:
            if not (self.creator_waits and self._appears(socket_path)):
                self.creator_waits = False
                self.outcome()
        except SeshError as error:
            self.excuse(f"not created: {error}")
            if "\n" in str(error) or "Traceback" in str(error):
                self.complaints.append(f"not one line: {error}")
            if not os.path.exists(socket_path):
                return False  # else only the daemon's report was lost, or it is about to end
            return self.wait_for_end(perhaps=True)
        return self.wait_for_end()

    def _appears(self, path: str) -> bool:
        """Whether a socket appears before the creator has its answer."""
        pipe = self.stage.creator.answers
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            if select.select([pipe], [], [], 0.002)[0] or time.monotonic() > deadline:
                return False
        return True

    def outcome(self) -> dict[str, Any]:
        """The creator's outcome. Raises SeshError where it was an error."""
        ready = select.select([self.stage.creator.answers], [], [], PATIENCE)[0]
        if not ready:
            raise Complaint("the creator was not answered")
        self._outcome_due = False
        return self.stage.creator.outcome()

    def read_outcome(self) -> None:
        """Passes over the creator's outcome, where nobody has read it."""
        if self._outcome_due:
            try:
                self.outcome()
            except (SeshError, Complaint):
                return

    def wait_for_end(self, *, perhaps: bool = False) -> bool:
        """Somebody waits for the session's end, who has to be told its code; whether the session is there.

        `perhaps`: its creator could not be told that it is.
        """
        for _ in range(3):
            try:
                self.waiter = wire.connect(self.name)
                self.pid = _peer(self.waiter)
                self.waiter.send(wire.greeting("request") + wire.asking("wait", 1, output=True))
                self.waiter.expect_welcome(time.monotonic() + PATIENCE)
                return True
            except (Unreachable, NotFound) as error:
                self.excuse(f"wait: {error}")
        if self.creator_waits:  # its socket is there before it is known whether its program starts
            try:
                self.outcome()
            except SeshError as error:
                self.excuse(f"not created: {error}")
                return False
        if perhaps and not os.path.exists(os.path.join(self.stage.home.directory, f"{self.name}.sock")):
            return False
        raise Complaint("nobody can wait for the end")

    def attach(self, **hello: Any) -> Person:
        """A client that attaches."""
        person = Person(self, hello)
        self._people.append(person)
        return person

    def ask(self, verb: str, data: bytes = b"", **words: Any) -> tuple[Answer, bytes]:
        """A request; one that a fault made fail is asked once more, and has to succeed then."""
        for _ in range(4):
            try:
                return wire.ask(self.name, verb, data, timeout=PATIENCE, **words)
            except TimedOut as error:
                raise Complaint(f"{verb} was not answered: {error}") from error
            except SeshError as error:
                self.excuse(f"{verb}: {error}")
                if verb == "rename" and os.path.exists(os.path.join(self.stage.home.directory, f"{words['to']}.sock")):
                    self.name = words["to"]
        raise Complaint(f"{verb} fails: {self.notes[-1]}")

    # -- the judgement

    def judge(self) -> None:
        """The session serves a new client, rests, and ends in order."""
        for person in self._people:
            person.close()
        last = self.attach(columns=90, rows=30)
        last.wait_for(self.shown.encode())
        last.types("echo al''ive", "alive")
        _, text = self.ask("screen")
        if "alive" not in text.decode():
            raise Complaint(f"the screen does not show what was typed: {text!r}")
        self._check_at_rest()
        record = records.read(self.name)
        if record is None or not (records.here(record) and records.alive(record)):
            self.complaints.append(f"its record says {record}")
        last.types(f"exit {CODE}", "")
        self.told(last)
        self.gone()

    def _check_at_rest(self) -> None:
        """The loop must not spin, and no descriptor may have been lost."""
        deadline = time.monotonic() + PATIENCE
        while not processes.rested([self.pid], 0.02):
            if time.monotonic() > deadline:
                raise Complaint("the daemon does not come to rest")
        count = len(os.listdir(f"/proc/{self.pid}/fd"))
        expected = self.stage.descriptors.setdefault(self.scenario, count)
        if count > expected:
            names = [os.readlink(f"/proc/{self.pid}/fd/{each}") for each in os.listdir(f"/proc/{self.pid}/fd")]
            self.complaints.append(f"{count} descriptors, {expected} without faults: {sorted(names)}")

    def told(self, last: Person | None) -> None:
        """Those who wait for the end are told the code."""
        codes = []
        if last is not None:
            last.drain()
            frames = last.client.frames
            codes += [protocol.parse(payload)["code"] for kind, payload in frames if kind == protocol.EXIT]
            if not codes:
                self.excuse(CUT_OFF)
                self._type_again()
        if self.waiter is not None:
            try:
                codes.append(self.waiter.answer(1, time.monotonic() + PATIENCE)[0]["exit_code"])
            except TimedOut as error:
                raise Complaint("the waiter was not answered") from error
            except SeshError as error:
                self.excuse(f"the waiter: {error}")
        if self.creator_waits:
            try:
                codes.append(self.outcome()["result"]["exit_code"])
            except SeshError as error:
                self.excuse(f"the creator: {error}")
        result = results.newest(self.name)
        if result is None:
            self.excuse("no result was kept")
        else:
            codes.append(result["exit_code"])
        if not codes or not set(codes) <= self.codes:
            self.complaints.append(f"told {codes} instead of {self.codes}")

    def _type_again(self) -> None:
        """What was typed last may have been lost with the client."""
        try:
            if self.codes == {CODE} and running(self.pid):
                self.attach(columns=90, rows=30).types(f"exit {CODE}", "")
        except Complaint:
            return  # it was not lost

    def gone(self) -> None:
        """The daemon ends."""
        self.over = True
        deadline = time.monotonic() + PATIENCE
        while running(self.pid):
            if time.monotonic() > deadline:
                raise Complaint("the daemon stays")
            time.sleep(0.002)

    def feed(self, *blocks: bytes) -> None:
        """Feeds a job's standard input to its end, and follows its output; over further connections where it must."""
        data, at = b"".join(blocks), 0
        connection: wire.Connection | None = None
        for _ in range(12):
            try:
                if connection is None:
                    connection = wire.connect(self.name)
                    connection.hello("request", time.monotonic() + PATIENCE)
                block = blocks[0] if at < len(blocks[0]) else data[at:]
                deadline = time.monotonic() + PATIENCE
                ends = at + len(block) == len(data)
                answer, _ = connection.request("feed", block, deadline, at=at, ends=ends, mends=True)
                at = answer.get("received", len(data))
                if at >= len(data) or not answer.get("open", True):
                    break
            except TimedOut as error:
                raise Complaint(f"the feeding was not answered: {error}") from error
            except SeshError as error:
                self.excuse(f"feed: {error}")
                if connection is not None:
                    connection.close()
                connection = None
        self.told(None)
        if connection is not None:
            connection.close()
        self.gone()

    def close(self) -> None:
        """Closes all connections."""
        for person in self._people:
            person.close()
        if self.waiter is not None:
            self.waiter.close()


class Person:
    """A client that attaches again where its connection was lost."""

    def __init__(self, run: Run, hello: dict[str, Any]) -> None:
        self._run, self._hello = run, hello
        self.client = self._attach()

    def _attach(self) -> Client:
        for _ in range(4):
            try:
                client = Client(self._run.name, **self._hello)
                deadline = time.monotonic() + PATIENCE
                while protocol.SCREEN not in client.kinds() and not client.output:
                    client.step(0.5)
                    if time.monotonic() > deadline:
                        raise Complaint(f"no screen came; {client.kinds()}")
                    if client.closed:
                        client.close()
                        raise Unreachable("closed")
                return client
            except (Unreachable, NotFound) as error:
                self._run.excuse(f"attach: {error}")
        raise Complaint("nobody can attach")

    def seen(self) -> bytes:
        """All that came to be shown."""
        screens = [payload[8:] for kind, payload in self.client.frames if kind == protocol.SCREEN]
        return b"".join(screens) + self.client.output

    def wait_for(self, text: bytes, seconds: float = PATIENCE) -> bool:
        """Waits until something is shown; False where the connection was lost before. Raises Complaint."""
        deadline = time.monotonic() + seconds
        while text not in self.seen():
            if self.client.closed:
                return False
            if time.monotonic() > deadline:
                raise Complaint(f"{text!r} is not shown, but {self.seen()[-200:]!r}")
            self._step(0.5)
        return True

    def types(self, line: str, shows: str) -> None:
        """Types a line until what it is to show is shown.

        One that is typed again bears a mark of its own: the line before may still run, and show the same.
        """
        for turn in range(4):
            typed, mark = line.encode(), shows.encode()
            if turn and shows:
                typed, mark = typed + b"; echo aga''in%d" % turn, b"again%d" % turn
            already = self.seen().count(mark)
            try:
                self.client.type(typed + b"\r")
                while mark and self.seen().count(mark) <= already:
                    if not self._next(line):
                        break
                if not self.client.closed and (not mark or self.seen().count(mark) > already):
                    return
            except Unreachable:
                pass
            self._run.excuse(f"a client was cut off at {line}")
            self.client.close()
            self.client = self._attach()
            if shows and shows.encode() in self.seen():
                return
        raise Complaint(f"{line} has no effect")

    def _next(self, line: str) -> bool:
        """Takes a frame. False where the client was cut off."""
        deadline = time.monotonic() + PATIENCE
        while not self._step(0.2) and not self.client.closed:
            if time.monotonic() > deadline:
                if self._run.lost_what_was_typed():
                    return False
                raise Complaint(f"{line!r} shows nothing; {self.seen()[-200:]!r}")
        return not self.client.closed

    def _step(self, seconds: float) -> bool:
        """Takes a frame; a line of sesh's own is read, and answered as by a key."""
        came = self.client.step(seconds)
        if came and self.client.kinds()[-1:] == [protocol.NOTICE]:
            self.send(protocol.frame(protocol.REDRAW))
        return came

    def send(self, frame: bytes) -> None:
        """Sends a frame; one that cannot be sent is lost."""
        try:
            self.client.send(frame)
        except Unreachable as error:
            self._run.excuse(f"a frame: {error}")

    def drain(self) -> None:
        """Takes all that comes until the daemon closes."""
        deadline = time.monotonic() + PATIENCE
        while not self.client.closed:
            if time.monotonic() > deadline:
                raise Complaint("the connection stays open after the end")
            self.client.step(0.2)

    def close(self) -> None:
        """Goes without a word."""
        self.client.close()


def _peer(connection: wire.Connection) -> int:
    """The pid of the daemon at the other end."""
    with socket.socket(fileno=os.dup(connection.inbound)) as opened:
        credentials = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


# -- the scenarios


def life(run: Run) -> None:
    """Two clients of different sizes attach, type, resize, get a lot of output, and leave."""
    first = run.attach(columns=80, rows=24)
    first.types("echo o''ne", "one")
    for columns in (90, 91, 92):  # readline reads the size before a prompt, and sets it as it was read
        first.send(protocol.frame(protocol.RESIZE, protocol.size_payload(columns, 30, 0, 0)))
        first.types("stty size; echo si''zed", "sized")
        if b"30 %d" % columns in first.seen():
            break
    else:
        run.excuse(f"the program has another size: {first.seen()[-500:]!r}")
    second = run.attach(columns=60, rows=20)
    first.types("seq 3000; echo do''ne", "done")
    second.types("echo tw''o", "two")
    second.close()
    first.send(protocol.frame(protocol.REDRAW))
    first.types("echo thr''ee", "three")
    first.send(protocol.message(protocol.DETACH, {}))
    run.shown = "three"


def requests(run: Run) -> None:
    """Programs ask for all that a daemon can be asked for, and it gets another name."""
    run.ask("send", b"echo o''ne\r")
    deadline = time.monotonic() + PATIENCE
    while b"one\n" not in run.ask("screen")[1]:
        if time.monotonic() > deadline:
            if not run.lost_what_was_typed():
                raise Complaint("what was sent has no effect")
            deadline += PATIENCE
            run.ask("send", b"echo o''ne\r")
    run.ask("run", b"echo\0ru''n")
    for verb in ("summary", "status", "screen", "logs", "modes", "history", "interrupt"):
        run.ask(verb)
    run.ask("label", set={"purpose": "test"})
    run.ask("message", text="hello")
    run.ask("wait", idle=0.01)
    run.ask("rename", to="other")
    run.name = "other"
    run.shown = "one"


def job(run: Run) -> None:
    """A job whose standard input is fed, and whose output is followed."""
    run.feed(b"first\n", b"last\n")


job.spec = {  # type: ignore[attr-defined]
    "command": ["/bin/sh", "-c", f"while read line; do echo got $line; done; exit {CODE}"],
    "job": True,
    "stdin": True,
}


def kept(run: Run) -> None:
    """A session that is kept when its program has ended is read, and ended on request."""
    person = run.attach(columns=80, rows=24)
    person.types("echo o''ne", "one")
    person.types(f"exit {CODE}", "")
    run.told(person)
    _, text = run.ask("screen")
    if b"one" not in text:
        raise Complaint(f"what was kept does not show what was: {text!r}")
    run.ask("kill")
    run.gone()


kept.spec = {"keep": True}  # type: ignore[attr-defined]


def killed(run: Run) -> None:
    """A session is ended on request, with a program in it that does not end by itself."""
    person = run.attach(columns=80, rows=24)
    person.types("sleep 60 & sleep 60 & echo o''ne", "one")
    run.codes = {128 + 1, 128 + 9}  # SIGKILL comes later, where SIGHUP could not be sent
    run.ask("kill")
    run.told(person)
    run.gone()


_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[78\\]|[\x18\r]")


def client(run: Run) -> None:
    """The attached client itself fails: it types, changes its size, shows much, and leaves by the key for it."""
    plan = json.dumps({"faults": run.faults, "report": run.stage.report})
    words = [sys.executable, "-m", "tests.faults.injected", "client", plan, run.name]
    terminal = run.stage.home.terminal(command=words, cwd=ROOT)
    before = terminal.first_termios

    def shows(text: str) -> bool:
        """Whether a text came to be shown before the client ended."""
        wanted = text.encode()
        terminal.wait_until(lambda: wanted in terminal.raw or terminal.ended(), PATIENCE, text)
        return not terminal.ended()

    try:
        if shows("ready>"):
            terminal.type(b"echo o''ne\r")
        if shows("one\r\n"):
            terminal.resize(90, 30)
            terminal.type(b"seq 2000; stty size; echo tw''o\r")
        if shows("two\r\n"):
            terminal.type(b"\x1c")
        code = terminal.exit_code(PATIENCE)
    except AssertionError as error:
        raise Complaint(f"the client: {error}") from error
    if code != 0:
        run.excuse(f"the client's code is {code}")
    lines = _SEQUENCE.sub("", bytes(terminal.raw).decode(errors="replace")).split("\n")
    said = [line for line in lines if line.startswith(("[", "sesh: "))]
    if code < 0 or code not in (0, 1, 125) or "Traceback" in "".join(lines):
        run.complaints.append(f"the client ended with {code}: {lines[-15:]}")
    if said and said[0].endswith(("using the defaults", "the whole file is ignored")):
        del said[0]  # the settings could not be read
    # Nobody can be told where the terminal takes nothing.
    refused = any(" write client/terminal.py" in fault or " write sesh/cli/" in fault for fault in run.fired())
    if (len(said) != 1 or "internal error" in said[0]) and not (refused and not said):
        run.complaints.append(f"the client says {said}; {lines[-3:]}")
    elif code and said:
        run.notes.append(said[0])
    if terminal.termios() != before:
        run.complaints.append("the terminal is not as it was")
    terminal.close()


client.apart = True  # type: ignore[attr-defined]


SCENARIOS: dict[str, Callable[[Run], None]] = {
    each.__name__: each for each in (life, requests, job, kept, killed, client)
}
