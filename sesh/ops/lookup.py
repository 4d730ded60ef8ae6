"""The known remotes, asked all at once and without a prompt: for a name that is not here, and for the list."""

from __future__ import annotations

import os
import select
import time

from sesh import moments
from sesh.about import CALLED
from sesh.errors import (
    InternalError,
    LocalFault,
    LoginRefused,
    NotFound,
    Refused,
    SeshError,
    Unreachable,
    silent_host,
)
from sesh.reach.caller import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.config import Config
    from sesh.schema import Summary

    Answer = tuple[str, list[Summary] | SeshError]

PATIENCE = 2.0
"""Seconds for all hosts together."""
_WAITED = 10.0
"""Seconds for one attempt to reach a host that a person waits for."""
QUIET = 0.3
"""Seconds of looking before a line says which hosts are asked."""
SKIPPED = "unreachable less than a minute ago; not asked again"
"""What a list says of the hosts that `skipped` names."""


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

    return [each.host for each in known.all()] if known.exist() else []


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
    from sesh.reach import calls, links
    from sesh.remote.ssh import link

    place = links.destination_of(caller, word)
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
        yield word, silent_host(word)


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
    from sesh.keepalive import Backoff

    ago = moments.ago(time.time() - seen)
    answers = (("w", "Wait"), ("h", "Create here"))
    answer = caller.ask(f"{word} does not answer; {name} was there {ago}", answers, "w")
    if answer == "h":
        return None
    if not answer:
        raise Refused("nothing was done")
    caller.note(f"waiting for @{word}; Ctrl-C stops")

    def attempt() -> list[Summary]:
        try:
            return sessions_of(_Listener(caller), word, time.monotonic() + _WAITED)
        except (LocalFault, LoginRefused) as fault:  # a person may log in meanwhile
            raise Unreachable(str(fault)) from fault

    rows = Backoff().retry(attempt, word)
    if name in [each.get("name") for each in rows]:
        return word
    caller.note(f"@{word} answers, and has no {name} any more")
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
