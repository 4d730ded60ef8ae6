"""Following sessions: waiting until one ends, is at its prompt, is silent or prints a match; and events as they happen.

Events are those of one session until it ends, or of all sessions of a machine, with the log of remotes.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import nullcontext

from sesh import paths, platform, protocol, wire
from sesh.errors import Ended, LoginRefused, Lost, Refused, SeshError, Silent, TimedOut, Unreachable, rebuild
from sesh.keepalive import Backoff
from sesh.names import printable
from sesh.ops.matching import Pattern
from sesh.reach import calls, find
from sesh.reach.caller import op
from sesh.store import records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.reach.route import Route
    from sesh.reach.target import HostTarget, Target
    from sesh.remote.ssh.link import Link
    from sesh.vt.lines import LineReader

    Event = dict[str, Any]

_GRACE = 0.5
"""Seconds by which the daemon may be late to say that the time is up."""
_ALL_LINES = 1_000_000
_WAIT = 9
"""The number of the request; those before it are other ones."""


class DaemonDied(Unreachable):
    """The daemon of a followed session died, or its session ended just before it could answer."""


class _Match(Exception):
    """The pattern matched `text`; `position` is behind the line, or the part of it, that it stands on."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text, self.position = text, position


def met(  # noqa: PLR0913 (so many conditions)
    route: Route,
    name: str,
    *,
    exit_: bool = False,
    prompt: bool = False,
    waiting: bool = False,
    idle: float | None = None,
    pattern: str | None = None,
    begin: int | str = "sent",
    limit: float | None = None,
) -> dict[str, Any]:
    """Waits for the condition that comes first: which it was (`met`), with `match`, `exit_code` and `position`.

    Without a condition it waits for the end. `waiting`: for a person; what it asks is the `match`. `idle`: seconds
    without output. `pattern`: what a line matches. `begin`: the position from which output counts, `sent` for that of
    the last `--send`, `start` for all that is kept. `limit`: seconds. Raises NotFound, TimedOut, Refused if the session
    ends and that was not a condition, DaemonDied.
    """
    exit_ = exit_ or not (prompt or waiting or idle is not None or pattern is not None)
    search = Pattern(pattern) if pattern is not None else None
    connection = route.connect(name)
    deadline = route.deadline if route.deadline is not None or limit is None else time.monotonic() + limit
    words = {"exit": True, "prompt": prompt or None, "waiting": waiting or None, "idle": idle, "timeout": limit}
    try:
        with search or nullcontext():
            answer = _answered(route, connection, _Wait(name, search, begin, deadline), words)
    except _Match as match:
        return {"met": "for", "match": match.text, "exit_code": None, "position": match.position}
    except (Silent, LoginRefused):
        raise
    except Unreachable:
        raise DaemonDied(f"the daemon of {name} died while you waited") from None
    except TimedOut as late:
        hint = late.hint or f"it goes on; wait again, or look: $sesh --screen {name}"
        raise TimedOut(f"{name}: timed out", hint=hint) from None
    if answer.get("met") in ("prompt", "idle", "waiting"):
        known = {"met": str(answer["met"]), "exit_code": None, "position": answer.get("position")}
        return known | {"match": answer.get("question") or None}
    if not exit_:
        raise _too_early(name, answer)
    return _met_exit(answer)


def after_end(target: Target, name: str, broken: SeshError, *, exit_: bool) -> dict[str, Any]:
    """How the session ended that a wait which raised `broken` was for, in the form of `met`.

    `exit_`: whether its end was a condition. Raises Refused if it was not and the session ended during the wait,
    `broken` if nothing is known of its end.
    """
    if not exit_ and not isinstance(broken, DaemonDied):
        raise broken
    answer: dict[str, Any] | None = target.call("follow.ended", name=name)
    if answer is None:
        raise broken
    if not exit_:
        raise _too_early(name, answer)
    return answer


