"""Compares sessions on real daemons with a model of them, by a hypothesis state machine.

The program of each session prints what is typed. The model is small: it has the name of each session, the clients that
are attached and their sizes, the client that typed last, and all that was typed, in its order.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from sesh.errors import Exists, NotFound
from sesh.ops import sessions
from sesh.reach.caller import Caller
from sesh.store import listing
from sesh.wire import protocol
from tests.faults.daemons import Client, Daemons
from tests.fuzz.place import own_home
from tests.support import wait_until

NAMES = ("a", "work", "web.1", "x" * 64)
SIZES = ((80, 24), (40, 10), (120, 40), (20, 5))
MAX_CLIENTS = 4
_TOKEN = re.compile(r"<(\d+)>")


class Modelled:
    """What is expected of one session."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tokens: list[int] = []
        self.clients: list[Attached] = []
        """The attached clients; the last is the client that typed last."""

    @property
    def size(self) -> tuple[int, int] | None:
        """The size of the client that typed last."""
        return self.clients[-1].size if self.clients else None


class Attached:
    """One client of a session, and its size."""

    def __init__(self, session: Modelled, client: Client, size: tuple[int, int]) -> None:
        self.session, self.client, self.size = session, client, size

    def leads(self) -> None:
        """Note that this client has typed."""
        self.session.clients.remove(self)
        self.session.clients.append(self)


