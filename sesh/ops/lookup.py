"""The known remotes, asked all at once and without a prompt: for a name that is not here, for the list, for a watcher.

`SessionIndex` keeps the sessions here and there up to date for a list that is looked at. Here, events say at once that
something is different, and what no event reports is asked for now and then; hosts are asked now and then, all at once.
"""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, wire
from sesh.about import CALLED
from sesh.errors import InternalError, LocalFault, LoginRefused, NotFound, Refused, SeshError, TimedOut, Unreachable
from sesh.reach import calls
from sesh.reach.caller import Caller
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.config import Config
    from sesh.store.listing import Summary

    Answer = tuple[str, list[Summary] | SeshError]

PATIENCE = 2.0
"""Seconds for all hosts together."""
_WAITED = 10.0
"""Seconds for one attempt to reach a host that a person waits for."""
QUIET = 0.3
"""Seconds of looking before a line says which hosts are asked."""


def hosts(caller: Caller) -> list[str]:
    """The known remotes that are worth asking: none with `--local`, none that failed within the last minute."""
    from sesh.remote import known

    return [word for word in _known(caller) if not known.failed_recently(word)]


def skipped(caller: Caller) -> list[str]:
    """The known remotes that are not asked because they failed within the last minute."""
    from sesh.remote import known

    return [word for word in _known(caller) if known.failed_recently(word)]


def _known(caller: Caller) -> list[str]:
    if caller.local or caller.origin is not None:
        return []
    from sesh.remote import known

    return [each.host for each in known.all()] if os.path.isdir(known.directory()) else []


def _noted(word: str) -> None:
    """Notes that a host did not answer; where that cannot be written it is asked again."""
    from sesh.remote import known

    try:
        known.record_failure(word)
        known.forget_unless_known(word)
    except Refused:
        return


class _Listener(Caller):
    """The caller of the questions to one host: what is noted meanwhile is gathered, for one who may show it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        """Gathers a line."""
        self.notes.append(line)

    def settings(self) -> Config:
        """The person's settings."""
        return self._caller.settings()


class Asking:
    """Questions to several hosts, each in a thread of its own; answers are taken as they come."""

    def __init__(self, caller: Caller, words: list[str]) -> None:
        import threading

        self._caller = caller

        self.waiting = set(words)
        self.deadline = time.monotonic() + PATIENCE
        self.remarks: dict[str, str] = {}
        """What there is to say of a host that has answered."""
        self._answers: list[Answer] = []
        self._untold = len(words)
        self.inbound, self._outbound = os.pipe()
        for word in words:
            threading.Thread(target=self._ask, args=(word,), daemon=True).start()

    def _ask(self, word: str) -> None:
        from sesh.remote import known

        answer: list[Summary] | SeshError
        listener = _Listener(self._caller)
        try:
            answer = [{**each, "host": word} for each in sessions_of(listener, word, self.deadline)]
            known.record_names(word, answer)
            known.forget_unless_known(word)
        except SeshError as error:
            answer = error
        except OSError as error:
            answer = Unreachable(f"cannot ask {word}: {error.strerror}")
        except Exception as error:  # a fault of our own: the other hosts answer all the same
            answer = InternalError(f"internal error, {type(error).__name__}: {error}")
        if listener.notes:
            self.remarks[word] = "; ".join(listener.notes)
        if isinstance(answer, Unreachable):
            _noted(word)
        self._answers.append((word, answer))
        os.write(self._outbound, b".")

    def take(self) -> list[Answer]:
        """The answers that have come since the last time."""
        self._untold -= len(os.read(self.inbound, 64))
        answers = []
        while self._answers:  # a thread may add one at any moment
            answers.append(self._answers.pop(0))
        self.waiting -= {word for word, _ in answers}
        return answers

    @property
    def finished(self) -> bool:
        """Whether no thread has anything left to tell."""
        return not self.waiting and self._untold <= 0

    def close(self) -> None:
        """Closes what the threads tell through; only when they have finished."""
        os.close(self.inbound)
        os.close(self._outbound)

    def given_up(self) -> list[str]:
        """The hosts whose time is over; they are not asked again for a while."""
        late = sorted(self.waiting)
        for word in late:
            _noted(word)
        return late

    def left(self) -> float:
        """Seconds for which an answer is still waited for."""
        return max(0.0, self.deadline - time.monotonic())