def _too_early(name: str, result: dict[str, Any]) -> Refused:
    return Refused(f"{name} ended ({result.get('exit_code')}) before the condition was met")


@op
def ended(_caller: Caller, name: str) -> dict[str, Any] | None:
    """How a session that is gone has ended, in the form of `met`; None if that is not known."""
    known = find.dormant(name)
    result = results.newest(name) if known is None or known["state"] == "exited" else None
    return _met_exit(result) if result is not None else None


def _met_exit(result: dict[str, Any]) -> dict[str, Any]:
    code = int(result.get("exit_code") or 0)
    return {"met": "exit", "match": None, "exit_code": code, "position": result.get("position")}


def _answered(route: Route, connection: wire.Connection, waiting: _Wait, words: dict[str, Any]) -> dict[str, Any]:
    """The daemon's answer, over as many connections as it takes; of a session that ended meanwhile its result."""
    while True:
        with connection:
            try:
                return waiting.until(connection, words)
            except Lost:
                try:
                    connection = route.reconnect(connection, waiting.position)
                except Ended as ended:
                    waiting.search_rest(ended)
                    return dict(ended.result)


class _Wait:
    """One wait. It searches the output itself, and goes on where it was over another connection."""

    def __init__(self, name: str, search: Pattern | None, begin: int | str, deadline: float | None) -> None:
        self._name = name
        self._pattern, self._begin, self._deadline = search, begin, deadline
        self._lines: LineReader | None = None
        self._head: int | None = None
        """Where the output stood when the wait began."""

    @property
    def position(self) -> int:
        """Up to where the output was searched."""
        return self._lines.position if self._lines is not None else self._head or 0

    def until(self, connection: wire.Connection, words: dict[str, Any]) -> dict[str, Any]:
        """The daemon's answer. Raises _Match, and TimedOut past the deadline (monotonic)."""
        deadline = self._deadline
        late = None if deadline is None else deadline + _GRACE
        connection.send(wire.greeting("request"))
        welcome = find.welcomed(connection, self._name, late)
        if words.get("waiting") and "activity" not in (welcome.get("can") or ()):
            raise Refused(f"{self._name} runs an older sesh", hint=f"reload it: $sesh --reload {self._name}")
        columns = 80
        if self._pattern is not None:
            summary, _ = connection.request("summary", deadline=late)
            columns = int(find.described(summary).get("columns") or columns)
            if self._begin == "start" and self._lines is None:
                self._search_kept(connection, late)
            words = {**words, "follow": True}
        words = {**words, **self._since(welcome.get("position"))}
        connection.send(wire.asking("wait", _WAIT, **words), late)
        while True:
            if late is not None and time.monotonic() > late:
                raise TimedOut("timed out")
            kind, payload = connection.receive(late)
            if kind == protocol.OUTPUT:
                if deadline is not None and time.monotonic() > deadline:
                    raise TimedOut("timed out")  # more output comes than can be searched
                position, data = protocol.split_number(payload)
                self._search(position, data, columns)
            elif kind == protocol.RESPONSE:
                answer = connection.message(kind, payload)
                if answer.get("id") == _WAIT:
                    if "error" in answer:
                        raise rebuild(answer["error"])
                    return answer

    def _since(self, head: object) -> dict[str, Any]:
        """From where on output counts, and how much time is left; `head`: where the output stands now."""
        began = self._head
        if self._head is None:
            self._head = head if isinstance(head, int) else None
        left = {} if self._deadline is None else {"timeout": max(0.0, self._deadline - time.monotonic())}
        if self._lines is not None:
            return {**left, "from": self._lines.position, "since": self._begin}
        return {**left, "from": self._begin, "else": began}

    def search_rest(self, ended: Ended) -> None:
        """Searches what is kept of the output of a session that has ended. Raises _Match."""
        position = ended.result.get("position")
        if self._pattern is not None and isinstance(position, int) and ended.output:
            self._search(position - len(ended.output), ended.output, 80)

    def _search_kept(self, connection: wire.Connection, deadline: float | None) -> None:
        """Searches all lines that the session still keeps."""
        answer, data = connection.request("logs", deadline=deadline, lines=_ALL_LINES)
        position = int(answer.get("position") or 0)
        self._test([(text, position) for text in data.decode("utf-8", "replace").split("\n")])

    def _search(self, position: int, data: bytes, columns: int) -> None:
        """Searches output that begins at a position; what was searched before is passed over."""
        if self._lines is None:
            from sesh.vt.lines import LineReader

            # A daemon of an older sesh sends all that it keeps where output has not come so far.
            begin = self._begin if isinstance(self._begin, int) else position
            self._lines = LineReader(max(position, begin), columns)
        lines = self._lines
        if position > lines.position:
            lines.position = position  # what lies between is not kept any more
        tested = [(each.text, each.end) for each in lines.feed(data[lines.position - position :])]
        current = lines.current
        # A prompt ends with a blank, which a pattern may ask for.
        self._test([*tested, (current.untrimmed, current.end)])

    def _test(self, lines: list[tuple[str, int]]) -> None:
        """Searches lines, each with the position behind it. Raises _Match, TimedOut, Refused."""
        found = self._pattern.search([text for text, _ in lines], self._deadline) if self._pattern is not None else None
        if found is not None:
            at, match = found
            raise _Match(match, lines[at][1])


