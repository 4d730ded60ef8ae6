"""The sessions of a soak: their kinds, their start, their checks and their counts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest

from bench.rest import memory
from bench.soak import programs
from bench.soak.attaching import Attached
from bench.soak.figures import Sample
from sesh.client.seen_positions import MAX_TERMINALS
from sesh.errors import SeshError
from sesh.reach.find import request
from sesh.store import own, records
from sesh.wire import messages
from tests.remote.farm import Farm, Ground, SshHost
from tests.support import Home, find, processes, wait_until

SHARES = {"shell": 12, "steady": 16, "full-screen": 8, "flood": 6, "job": 6, "brief": 2}
"""Of 50 sessions how many are of which kind. A `brief` one is a shell that is killed and made again."""
PROGRAMS = {"steady": programs.STEADY, "full-screen": programs.FULL_SCREEN, "flood": programs.FLOOD}
TICK = 0.2
SETTLING = 20.0


@dataclass
class Session:
    """One session. `token`: text that it shows, whatever its name is."""

    token: str
    kind: str
    name: str
    reloads: bool = False
    daemon: int = 0
    floods: int = 0
    """How often it has been flooded."""
    flooding: bool = False
    """Whether the last flood may still go on."""
    seen: int = 0
    """The newest line that it has shown."""

    @property
    def sort(self) -> str:
        """The kind with which it is counted: after a reload it shares no memory."""
        return f"{self.kind}, reloaded" if self.reloads else self.kind


class Sessions:
    """All sessions of a home, and what they should show."""

    def __init__(self, home: Home, count: int) -> None:
        self.home = home
        self.every: list[Session] = []
        home.write(".bashrc", "PS1='$TOKEN> '\nunset HISTFILE PROMPT_COMMAND\n")
        self.material = programs.material()
        for name, data in self.material.items():
            home.write(f"flood/{name}", data)
        kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * count / 50)))]
        for number, kind in enumerate(kinds):
            reloads = bool(number % 2) and kind not in ("job", "brief")
            self.every.append(Session(f"s{number:03d}", kind, f"s{number:03d}", reloads))
            self.create(self.every[-1])

    def of(self, *kinds: str) -> list[Session]:
        return [session for session in self.every if session.kind in kinds]

    def create(self, session: Session) -> None:
        """Start a session. The creator of an abandoned job is killed once the job exists."""
        session.name, session.floods, session.seen, session.flooding = session.token, 0, 0, False
        options = [session.name, "--env", f"TOKEN={session.token}", "--env", f"TICK={TICK}", "--"]
        bash = find("bash") or "/bin/sh"
        if session.kind == "job":
            waiter = self.home.start("exec", *options, "sh", "-c", programs.JOB)
            wait_until(
                lambda: session.name in self.home.names() or waiter.poll() is not None,
                f"{session.name} exists, or its creator has ended",
                timeout=SETTLING,
            )
            waiter.kill()
            waiter.communicate()
        else:
            words = ["-c", PROGRAMS[session.kind]] if session.kind in PROGRAMS else []
            done = self.home.sesh("open", *options, bash, *words)
            assert (done.code, done.stderr) == (0, ""), done
        session.daemon = int((records.read(session.name) or {}).get("daemon_pid", 0))
        wait_until(lambda: self.begun(session), f"{session} shows its token", timeout=SETTLING)

    def begun(self, session: Session) -> bool:
        """Return whether its program has shown its token."""
        with Attached(session.name) as client:
            return session.token.encode() in client.screen

    def look(self, session: Session, shown: bytes) -> None:
        """Check that a screen is that of this session, and not an old one."""
        if session.flooding:
            return
        assert session.token.encode() in shown, f"{session} does not show its token: {shown!r}"
        if session.kind in ("steady", "full-screen"):
            numbers = re.findall(rb"%s (?:\x1b\[[0-9;]*m)*(\d{7})" % session.token.encode(), shown)
            newest = max(map(int, numbers), default=session.seen)
            assert newest >= session.seen, f"{session} shows line {newest} after line {session.seen}"
            session.seen = newest

    # -- how things stand

    def settled(self) -> bool:
        """Return whether nobody is attached."""
        return all(processes.connections(session.daemon) == 0 for session in self.every)

    def faults(self, session: Session) -> list[str]:
        """Return the faults that a daemon has logged."""
        status = request(session.name, messages.STATUS, timeout=SETTLING)[0]
        assert status["state"] == "running", status
        return list(status["faults"])

    def litter(self) -> list[str]:
        """Return the files and processes that belong to no session."""
        known = {".lock", ".recent", ".results", ".control", ".starting", "bin"}
        for session in self.every:
            number = (records.read(session.name) or {}).get("id")
            known |= {f"{session.name}.sock", f"{session.name}.json"}
            known |= {f".{what}.{number}" for what in records.FILES}
        files = [name for name in os.listdir(self.home.directory) if name not in known]
        terminals = [name for name in files if name.startswith(".terminal.")]
        allowed = terminals if len(terminals) <= MAX_TERMINALS else []
        found = [name for name in files if name not in allowed and not own.ZYGOTE.fullmatch(name)]
        every = self.home.processes()
        roots = [session.daemon for session in self.every] + processes.zygotes(every)
        ours = {*roots, *(pid for root in roots for pid in processes.descendants(root))}
        found += [processes.describe(pid) for pid in every if pid not in ours and processes.called(pid) != "ssh"]
        return [f"{what} belongs to no session" for what in found]

    def sample(self, hours: float, attaches: int, output: int) -> Sample:
        every = self.home.processes()
        sizes = {"zygote": sum(memory(pid, "Anonymous") for pid in processes.zygotes(every))}
        for session in self.every:
            sizes[session.sort] = sizes.get(session.sort, 0) + memory(session.daemon, "Anonymous")
        descriptors = sum(len(os.listdir(f"/proc/{session.daemon}/fd")) for session in self.every)
        return Sample(hours, sizes, descriptors, len(every), attaches, output)


@contextmanager
def host(home: Home) -> Iterator[tuple[Farm, SshHost] | None]:
    """Yield a host behind a network that can be cut, or None if impossible here."""
    with ExitStack() as stack:
        reached = None
        with suppress(pytest.skip.Exception):
            ground = Ground()
            stack.callback(ground.close)
            farm = Farm(ground, home)
            stack.callback(farm.close)
            reached = farm, farm.host("box", proxied=True)
        yield reached
        home.leave()


def answers(name: str) -> bool:
    """Return whether a session of that name runs and answers."""
    try:
        request(name, messages.SUMMARY, timeout=SETTLING)
    except SeshError:
        return False
    return True
