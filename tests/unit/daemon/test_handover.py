"""A session that a reload hands over is the same session, and goes on."""

from __future__ import annotations

import ast
import json
import os
import time
from binascii import b2a_base64
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon import reload, snapshot
from sesh.daemon.activity.notifications import News, Planned
from sesh.daemon.activity.rules import ActivityState, Reason, State
from sesh.daemon.activity.screen_work import WorkState
from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.clients.client import LeftOut, LostLeader, Returning
from sesh.daemon.clients.focus import Focus
from sesh.daemon.clients.listener import Listener
from sesh.daemon.life import description
from sesh.daemon.pty.output_log import Place
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.history import Begun
from sesh.daemon.shell.integration import Integration
from sesh.daemon.shell.marked_shells import MarkedCommand, MarkedShell
from sesh.daemon.shell.marked_shells import Phase as ShellPhase
from sesh.errors import Malformed
from sesh.schema import codec
from sesh.system import paths
from sesh.text.integration import Lack
from sesh.vt.effects import Effect, EffectKind
from sesh.vt.emulator import Emulator
from sesh.wire.window import HERE
from tests.house.source import modules
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link, prints
from tests.unit.vt.streams import essence

PIECES = st.sampled_from([
    b"plain\r\n", b"\x1b[1;31mbold", b"\x1b]0;a title\x07", b"\x1b]2;cut", b"\xe7\x95\x8c", b"\xe7\x95", b"\x1b[?1049h",
    b"\x1b[?1049l", b"\x1b[5;5H", b"\x07", b"\x1b[", b"6n", b"\xff\xfe\x00", b"\r\n" * 30,
])  # fmt: skip
OUTPUT = st.lists(PIECES, max_size=40)


LOST = {
    "connections: their peers reconnect, and ask again":
        "Server.connections Server._hello_by Server._backlogs Server._watched Server._accepts_from Server.outbox "
        "Clients.all Clients.leader Sender.followers Sender.due Events.followers Waits.all "
        "InputAcks._owed InputAcks._flags InputAcks.predicting InputAcks.held Keyboard._held Keyboard.due "
        "Ending._connections StdinPipe._fed StdinPipe.feeder StdinPipe.linger OutputLog.whole",
    "exchanges with a desktop: a reload ends them":
        "Desk._links Desk._new Desk._is_offer_due Desk._next_look Desk.busy Files.sent Files._looks "
        "Files._lookers Files._writers Files._last_worker Files._is_clean PortLooks.until PortLooks._of_turn "
        "PortLooks._asked PortLooks._served PortLooks._process PortLooks._printed",
    "a line that is told once: it may be told once more":
        "Desk._has_advised",
    "runs: there is no reload while one is active":
        "RunQueue.active RunQueue._waiting RunQueue._has_typed RunQueue.line_typed RunQueue._step_at "
        "MarkFilter._held MarkFilter.part KeyWatch._since KeyWatch._looked_at",
    "requests: a reload waits for those that have begun, and the others are repeated":
        "Typing._as_keys Typing.busy Typing._presses Typing._turns "
        "Requests.unfinished StdinPipe.waiting StdinPipe.ends",
    "the end: there is no reload while the session ends":
        "Ending._reason Ending._hung_up_at Ending._has_result Ending._timed_out Ending._killed_by_request "
        "Ending._check_at Ending._finish_at Pty.has_ended Pty.status Pty.usage",
    "it follows from the phase":
        "Lifecycle.named Lifecycle.over",
    "made of the session's facts":
        "Server.parts Ending._times_out_at Pty.pid Pump.coding",
    "the turn: it is over":
        "Keyboard.to_type Attached.farewells Events.new QueryRouter.new QueryRouter.asked Server._resting "
        "Server.replace Server._is_full Clients.due Pump.allowed",
    "work in progress: it begins again":
        "OutputLog.appended_at OutputLog._thins_at Agenda.times Activity._checked_at Activity.seen_at "
        "Activity.checks Activity._settled ScreenWork._cells ScreenWork._head ScreenWork._began ScreenWork.changed_at "
        "ScreenWork._known ScreenWork._scrolled ScreenFeed._resizes ScreenFeed._pack_at ScreenFeed._most_states "
        "RunQueue._shorten_at RunQueue._prepared Session.planned_to Waits._active_at Waits._checks "
        "Checkpointer._next_at Checkpointer._steps Checkpointer._position Checkpointer._size "
        "Checkpointer._room",
    "what matters for a minute at most":
        "Lifecycle._interrupted_at ScreenFeed._error_noted Findings._parts Pump.moved_at Pump.hung_up "
        "Pump._flushed Desk._noted DisplayFile.exists Files.outcomes Typing._kept_until RunQueue._escaped_at "
        "RunQueue._escape_until RunQueue._ended_at",
}  # fmt: skip
"""The mutable attributes of a session's parts that are not handed over, by the reason."""