_SCAN_INTERVAL = 1.0
"""Seconds between two looks for new sessions, where the kernel does not report them."""
_EVENTS = 1
"""The number of the request."""


# -- one session


def follow(route: Route, name: str, since: int | None = None) -> Iterator[Event]:
    """The events of a session until it ends, over as many connections as it takes.

    `since`: the events after that number come first; None for only what happens from now on. Raises NotFound,
    DaemonDied.
    """
    connection = route.connect(name)
    while True:
        connection.audience = route.audience
        try:
            with connection:
                connection.send(_request(since))
                find.welcomed(connection, name)
                while (event := _next(connection)) is not None:
                    since = event.get("seq", since)
                    yield event
            return
        except Lost:
            began = connection.welcome.get("events")
            since = since if since is not None or not isinstance(began, int) else began
        try:
            connection = route.reconnect(connection, 0)
        except Ended as ended:
            yield from _last(name, ended, since)
            return


def _request(since: int | None) -> bytes:
    return wire.greeting("request") + wire.asking("events", _EVENTS, since=since)


def _next(connection: wire.Connection) -> Event | None:
    """The next event that comes over a connection; None if the session has ended. Raises DaemonDied, Lost."""
    while True:
        try:
            kind, payload = connection.receive()
        except Lost:
            raise
        except Unreachable:
            raise DaemonDied(f"the daemon of {connection.welcome.get('name')} died") from None
        if kind == protocol.DATA:
            return connection.message(kind, payload)
        if kind == protocol.RESPONSE:
            if "error" in (answer := connection.message(kind, payload)):
                raise rebuild(answer["error"])
            return None


def _last(name: str, ended: Ended, since: int | None) -> Iterator[Event]:
    """What is known of the events of a session that ended while the link was down: how many, and the last one."""
    result = ended.result
    last, moment = result.get("events"), result.get("ended")
    if not isinstance(last, int) or not isinstance(moment, (int, float)):
        return
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03d}Z"
    missed = last - 1 - since if since is not None else 0
    if missed > 0:
        yield {"seq": last - 1, "ts": stamp, "event": "missed", "session": name, "count": missed}
    facts = {"exit_code": result.get("exit_code"), "signal": result.get("signal"), "reason": result.get("reason")}
    yield {"seq": last, "ts": stamp, "event": "exited", "session": name, **facts}


# -- all sessions