def sessions_of(caller: Caller, word: str, deadline: float) -> list[Summary]:
    """The sessions of one host, without any prompt. Raises what it answers, Unreachable at the deadline (monotonic)."""
    from sesh.reach import links
    from sesh.remote.ssh import link

    place = links.destination(caller, word)
    with link.open_link(place, links.origin(place), ask=False, timeout=deadline - time.monotonic()) as through:
        rows = calls.request(caller, through, "sessions.summaries", {}, deadline)
    found: list[Summary] = rows
    return found


def summaries(caller: Caller, words: list[str]) -> Iterator[Answer]:
    """What each host answers, as it comes; a host that does not answer in time is unreachable."""
    if not words:
        return
    asking = Asking(caller, words)
    poll = select.poll()
    poll.register(asking.inbound, select.POLLIN)
    while asking.waiting:
        if not poll.poll(asking.left() * 1000):
            break
        for word, answer in asking.take():
            if remark := asking.remarks.get(word):
                caller.note(remark)
            yield word, answer
    for word in asking.given_up():
        yield word, Unreachable(f"{word} does not answer")


class Found:
    """Where a name was found: the `hosts` that have it, in their order, and those that do not answer and had it.

    `silent`: such a host as typed, and when it last said what it has (seconds since the epoch).
    """

    __slots__ = ("hosts", "silent")

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.silent: list[tuple[str, float]] = []

    def missing(self, name: str) -> NotFound | None:
        """The error for a name that was found nowhere, where a host had it that does not answer."""
        if self.hosts or not self.silent:
            return None
        word = self.silent[0][0]
        return NotFound(f"no session {name} here; {word}, where it was, does not answer", hint="try again later")


def find(caller: Caller, name: str, verb: str = "", *, creates: bool = False) -> str | None:
    """The known remote that has a session of this name; None where none has.

    `verb`: for the hint; `creates`: the name would be created here, which a person may have done at once by Enter.
    Raises Refused where several have it and nobody can be asked, or the person declines; NotFound where a host had it
    that does not answer, unless the name would be created.
    """
    found = located(caller, [name], creates=creates)[name]
    if found.hosts:
        return chosen(caller, name, found.hosts, verb)
    missing = found.missing(name)
    if missing is None:
        return None
    if not creates:
        raise missing
    if not caller.can_ask:
        caller.note(f"{found.silent[0][0]}, where {name} was, does not answer")
        return None
    return _waited(caller, name, *found.silent[0])


def _waited(caller: Caller, name: str, word: str, seen: float) -> str | None:
    """The host, once it answers, where the person wants to wait for it; None to create the session here."""
    from sesh import wording
    from sesh.keepalive import Backoff

    ago = wording.ago(time.time() - seen)
    answers = (("w", "Wait"), ("h", "Create here"))
    answer = caller.ask(f"{word} does not answer; {name} was there {ago}", answers, "w")
    if answer == "h":
        return None
    if not answer:
        raise Refused("nothing was done")
    caller.note(f"waiting for @{word}; Ctrl-C stops")
    for pause in Backoff().pauses():
        time.sleep(pause)
        try:
            rows = sessions_of(_Listener(caller), word, time.monotonic() + _WAITED)
        except LoginRefused:
            raise
        except (Unreachable, TimedOut, LocalFault):
            continue
        if name in [each.get("name") for each in rows]:
            return word
        caller.note(f"@{word} answers, and has no {name} any more")
        break
    return None


def located(caller: Caller, names: Sequence[str], *, creates: bool = False) -> dict[str, Found]:
    """Where the sessions of these names are among the known remotes; nowhere if a person did not want to wait."""
    found = {name: Found() for name in names}
    words = hosts(caller)
    silent = skipped(caller)
    if words:
        asking = Asking(caller, words)
        poll = select.poll()
        poll.register(asking.inbound, select.POLLIN)
        speak: float | None = time.monotonic() + QUIET
        impatient = creates and caller.can_ask
        if impatient:
            poll.register(0, select.POLLIN)
        while asking.waiting and asking.left() > 0:
            wait = asking.left() if speak is None else min(asking.left(), max(0.0, speak - time.monotonic()))
            for descriptor, _ in poll.poll(wait * 1000):
                if descriptor != asking.inbound:
                    os.read(0, 4096)
                    return {name: Found() for name in names}
                for word, answer in asking.take():
                    if remark := asking.remarks.get(word):
                        caller.note(remark)
                    if isinstance(answer, SeshError):
                        silent.append(word)
                        continue
                    for name in found.keys() & {each.get("name") for each in answer}:
                        found[name].hosts.append(word)
            if speak is not None and time.monotonic() >= speak and asking.waiting:
                speak = None
                if not caller.watched:
                    continue
                others = ", ".join(f"@{word}" for word in sorted(asking.waiting))
                caller.note(
                    f"looking for {', '.join(names)} on {others}" + ("; Enter creates it here" if impatient else "")
                )
        silent += asking.given_up()
    for each in found.values():
        each.hosts.sort()
    _remember_silent(found, silent)
    return found