@pytest.fixture(scope="module", autouse=True)
def _sessions_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESH_DIR", str(tmp_path_factory.mktemp("s")))
        yield


def session(name: str = "work") -> Session:
    facts = daemon_facts(name=name, command=["sh", "-c", "ü\udcff"], labels={"a": "b"}, keep=True)
    return Session(facts, (80, 24, 800, 480), Pty())


def printed(own: Session, output: list[bytes]) -> None:
    for block in output:
        own.pump.scanner.scan(block)
        own.pump.log.append(block)


@contextmanager
def served(own: Session) -> Iterator[Server]:
    server = Server(own, Listener.claim(own.name), None, reload.steps)
    try:
        yield server
    finally:
        server.listener.release()


def encoded(own: Server) -> bytes:
    """Return a server's snapshot, with a screen that is drawn as in a reload."""
    drawing = reload.HeldScreen(own.session)
    for _ in drawing.steps():
        pass
    text = snapshot.encoded(snapshot.take_snapshot(own, drawing.state))
    drawing.release()
    return text


@contextmanager
def taken_over(own: Server) -> Iterator[Server]:
    """Yield the server that another sesh makes of a server's snapshot."""
    with reload.memory_file(encoded(own)) as file:
        state = snapshot.decoded(os.dup(file.fileno()))
    state["descriptors"]["listener"] = os.dup(own.listener.socket.fileno())
    other = reload.server_of(snapshot.session_of(state), state)
    try:
        yield other
    finally:
        other.listener.socket.close()


@settings(max_examples=8)
@given(OUTPUT, OUTPUT, st.booleans(), st.booleans())
def test_a_session_is_the_same_after_json_and_goes_on(
    before: list[bytes], after: list[bytes], drawn: bool, trimmed: bool
) -> None:
    own = session()
    printed(own, before)
    own.clients.size = (100, 30, 0, 0)
    own.feed.resize((100, 30, 0, 0))
    if drawn:
        own.feed.catch_up(10)
    if trimmed:
        own.pump.log.append((b"x" * 62 + b"\r\n") * (300 << 4))
        own.feed.catch_up(10)
        own.sender.allowance(0.0)
    with served(own) as server, taken_over(server) as copy:
        other = copy.session
        for each in (own, other):
            printed(each, after)
            each.feed.catch_up(10)
        assert other.pump.scanner.state == own.pump.scanner.state
        assert other.pump.log.content(0) == own.pump.log.content(0)
        assert essence(other.feed.emulator) == essence(own.feed.emulator)
        assert description.summary(other) == description.summary(own)