@op
def all_events(caller: Caller, since: dict[str, int] | None = None, begun: str = "") -> Iterator[Event]:
    """The events of all sessions of this machine, those that begin meanwhile included, without end.

    The first item is the moment from which they count (`begun`). In between come items with a `note` alone: a line that
    says that a daemon died. Events have the session's `id`. After a lost link they go on: `since` has the number of the
    last event by the session's id, and `begun` is what the first item was.
    """
    paths.ready_directory()
    following = _Following(platform.watch_directory(paths.directory()), caller.audience)
    known: set[str] = set()
    again = since is not None
    yield {"begun": begun or protocol.timestamp(time.time())}
    while True:
        there = {name for name in paths.names() if os.path.exists(paths.socket_path(name))}
        for name in sorted(there - known):
            try:
                yield from following.add(name, since, begun)
            except SeshError:
                there.discard(name)  # it has ended already, or is another user's
        if again:
            yield from _ended_meanwhile(following, since or {})
        known, since, again = there, {}, False
        while not following.due:
            yield from following.turn()
        following.due = False


def _ended_meanwhile(following: _Following, since: dict[str, int]) -> Iterator[Event]:
    """Notes of the sessions that were followed and have ended since."""
    for session_id in since:
        if not following.has(session_id) and (result := results.by_id(session_id)) is not None:
            yield {"note": f"{result.get('name')} has ended meanwhile: {result.get('exit_code')}"}


class _Following:
    """The sessions that are followed, a connection each. `due`: whether there may be new ones.

    `watch`: the descriptor that becomes readable when there may be; negative where the kernel has none. `audience`: see
    `Caller`.
    """

    def __init__(self, watch: int, audience: int) -> None:
        self.due = False
        self._watch, self._audience = watch, audience
        self._connections: dict[int, wire.Connection] = {}
        self._ids: dict[int, str] = {}
        self._begun = ""
        self._poll = select.poll()
        if watch >= 0:
            self._poll.register(watch, select.POLLIN)
        if audience >= 0:
            self._poll.register(audience, 0)

    def has(self, session_id: str) -> bool:
        """Whether a session is followed."""
        return session_id in self._ids.values()

    def add(self, name: str, since: dict[str, int] | None, begun: str) -> Iterator[Event]:
        """Follows a session; one that is followed already, under its old name, is not followed twice.

        `since`: the last numbers by id; one that is not in it is followed from its first event after `begun` on. None:
        from now on.
        """
        number = None if since is None else since.get(str((records.readable(name) or {}).get("id")), 0)
        connection = wire.connect(name, timeout=1.0)
        try:
            connection.send(_request(number))
            find.welcomed(connection, name)
        except SeshError:
            connection.close()
            raise
        session_id = str(connection.welcome.get("id"))
        if self.has(session_id):
            connection.close()
            return
        self._begun = begun
        self._connections[connection.inbound] = connection
        self._ids[connection.inbound] = session_id
        self._poll.register(connection.inbound, select.POLLIN)
        yield from self._events(connection, connection.leftovers())

    def turn(self) -> Iterator[Event]:
        """Waits for something to come, and yields the events of it."""
        ready = self._poll.poll(None if self._watch >= 0 else _SCAN_INTERVAL * 1000)
        wire.heard_out(ready, self._audience)
        self.due = self._watch < 0
        for descriptor, _ in ready:
            if descriptor == self._watch:
                os.read(descriptor, 1 << 16)
                self.due = True
                continue
            connection = self._connections[descriptor]
            try:
                frames = [connection.receive(), *connection.leftovers()]
            except Unreachable:
                self._drop(descriptor)
                yield {"note": f"the daemon of {connection.welcome.get('name')} died"}
                continue
            yield from self._events(connection, frames)

    def _events(self, connection: wire.Connection, frames: list[tuple[int, bytes]]) -> Iterator[Event]:
        for kind, payload in frames:
            if kind == protocol.DATA:
                event = connection.message(kind, payload)
                if str(event.get("ts")) > self._begun:
                    yield {**event, "id": connection.welcome.get("id")}
            elif kind == protocol.RESPONSE:
                self._drop(connection.inbound)
                if "error" in (answer := connection.message(kind, payload)):
                    raise rebuild(answer["error"])
                return

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._connections.pop(descriptor).close()
        del self._ids[descriptor]


