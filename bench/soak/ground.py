"""The sessions of a soak: how many of which kind, how they are made, looked at, and found again when one is lost."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.soak import figures, programs
from bench.soak.attaching import Attached
from sesh import about, requests, wire
from sesh.client.shown import MAX_TERMINALS
from sesh.errors import SeshError
from sesh.store import own, records
from tests.remote.farm import Farm, Ground, SshHost
from tests.support import Home, find, processes, wait_until

SHARES = {"shell": 12, "steady": 16, "full-screen": 8, "flood": 6, "job": 6, "brief": 2}
"""Of 50 sessions how many are of which kind; sessions on a host come beside them."""
"""A `brief` one is a shell that is killed and made again."""
TICK = 0.2
SETTLING = 20.0

_FILES = {
    ".bashrc": "PS1='$TOKEN> '\nunset HISTFILE PROMPT_COMMAND\n",
    ".vimrc": "set noswapfile viminfo= nocompatible\n",
}


@dataclass
class Session:
    """One session. `token`: text that it shows, whatever its name is; `host`: the word of the host that it runs on."""

    token: str
    kind: str
    name: str
    reloads: bool = False
    """Whether the session is reloaded. Then it no longer shares memory with the zygote."""
    daemon: int = 0
    floods: int = 0
    """How often it has been flooded."""
    flooding: bool = False
    """Whether the last flood may still go on."""
    seen: int = 0
    """The newest line that it has shown."""

    @property
    def sort(self) -> str:
        """The kind with which the session is counted."""
        return f"{self.kind}, reloaded" if self.reloads else self.kind


class Sessions:
    """All sessions of a home, and what they should show."""

    def __init__(self, home: Home, count: int) -> None:
        self.home = home
        self.every: list[Session] = []
        for name, content in _FILES.items():
            home.write(name, content)
        self.fixed = {".lock", ".recent", ".results", ".control", ".starting"}
        self.material = programs.material()
        for name, data in self.material.items():
            home.write(f"flood/{name}", data)
        full_screen = [path for path in map(find, ("vim", "less")) if path]
        kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * count / 50)))]
        for number, kind in enumerate(kinds):
            session = Session(f"s{number:03d}", kind, f"s{number:03d}")
            session.reloads = bool(number % 2) and kind not in ("job", "brief")
            self.every.append(session)
            self.create(session, full_screen.pop() if kind == "full-screen" and full_screen else None)

    def of(self, *kinds: str) -> list[Session]:
        return [session for session in self.every if session.kind in kinds]

    def create(self, session: Session, program: str | None = None) -> None:
        """Starts a session. `program`: draws a text file instead of the kind's script."""
        bash = find("bash") or "/bin/sh"
        env = ["--env", f"TOKEN={session.token}", "--env", f"TICK={TICK}"]
        words = {
            "shell": [bash],
            "brief": [bash],
            "steady": [bash, "-c", programs.STEADY],
            "full-screen": [bash, "-c", programs.FULL_SCREEN],
            "flood": [bash, "-c", programs.FLOOD],
            "job": [],
        }[session.kind]
        if program:
            words = [program, self.home.write(f"text-{session.token}", f"{session.token}\n" * 2000)]
        session.name, session.floods, session.seen = session.token, 0, 0
        session.flooding = False
        if session.kind == "job":
            self.begin_job(session)
        else:
            done = self.home.sesh("--open", session.name, *env, "--", *words)
            assert (done.code, done.stderr) == (0, ""), done
        session.daemon = self.pid(session)
        wait_until(lambda: self.begun(session), SETTLING, what=f"{session} shows its token")

    def begin_job(self, session: Session) -> None:
        """Starts a job, and kills the command that started it and waits for it, as soon as the job exists."""
        before = self.home.names()
        assert session.name not in before
        env = ["--env", f"TOKEN={session.token}"]
        waiter = self.home.start("--exec", session.name, *env, "--", "sh", "-c", programs.JOB)
        wait_until(lambda: session.name in self.home.names() or waiter.poll() is not None, SETTLING)
        self.gone(waiter)

    @staticmethod
    def gone(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate()

    def begun(self, session: Session) -> bool:
        """Whether its program has shown its token."""
        with Attached(session.name) as client:
            return session.token.encode() in client.screen

    def pid(self, session: Session) -> int:
        """The pid of its daemon; 0 where there is no record of it."""
        return int((records.read(session.name) or {}).get("daemon_pid", 0))

    def look(self, session: Session, shown: bytes) -> None:
        """Checks that a screen is that of this session, and not an old one."""
        if session.flooding:
            return
        assert session.token.encode() in shown, f"{session} does not show its token: {shown!r}"
        if session.kind in ("steady", "full-screen"):
            numbers = re.findall(rb"%s (?:\x1b\[[0-9;]*m)*(\d{7})" % session.token.encode(), shown)
            if numbers:
                newest = max(map(int, numbers))
                assert newest >= session.seen, f"{session} shows line {newest} after line {session.seen}"
                session.seen = newest

    # -- how things stand

    def settled(self) -> bool:
        """Whether nobody is attached, and nothing runs but what belongs to the sessions."""
        return all(processes.connections(session.daemon) == 0 for session in self.every)

    def faults(self, session: Session) -> list[str]:
        """Returns the faults that a daemon has logged."""
        status = wire.ask(session.name, requests.STATUS, timeout=SETTLING)[0]["session"]
        assert status["state"] == "running", status
        return list(status["faults"])

    def zygotes(self) -> list[int]:
        """The processes that daemons are forked from."""
        daemons = {session.daemon for session in self.every}  # forks have the words of what they were forked from
        return [pid for pid in self.home.processes() if about.ZYGOTE in figures.command(pid) and pid not in daemons]

    def litter(self) -> list[str]:
        """Files that belong to no session, and processes that belong to none."""
        known = {*self.fixed}
        for session in self.every:
            number = (records.read(session.name) or {}).get("id")
            known |= {f"{session.name}.sock", f"{session.name}.json"}
            known |= {f".{what}.{number}" for what in ("checkpoint", "scrollback0", "scrollback1", "env", "agent")}
        found = [
            name for name in os.listdir(self.home.directory) if name not in known and not own.ZYGOTE.fullmatch(name)
        ]
        terminals = [name for name in found if name.startswith(".terminal.")]
        if len(terminals) <= MAX_TERMINALS:
            found = [name for name in found if name not in terminals]
        daemons = {session.daemon for session in self.every} | set(self.zygotes())
        strangers = [pid for pid in self.home.processes() if not figures.forebears(pid) & daemons]
        found += [processes.describe(pid) for pid in strangers if processes.called(pid) != "ssh"]
        return [f"{what} belongs to no session" for what in found]

    def sample(self, hours: float, attaches: int, output: int) -> figures.Sample:
        """Returns the counts of this moment."""
        memory = {"zygote": sum(map(figures.memory, self.zygotes()))}
        descriptors = 0
        for session in self.every:
            memory[session.sort] = memory.get(session.sort, 0.0) + figures.memory(session.daemon)
            descriptors += len(figures.descriptors(session.daemon))
        return figures.Sample(
            hours=hours,
            memory=memory,
            descriptors=descriptors,
            files=figures.files(self.home.directory) - figures.files(os.path.join(self.home.directory, ".results")),
            processes=len(self.home.processes()),
            attaches=attaches,
            output=output,
        )


@contextlib.contextmanager
def host(home: Home) -> Iterator[tuple[Farm, SshHost] | None]:
    """Yields a host behind a network that can be cut; None if this machine cannot make one."""
    try:
        ground = Ground()
    except pytest.skip.Exception:
        yield None
        return
    farm = Farm(ground, home)
    try:
        try:
            far = farm.host("box", proxied=True)
        except pytest.skip.Exception:
            yield None
        else:
            yield farm, far
            home.leave()
    finally:
        farm.close()
        ground.close()


def answers(name: str) -> bool:
    """Whether a session of that name runs and answers."""
    try:
        wire.ask(name, requests.SUMMARY, timeout=SETTLING)
    except SeshError:
        return False
    return True