def test_what_a_terminal_lacks_is_known_after_a_reload_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator of the other sesh passed the places at which terminals stood, and noted nothing there."""
    monkeypatch.setattr(reload, "CATCH_UP_TIME", 0.0)
    own = session()
    place = Place(0, 0)
    own.log.places.append(place)
    marks = []
    for number in range(9):
        own.log.append(b"line\r\n" * (100 + number))
        marks.append(own.log.head)
    place.sent = own.log.head
    own.clients.returning["token"] = Returning(0, 0.0, place)
    with served(own) as server, taken_over(server) as copy:
        for each in (own, copy.session):
            each.feed.catch_up(10)
        assert [copy.session.feed.state_at(mark) for mark in marks] == [own.feed.state_at(mark) for mark in marks]


def test_after_a_reload_the_program_waits_for_a_leader_that_takes_nothing() -> None:
    """A terminal that was stopped lost lines, as the program printed on before it came back."""
    own, link = session(), Link()
    client = link.attached(client="leader")
    client.place, client.asked = Place(0, 0), None
    own.log.places.append(client.place)
    own.clients.add(client)
    own.clients.choose_leader(0.0)
    with served(own) as server, taken_over(server) as copy:
        clients, sender = copy.session.clients, copy.session.sender
        until = clients.lost.until
        assert 0 < sender.allowance(until - 1.0) <= HERE
        prints(copy.session, bytes(HERE))
        assert sender.allowance(until - 1.0) == 0
        assert sender.due == until
        assert sender.allowance(until) > 0
    link.close()


def test_a_snapshot_of_other_types_is_refused() -> None:
    with served(session()) as server:
        text = encoded(server)
        for wrong in (text.replace(b'"running"', b'"walking"'), text.replace(b'taken": 0', b'taken": "0"')):
            with pytest.raises(Malformed), reload.memory_file(wrong) as file:
                snapshot.decoded(os.dup(file.fileno()))


def test_without_files_in_memory_a_snapshot_is_in_one_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    before = os.listdir(paths.directory())
    with reload.memory_file(b"state") as file:
        assert (file.read(), os.listdir(paths.directory())) == (b"state", before)


def started(name: str, columns: int) -> Session:
    """Return a new session with a pty and a pipe."""
    own = Session(daemon_facts(name=name), (columns, 20, 0, 0), Pty(*os.openpty(), os.getpid()))
    own.pump.stdin = StdinPipe(own.agenda, os.pipe()[1])
    return own


def lived() -> Session:
    """Return a session with all attributes for a handover unlike those of a new one."""
    own = started("lived", 90)
    own.pump.log.restore(7, b"line\r\n\x1b]0;un")
    own.pump.scanner.scan(b"\x1b]0;un")
    own.feed.position = 7
    own.feed.catch_up(10)
    place = Place(7, own.log.head)
    own.log.places.append(place)
    own.feed.note_state()
    own.log.effects.add([Effect(EffectKind.BELL, 8, 9, b"\a", 8)])
    own.log.append(b"more")
    own.feed.keep_states(place)
    own.feed.resize((100, 30, 0, 0))
    own.feed.catch_up(10)
    own.clients.size = (100, 30, 0, 0)
    own.clients.last_number = 3
    own.log.leave(place)
    own.clients.returning["token"] = Returning(5, 6.0, place, LeftOut(3, 4), (9, 24, True), Focus.OUT)
    own.clients.lost = LostLeader(7.0, 8.0)
    for event in ("notification", "bell", "command_ended"):
        own.events.add(event, exit_code=1)
    own.activity.handle_report(b"state=working:id=a:title=" + b2a_base64(b"t", newline=False), 5)
    own.activity.memory = replace(
        own.activity.memory, decided=ActivityState(State.WAITING, Reason.STOPPED, 5.0, "why?")
    )
    own.activity.work.state, own.activity.work.question = WorkState.OVER, "why?"
    own.findings.title, own.findings.titled_by = "t\u00fc", 5
    begun = Begun(2, ["ls"], "/", 5.0, 6.0)
    running = MarkedCommand(7, True, "bash", "ls", report=1, mixed=True, begun=begun, ended_at=7.0, edited_at=8.0)
    lacks = Integration("bash", (Lack.NOT_FIRST, Lack.REPLACED))
    own.focus.told = Focus.OUT
    own.marked_shells.stack = [
        MarkedShell("5", 5, lacks, True, ShellPhase.CODE_DUE, True, "A", "AD", "9", 3, running),
        MarkedShell(),
    ]
    own.history.count = 2
    own.notifications.state = Planned(News("bell"), 5.0, 6.0, 7.0, [8])
    own.faults.note("a fault")
    own.life.end, own.life.phase = ProgramEnd(3, None, 5.0), Phase.KEPT
    own.queries.report_size_at(own.log.head)
    pump = own.pump
    pump.input_line.add(b"draft", drafts=True)
    pump.input_line.sent_at, pump.life.last_activity = 7, 5.0
    pump.unwritten += b"unread"
    pump.stdin.received = 9
    return own


def parts(root: object) -> dict[str, object]:
    """Return the parts of a session below `root` by their classes."""
    found: dict[str, object] = {}
    pending = [root]
    while pending:
        part = pending.pop()
        if type(part).__name__ not in found:
            found[type(part).__name__] = part
            pending += filter(is_part, vars(part).values())
    return found


def is_part(value: object) -> bool:
    kind = type(value)
    is_value = is_dataclass(value) or callable(value) or isinstance(value, Enum | tuple)
    return kind.__module__.startswith("sesh.daemon.") and not is_value


def set_later() -> set[str]:
    """Return the names of attributes that the daemon sets outside `__init__`."""
    own = [module for module in modules() if module.name.startswith("sesh.daemon")]
    names: Counter[str] = Counter()
    for module in own:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names[node.attr] += 1
            elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
                inner = (each for each in ast.walk(node) if isinstance(each, ast.Attribute))
                names.subtract(each.attr for each in inner if isinstance(each.ctx, ast.Store))
    return set(+names)


def comparable(value: object) -> object:
    if isinstance(value, Emulator):
        return essence(value)
    return repr(value) if "Place(" in repr(value) else value  # a place equals only itself


def attributes(server: Server) -> dict[str, object]:
    """Return the mutable attributes of a session's parts, as Class.name."""
    later = set_later()
    found: dict[str, object] = {}
    for kind, part in parts(server).items():
        for name, value in vars(part).items():
            mutable = name in later or type(value).__hash__ is None  # lists, dicts, dataclasses that are not frozen
            if mutable and not (is_part(value) or callable(value)):
                found[f"{kind}.{name}"] = comparable(value)
    return found