def follow_all(target: Target) -> Iterator[Event]:
    """The events of all sessions of a machine, and notes, as from `all_events`. Over a lost link they go on."""
    from sesh.reach.target import HostTarget

    if not isinstance(target, HostTarget):
        for item in target.stream("follow.all_events"):
            if "begun" not in item:
                yield {key: value for key, value in item.items() if key != "id"}
        return
    from sesh.remote import eventlog

    through = target.open()
    eventlog.log("connect", host=target.host, session=None)
    try:
        yield from _all_there(target, through)
    finally:
        eventlog.log("disconnect", host=target.host, session=None, reason="closed")


def _all_there(target: HostTarget, through: Link) -> Iterator[Event]:
    """The same for a host, with links in the place of those that are lost."""
    from sesh.reach import links
    from sesh.remote import eventlog

    host, caller, backoff = target.host, target.caller, Backoff()
    words: dict[str, Any] = {}
    while True:
        try:
            with through:
                through.audience = caller.audience
                for item in _streamed(through, words):
                    if "begun" in item:
                        words = {"since": words.get("since", {}), "begun": item["begun"]}
                        continue
                    _note(words.get("since", {}), item.pop("id", None), item)
                    yield item
            return
        except Lost:
            eventlog.log("disconnect", host=host, session=None, reason="lost")
            lost_at = time.monotonic()
            caller.note(f"lost the link to @{host}; reconnecting")
        except Unreachable as error:
            if error.answered:
                raise
            raise Unreachable(f"sesh on @{host} ended, and with it the events") from None
        through = links.reopened(caller, target.destination, backoff)
        eventlog.log("reconnect", host=host, session=None, gap=round(time.monotonic() - lost_at, 3))
        caller.note(f"reconnected to @{host}")


def _note(since: dict[str, int], session_id: str | None, event: Event) -> None:
    """Notes an event as the last one of its session; the last of all ends that."""
    if session_id is None:
        return
    if event.get("event") == "exited":
        since.pop(session_id, None)
    elif event.get("seq") is not None:
        since[session_id] = event["seq"]


def _streamed(through: Link, words: dict[str, Any]) -> Iterator[Event]:
    """The items of the other side's `all_events`. Raises Lost if it is the link that ends."""
    from sesh.keepalive import Keepalive

    through.keepalive = Keepalive(enabled=True)
    calls.check_version(through)
    through.send(wire.asking("op", _EVENTS, calls.encoded(words), op="follow.all_events", asks=False, answers=[]))
    while True:
        kind, payload = through.receive()
        if kind == protocol.DATA:
            yield through.message(kind, payload)
        elif kind == protocol.RESPONSE:
            if "error" in (answer := through.message(kind, payload)):
                raise rebuild(answer["error"])
            return


# -- the log of what happened with remotes


@op
def log(_caller: Caller, name: str | None = None) -> dict[str, Any]:
    """The `events` that this machine's log holds, those of session `name` if one is given; the `path` of the log."""
    from sesh.remote import eventlog

    events = [event for path in eventlog.paths_of() for event in _read_log(path)]
    if name is not None:
        events = [event for event in events if event.get("session") == name]
    return {"path": eventlog.path(), "events": events}


_LARGEST_LOG = 64 << 20
"""Bytes; ours is cut at far less, but SESH_EVENT_LOG may name another one."""


def _read_log(path: str) -> Iterator[Event]:
    """The events of one file, in their order; other lines, as one cut short by a full disk, are passed over."""
    import json

    try:
        content = paths.read_regular(path, _LARGEST_LOG)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"cannot read {printable(path, 4096)}: {error.strerror}; see SESH_EVENT_LOG") from error
    for text in content.decode("utf-8", "replace").split("\n"):
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event