def _remember_silent(found: dict[str, Found], words: list[str]) -> None:
    """Adds the hosts that do not answer to the names that they had when they were last asked."""
    if not words:
        return
    from sesh.remote import known

    for word in sorted(words):
        rows, seen = known.names(word), known.names_at(word)
        for name in found.keys() & {row["name"] for row in rows}:
            found[name].silent.append((word, seen))


def chosen(caller: Caller, name: str, words: list[str], verb: str = "") -> str | None:
    """The host to use: the only one, or the one that a person chooses. `verb`: for the hint."""
    if len(words) < 2:
        return words[0] if words else None
    if not caller.can_ask:
        several = ", ".join(f"@{word}" for word in words)
        line = " ".join(filter(None, (CALLED, f"@{words[0]}", verb, name)))
        raise Refused(f"{name} runs on {several}; choose one: {line}")
    answers = [(str(number), f"{number} @{word}") for number, word in enumerate(words[:9], 1)]
    answer = caller.ask(f"{name} runs on several hosts:", [*answers, ("c", "Cancel")], "1")
    if not answer.isdecimal():
        raise Refused("nothing was done")
    return words[int(answer) - 1]


HERE = (2.0, 10.0)
"""Seconds after which the sessions here are asked again without an event: at least, and where asking costs much."""
ELSEWHERE = (3.0, 50.0)
"""The same between the answers of other hosts and the next question to them."""
_SHARE, _SHARE_ELSEWHERE, _SHARE_STIRRED = 0.004, 0.002, 0.05
"""The parts of a processor that may be spent on asking the sessions here, on asking other hosts, and on the sessions
here while events come without end."""
_SOON, _STIRRED = 0.05, 0.5
"""Seconds that events are gathered for: one is seldom alone; and while they come without end."""
_PATIENCE = 0.5
_IMPATIENCE = 0.1
"""Seconds for the sessions here, once one of them did not answer: keys are not read meanwhile."""
_BLOCK = 1 << 16