def test_each_mutable_attribute_of_a_sessions_parts_is_handed_over_or_lost_deliberately() -> None:
    with served(started("new", 80)) as new, served(lived()) as server:
        fresh = attributes(new)
        server.requests.typing.outcomes["key"] = {"reason": "it has ended"}
        before = attributes(server)
        with taken_over(server) as copy:
            after = attributes(copy)
            before["Listener.socket"], after["Listener.socket"] = (
                each.listener.socket.getsockname() for each in (server, copy)
            )
    kept = {name for name, value in before.items() if after[name] == value != fresh.get(name)}
    assert before.keys() - kept == set(" ".join(LOST.values()).split())


def test_the_times_of_more_lines_than_a_message_has_values_are_handed_over() -> None:
    own = session()
    own.feed.emulator.times.pairs = [(second, second) for second in range(codec.MAX_VALUES)]
    with served(own) as server, taken_over(server) as copy:
        assert copy.session.feed.emulator.times.pairs == own.feed.emulator.times.pairs


def test_what_an_older_sesh_hands_over_without_times_shells_and_focus_counts_as_of_the_reload() -> None:
    own = session()
    printed(own, [b"one\r\n" * 40])
    with served(own) as server:
        own.feed.catch_up()
        state = codec.parse(encoded(server))
        del state["times"], state["shells"], state["focus"]
        with reload.memory_file(json.dumps(state).encode()) as file:
            copy = snapshot.session_of(snapshot.decoded(os.dup(file.fileno())))
    now = time.time()
    assert len(copy.feed.emulator.last_lines(100, since=now - 60)) == 40
    assert copy.feed.emulator.last_lines(100, since=now + 60) == []