class Sessions(RuleBasedStateMachine):
    """The rules; the names of bundles are those of hypothesis."""

    running = Bundle("running")
    attached = Bundle("attached")

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._sessions: dict[str, Modelled] = {}
        self._tokens = 0

    @initialize()
    def begin(self) -> None:
        """Make a home for this run."""
        home = self._stack.enter_context(own_home())
        self._daemons = Daemons(home)
        self._stack.callback(self._daemons.close)

    def teardown(self) -> None:
        """End the home and its daemons."""
        self._stack.close()

    def _token(self, session: Modelled) -> bytes:
        self._tokens += 1
        session.tokens.append(self._tokens)
        return b"<%d>\r\n" % self._tokens

    def _wait(self, what: str, holds: Callable[[], bool], found: Callable[[], str] = str) -> None:
        """Wait until something holds; meanwhile clients read what comes, as terminals do."""

        def look() -> bool:
            for session in self._sessions.values():
                for each in session.clients:
                    while each.client.step(0):
                        continue
            return holds()

        wait_until(look, what, portrait=found)

    def _alive(self, session: Modelled) -> bool:
        return self._sessions.get(session.name) is session

    # -- sessions

    @rule(target=running, name=st.sampled_from(NAMES))
    def open(self, name: str) -> Modelled:
        """A free name gets a new session; a taken name keeps its session."""
        if name in self._sessions:
            try:
                self._daemons.start(name, "/bin/sh")
            except Exists:
                return self._sessions[name]
            raise AssertionError(f"{name} was created twice")
        self._daemons.quiet(name, "exec cat", "raw -echo")
        self._sessions[name] = Modelled(name)
        return self._sessions[name]

    @rule(session=consumes(running))
    def kill(self, session: Modelled) -> None:
        """A session that is killed is gone at once, and its clients receive EXIT."""
        if not self._alive(session):
            return
        self._daemons.ask(session.name, "kill")
        del self._sessions[session.name]
        for each in session.clients:
            each.client.drain()
            assert protocol.EXIT in each.client.kinds()

    @rule(session=running, new=st.sampled_from(NAMES))
    def rename(self, session: Modelled, new: str) -> None:
        """A session takes a name that is free."""
        if not self._alive(session):
            return
        try:
            self._daemons.ask(session.name, "rename", to=new)
        except Exists:
            assert new in self._sessions
            return
        assert new not in self._sessions or new == session.name
        del self._sessions[session.name]
        session.name = new
        self._sessions[new] = session

    @rule(session=running)
    def reload(self, session: Modelled) -> None:
        """The daemon executes sesh again; its clients receive RELOADED and attach again, the leader last."""
        if not self._alive(session):
            return
        assert sessions.reload(Caller(), [session.name])["done"] == [session.name]
        for each in session.clients:
            each.client.wait(protocol.RELOADED)
            each.client.close()
            columns, rows = each.size
            each.client = self._daemons.attach(session.name, columns=columns, rows=rows)
            each.client.wait(protocol.SCREEN)

    # -- clients

    @rule(target=attached, session=running, size=st.sampled_from(SIZES), replace=st.booleans())
    def attach(self, session: Modelled, size: tuple[int, int], replace: bool) -> Attached | None:
        """A client attaches, together with the others or in their place."""
        if not self._alive(session) or len(session.clients) >= MAX_CLIENTS:
            return None
        client = self._daemons.attach(session.name, columns=size[0], rows=size[1], replace=replace)
        if replace:
            for other in session.clients:
                other.client.wait(protocol.DETACH)
            session.clients.clear()
        session.clients.append(Attached(session, client, size))
        client.wait(protocol.SCREEN)
        return session.clients[-1]

    def _here(self, each: Attached | None) -> bool:
        return each is not None and each in each.session.clients and self._alive(each.session)

    @rule(each=consumes(attached), politely=st.booleans())
    def leave(self, each: Attached | None, politely: bool) -> None:
        """A client detaches, or closes its connection without DETACH."""
        if each is None or not self._here(each):
            return
        if politely:
            each.client.send(protocol.frame(protocol.DETACH, b"{}"))
            each.client.wait(protocol.DETACH)
        each.session.clients.remove(each)
        each.client.close()

    @rule(each=attached)
    def type(self, each: Attached | None) -> None:
        """What a client types comes back to it; the session takes its size."""
        if each is None or not self._here(each):
            return
        token = self._token(each.session)
        each.client.type(token)
        each.leads()
        each.client.wait_output(token)

    @rule(each=attached, size=st.sampled_from(SIZES))
    def resize(self, each: Attached | None, size: tuple[int, int]) -> None:
        """A client's terminal takes another size."""
        if each is None or not self._here(each):
            return
        each.size = size
        each.client.send(protocol.frame(protocol.RESIZE, protocol.size_payload(*size)))

    @rule(each=attached)
    def redraw(self, each: Attached | None) -> None:
        """A client asks for a screen, and gets one."""
        if each is None or not self._here(each):
            return
        each.client.frames.clear()
        each.client.send(protocol.redraw(each.client.position, 1))
        each.client.wait(protocol.SCREEN)

    # -- others

    @rule(session=running)
    def send(self, session: Modelled) -> None:
        """A text of `send` arrives after all text that was typed before."""
        if self._alive(session):
            self._daemons.ask(session.name, "send", self._token(session))

    @rule(session=running)
    def log(self, session: Modelled) -> None:
        """The log has all that was typed, once and in its order."""
        if not self._alive(session):
            return

        def said() -> list[int]:
            return [int(found) for found in _TOKEN.findall(self._daemons.show(session.name, "logs", lines=10_000))]

        self._wait(f"{session.tokens} in the log", lambda: said() == session.tokens, lambda: f"it has {said()}")

    @invariant()
    def lists_agree(self) -> None:
        """A list shows the sessions, clients and leaders' sizes of the model."""
        if not hasattr(self, "_daemons"):
            return
        wanted = {name: (len(each.clients), each.size) for name, each in self._sessions.items()}

        def seen() -> dict[str, Any]:
            rows = {row["name"]: row for row in listing.summaries(10)}
            return {
                name: (row["attached"], (row["columns"], row["rows"]) if wanted.get(name, (0, None))[1] else None)
                for name, row in rows.items()
            }

        self._wait(f"{wanted} in a list", lambda: seen() == wanted, lambda: f"it has {seen()}")

    @invariant()
    def a_name_that_is_free_is_not_found(self) -> None:
        """Nobody answers for a name that the model does not have."""
        if not hasattr(self, "_daemons"):
            return
        name = next((name for name in NAMES if name not in self._sessions), None)
        if name is not None:
            try:
                self._daemons.ask(name, "summary")
            except NotFound:
                return
            raise AssertionError(f"{name} answers")

    @invariant()
    def no_daemon_notes_a_fault(self) -> None:
        """A fault that a daemon survives is a failure all the same."""
        for name in self._sessions:
            faults = self._daemons.ask(name, "status")["faults"]
            assert not [line for line in faults if "a fault" in line], faults


def settings(examples: int, steps: int) -> hypothesis.settings:
    """Return settings for so many runs of so many steps."""
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def main(seconds: float, seed: int) -> int:
    """Run for a time; print the steps that show a difference, and return 1."""
    began, runs = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        chosen = random.Random(seed + runs).randrange(2**32)
        try:
            run_machine(hypothesis.seed(chosen)(type("Seeded", (Sessions,), {})), settings=settings(5, 40))
        except Exception as error:
            print(f"the model FAILED (seed {chosen}): {error!r}\n" + "\n".join(getattr(error, "__notes__", [])))
            return 1
        runs += 5
    print(f"the model: {runs} runs of up to 40 steps in {time.monotonic() - began:.0f} s agree (process {os.getpid()})")
    return 0