class SessionIndex:
    """What there is: `here` by name, `there` by host, a reason instead of sessions for a host that does not answer.

    A context manager. Wait for `descriptors` to be readable, `due` seconds at the most, then call `take`.
    `hosts`: those to ask, None for the known remotes; sessions of this machine are left out where hosts are named.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None) -> None:
        self.here: list[Summary] = []
        self.there: dict[str, list[Summary] | str] = {}
        self.remarks: dict[str, str] = {}
        """What there is to say of a host's answer, such as rows that were left out."""
        self._caller, self._hosts = caller, hosts
        self._ears: dict[int, tuple[str, wire.Connection]] = {}
        self._watch = -1
        self._askings: list[Asking] = []
        self._late: Asking | None = None
        self._next_here = self._next_there = 0.0
        self._looked_at = 0.0
        """When the sessions here were asked last (monotonic)."""
        self._stirred = False
        """Whether something has happened here since: until they are asked again, nothing more need be known."""
        self._gather, self._most = _SOON, _STIRRED
        """Seconds between two questions that events lead to, and the most of it, by what a question costs."""
        self._spent = time.process_time()
        """Seconds of the processor that were used until the sessions here were asked last."""
        self._spent_by_ssh = _used_by_children()
        """The same of child processes, until other hosts were asked last."""

    def __enter__(self) -> SessionIndex:
        if self._hosts is None:
            paths.ready_directory()
            self._watch = platform.watch_directory(paths.directory())
        self._look()
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        for _name, connection in self._ears.values():
            connection.close()
        self._ears = {}
        if self._watch >= 0:
            os.close(self._watch)
        self._watch = -1

    @property
    def pending(self) -> bool:
        """Whether a host is still to answer for the first time."""
        return bool(self._askings) and bool(self._askings[-1].waiting) and self._askings[-1].left() > 0

    @property
    def descriptors(self) -> list[int]:
        """What becomes readable when something has happened."""
        own = [] if self._stirred else [*([self._watch] if self._watch >= 0 else []), *self._ears]
        return [*own, *(asking.inbound for asking in self._askings)]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        moments = [self._next_there if not self.pending else self._askings[-1].deadline]
        moments += [self._next_here] if self._hosts is None else []
        return max(0.0, min(moments) - time.monotonic())

    def refresh(self) -> None:
        """Has the next `take` ask all hosts again."""
        self._next_there = 0.0

    def take(self, ready: set[int]) -> None:
        """Takes in what has happened, and asks for what is due."""
        now = time.monotonic()
        if ready & {self._watch, *self._ears}:
            self._stir(now)
        self._heard(ready)
        if self._hosts is None and now >= self._next_here:
            self._look()
        if not self.pending and now >= self._next_there:
            self._ask()

    def _stir(self, now: float) -> None:
        """Has the sessions here asked soon; less and less so where something happens all the time."""
        calm = now - self._looked_at >= self._most
        self._stirred, self._gather = True, _SOON if calm else min(2 * self._gather, self._most)
        self._next_here = min(self._next_here, max(now + _SOON, self._looked_at + self._gather))

    def _drain(self) -> None:
        """Drops what the sessions here have sent, and the connections to those that have ended."""
        self._stirred = False
        if self._watch >= 0 and wire.ready(self._watch, select.POLLIN, 0.0):
            os.read(self._watch, _BLOCK)
        for descriptor in [each for each in self._ears if not _drained(each)]:
            self._ears.pop(descriptor)[1].close()

    def _look(self) -> None:
        """Asks the sessions of this machine, and listens to those that are new."""
        if self._hosts is not None:
            return
        self._drain()
        silent = any(each.get("responding") is False for each in self.here)
        self.here = listing.summaries(_IMPATIENCE if silent else _PATIENCE)
        before, self._spent = self._spent, time.process_time()
        spent, self._looked_at = self._spent - before, time.monotonic()
        self._most = min(HERE[1], max(_STIRRED, spent / _SHARE_STIRRED))
        self._next_here = self._looked_at + _rest(spent / _SHARE, *HERE)
        followed = {name for name, _ in self._ears.values()}
        for each in self.here:
            if len(self._ears) >= wire.most_connections() // 2:
                break  # the others are asked again after a while
            if each.get("responding") is False or each["name"] in followed:
                continue
            try:
                connection = wire.connect(each["name"], timeout=_PATIENCE)
                connection.send(wire.greeting("request") + wire.asking("events", 1), time.monotonic() + _PATIENCE)
            except SeshError:
                continue  # it ended just now; the next look is soon
            os.set_blocking(connection.inbound, False)
            self._ears[connection.inbound] = (each["name"], connection)

    def _ask(self) -> None:
        """Asks the other hosts."""
        words = self._hosts if self._hosts is not None else hosts(self._caller)
        unasked = [] if self._hosts is not None else skipped(self._caller)
        self.there = {word: rows for word, rows in self.there.items() if word in words}
        self.there |= dict.fromkeys(unasked, "unreachable less than a minute ago; not asked again")
        before, self._spent_by_ssh = self._spent_by_ssh, _used_by_children()
        self._next_there = time.monotonic() + _rest((self._spent_by_ssh - before) / _SHARE_ELSEWHERE, *ELSEWHERE)
        if words:
            self._askings.append(Asking(self._caller, words))

    def _heard(self, ready: set[int]) -> None:
        """Takes in what hosts have answered; one that is late is said to be unreachable."""
        for asking in list(self._askings):
            if asking.inbound in ready:
                for word, answer in asking.take():
                    self.there[word] = _rows_or_reason(answer)
                    self.remarks[word] = asking.remarks.get(word, "")
            if asking.waiting and asking.left() <= 0 and asking is not self._late:
                self._late = asking
                self.there |= dict.fromkeys(asking.given_up(), "unreachable")
            if asking.finished:
                self._askings.remove(asking)
                asking.close()


def _rest(wanted: float, least: float, most: float) -> float:
    """Seconds until the next question."""
    return min(most, max(least, wanted))


def _used_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _rows_or_reason(answer: list[Summary] | SeshError) -> list[Summary] | str:
    if isinstance(answer, SeshError):
        return "unreachable" if answer.code == "unreachable" else str(answer)
    return answer


def _drained(descriptor: int) -> bool:
    """Reads and drops what a session has sent; False if it has ended."""
    try:
        while data := os.read(descriptor, _BLOCK):
            if len(data) < _BLOCK:
                return True
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
