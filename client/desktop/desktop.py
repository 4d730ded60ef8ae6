"""This machine as its person's desktop: their keys, and the clipboard. `pages` has the browser, `files` the files.

A wish for the clipboard:
```
             a key allows it ─────────────────────────────▶ begun ──the tool──▶ told
decided ──▶ a look is needed ──known──────────────────────────▲
                 └──▶ asked by a line ──its key within 1.5 s──┘
                          └──▶ refused; a later key is good for the next read
```
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Optional, Protocol

from sesh.client.desktop.asking import TerminalClipboard, Way
from sesh.client.desktop.consent import ASKED_TIME, Consent, Content, Verdict
from sesh.client.desktop.exchanges import Exchange, Exchanges, State
from sesh.client.desktop.files import PersonFiles
from sesh.client.desktop.lines import Lines, News, program_of
from sesh.client.desktop.listener import LoginListener
from sesh.client.desktop.outer import FACTS, Outer
from sesh.client.desktop.pages import Pages
from sesh.client.desktop.presses import Press, PressFinder
from sesh.client.desktop.queries import Answer, Query
from sesh.client.desktop.runs import ToolRuns
from sesh.desktop import tools
from sesh.desktop.targets import PNG, TEXT
from sesh.errors import SeshError
from sesh.system.workers import Stop
from sesh.text import describe, safe
from sesh.wire.messages import DesktopFacts, Why, Wish

WAIT = 1.5  # seconds that a reader waits for a look and the key of the line
_MAX_ANSWERS = 8  # to queries that are under way; further ones hear of an empty clipboard

Types = list[str]


class Terminal(Protocol):
    """A terminal as a clipboard, where this machine has no tools."""

    @property
    def ignores_clipboard(self) -> bool:
        """True if it is known to ignore what programs put on the clipboard (OSC 52)."""

    def write_clipboard(self, text: bytes) -> bool:
        """Put text on the clipboard; False if the terminal is known not to do that."""

    def insert(self, sequence: bytes) -> None:
        """Send it a sequence, between two of the program's."""


@dataclass
class Work:
    """What the desktop keeps with an exchange. `found`: what a look has found; `rest`: bytes that are to be given."""

    decided_at: float
    found: Optional[Found] = None
    rest: memoryview = field(default_factory=lambda: memoryview(b""))
    type: str = ""
    written: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Found:
    """What the clipboard has: its types, and the data of one of them."""

    types: list[str]
    type: str
    data: bytes


class PersonDesktop:
    """The `Desktop` of one attachment. `client.desktop.start` sets `exchanges`, and `files` if any may be sent.

    `host`: where the programs run; None on this machine. `round_trip`: of the link, in seconds. `outer`: the session
    within which this client runs; its desktop is asked instead, and decides. `reply`: types the answer to a query.
    """

    def __init__(
        self,
        lines: Lines,
        terminal: Terminal,
        consent: Consent,
        host: str | None,
        *,
        round_trip: Callable[[], float] = lambda: 0.0,
        environment: Mapping[str, str] = os.environ,
        outer: Outer | None = None,
        reply: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self.files: PersonFiles | None = None
        self._outer, self._reply = outer, reply
        self._asked = TerminalClipboard(terminal.insert)  # where there are no tools
        self._lines, self._terminal, self._consent = lines, terminal, consent
        self._news, self._runs = News(lines, host), ToolRuns()
        self.pages = Pages(
            lines,
            self._news,
            consent,
            self._runs,
            environment,
            host=host,
            outer=outer,
            may_show=self._may_show,
        )
        self._round_trip = round_trip
        self._environment = environment
        self._clipboard = tools.clipboard(environment)
        self._presses = PressFinder()
        self._swallows_release = False
        self._last_query = 0
        self._shims: Optional[Exchange] = None  # the last look whether a program that may paste finds them
        self._answers: list[Answer] = []  # to queries, under way
        self._has_typed = False  # the session's program may ask each of its clients: one that watches is none
        self._waiting: dict[int, Exchange] = {}  # for a look, or the key of the line; by the number of the exchange
        self._to_copy: bytes | None = None  # by OSC 52, which waits for a tool
        self._copies = False  # a tool writes what was copied by OSC 52
        self.facts = FACTS if outer is not None else self._own_facts()

    def _own_facts(self) -> DesktopFacts:
        return {
            "open": self.pages.browser is not None, "listen": True, "read": True, "write": True,
            "pictures": [*self._clipboard.pictures] if self._clipboard is not None else [PNG],
        }  # fmt: skip

    @property
    def exchanges(self) -> Exchanges:
        return self._exchanges

    @exchanges.setter
    def exchanges(self, exchanges: Exchanges) -> None:
        self._exchanges = self.pages.exchanges = exchanges

    def _may_show(self) -> bool:
        """Return whether no line asks the person for something."""
        now = time.monotonic()
        return not (self._consent.asking(now) or (self.files is not None and self.files.has_line(now)))

    # -- the loop

    @property
    def busy(self) -> bool:
        """True if it has something to wait for."""
        if self._waiting or self._runs.busy or self._asked.due < inf or self.pages.busy:
            return True
        return (self.files is not None and self.files.busy) or (self._outer is not None and self._outer.busy)

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        waits = [self._until(each) for each in self._waiting.values()]
        files = inf if self.files is None else self.files.due
        return min([self._asked.due, self.pages.due, files, *waits])

    @staticmethod
    def _until(exchange: Exchange) -> float:
        return exchange.asked_at + WAIT

    def connected(self) -> None:
        """Note that the daemon is there, or is there again."""
        self.pages.connected()

    def watched(self) -> Mapping[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        found = {self._runs.inbound: int(select.POLLIN), **self.pages.watched()}
        if self.files is not None:
            found |= self.files.watched()
        return found if self._outer is None else {**found, **self._outer.watched()}

    def act(self, ready: Collection[int], now: float) -> None:
        """Go on with what has become ready or due."""
        if self._runs.inbound in ready:
            self._runs.act()
        if self._outer is not None:
            self._outer.act(ready)
        if self.files is not None:
            self.files.act(ready, now)
        if (held := self._asked.act(now)) and (kept := self._kept(held, now)):
            self._reply(kept)
        for number, exchange in list(self._waiting.items()):
            if self._until(exchange) <= now:
                del self._waiting[number]
                self._runs.end(exchange)
                exchange.refuse(Why.CONSENT, "the clipboard was not given: its person has not agreed")
        self.pages.act(ready, now)

    def close(self) -> None:
        """Let go of everything: the client ends."""
        self.pages.close()
        if self._outer is not None:
            self._outer.close()
        if self.files is not None:
            self.files.close()
        self._runs.close()

    # -- keys

    def keys(self, data: bytes) -> bytes:
        """Note what the person types; return what is for the program, without a key that was consent."""
        now = time.monotonic()
        kept = self._kept(self._asked.take(data, now), now)
        if self._waiting and self._consent.delivers(now):
            waiting = list(self._waiting.values())
            self._waiting.clear()
            for exchange in waiting:
                _work(exchange).decided_at = now
                self.exchanges.begin(exchange)
        if self._consent.ask is None and not (self.files is not None and self.files.has_line(now)):
            self._lines.ask_line("")
        return kept

    def _kept(self, data: bytes, now: float) -> bytes:
        """Note the presses in input; return what passes of it."""
        kept = bytearray()
        for part, press in self._presses.split(data):
            self._has_typed = self._has_typed or press.is_key
            self._look_for_shims(press)
            sends_files = self.files is not None and self.files.takes(press)  # it is for no program
            if self._consent.press(Press.KEY if sends_files else press, now, self._round_trip()):
                self._swallows_release = True
            elif press is Press.PASTE_KEY_RELEASE and self._swallows_release:
                self._swallows_release = False
            else:
                self._swallows_release = self._swallows_release or sends_files
                kept += part if self.files is None else self.files.keys(part, press, now)
        return bytes(kept)

    def _look_for_shims(self, press: Press) -> None:
        """At a paste key, ask whether the program finds what would ask for the clipboard."""
        if press in (Press.PASTE_KEY, Press.EMPTY_PASTE) and (self._shims is None or self._shims.over):
            self._shims = self.exchanges.look_for_shims()

    def release(self) -> None:
        """Pass on what is held of the input: the link is lost, or the client leaves or stops."""
        if self.files is not None:
            self.files.release()

    # -- decisions

    def decide(self, exchange: Exchange) -> None:
        """Decide on a wish: call `Exchanges.begin` or `Exchange.refuse`, now or later."""
        exchange.data = Work(time.monotonic())
        if exchange.wish is Wish.OPEN:
            self.pages.decide(exchange)
        elif exchange.wish is Wish.LISTEN:
            self.pages.decide_listen(exchange)
        elif exchange.wish is Wish.WRITE:
            if self._consent.write() is Verdict.GIVE:
                self.exchanges.begin(exchange)
            else:
                exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs write no clipboard")
        else:
            if self.files is not None:
                self.files.note_read()
            self._decide_read(exchange)

    def _decide_read(self, exchange: Exchange) -> None:
        if self._outer is not None and self._consent.paste != "never":
            self.exchanges.begin(exchange)
            return
        verdict = self._consent.read(program_of(exchange), time.monotonic())
        if self._clipboard is None and verdict is Verdict.LOOK:
            self._waiting[exchange.flow.number] = exchange
            self._judge(exchange, Found([], "", b"?"))  # what the terminal has is not known before the key
        elif verdict is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.LOOK:
            wanted = exchange.ask.get("type", "") if exchange.wish is Wish.READ else ""
            self._waiting[exchange.flow.number] = exchange
            known = self._consent.known(time.monotonic())
            self._runs.run(exchange, partial(self._look, wanted, known), partial(self._judge, exchange))
        else:
            exchange.refuse(Why.CONSENT)

    def _look(self, wanted: str, known: Types, stop: Stop) -> Found:
        """Return what the clipboard has of the `wanted` type; without one, of the first that it has.

        `known`: the types that are looked for first.
        """
        assert self._clipboard is not None  # noqa: S101 (else nothing is decided)
        types = tools.list_types(self._clipboard, stop)
        if wanted and wanted not in types:
            return Found(types, wanted, b"")
        chosen = wanted or next((each for each in [*known, *types] if each in types), "")
        return Found(types, chosen, tools.read(self._clipboard, chosen, stop) if chosen else b"")

    def _judge(self, exchange: Exchange, found: Found | SeshError) -> None:
        """Decide on what a look has found.

        What is not given is refused as late as what is not there, or a host would hear which types there are.
        """
        if isinstance(found, SeshError) or not found.data or exchange.state is not State.DECIDING:
            return
        now = time.monotonic()
        verdict = self._consent.read(program_of(exchange), now, Content.of(found.type, found.data))
        if verdict is Verdict.GIVE:
            _work(exchange).found = found
            self._waiting.pop(exchange.flow.number, None)
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            if self.files is not None:
                self.files.give_way()  # one line asks at a time
            what = f" ({_amount(found.type, len(found.data))})" if found.type else ""
            asks = f"{self._news.asker(exchange)} asks for your clipboard"
            # The key is never cut off; with a long name of a program the line could read otherwise.
            lines = (
                f"{asks}{what}: Ctrl-V or Alt-V gives it",
                f"{asks}{what}: Ctrl-V gives it",
                f"{asks}: Ctrl-V gives it",
            )
            room = self._lines.line_columns
            line = next(
                (line for line in lines if safe.columns(line) <= room),
                f"Ctrl-V gives your clipboard to {self._news.asker(exchange)}",
            )
            self._lines.ask_line(line, ASKED_TIME)

    def query(self, query: Query) -> None:
        """Answer a query of a program for the clipboard, as a wish of it; at once none, where nobody has typed."""
        if not self._has_typed:
            return
        self._last_query -= 1
        answer = Answer(query, self._last_query, self._reply)
        self._answers = [each for each in self._answers if not each.over]
        if len(self._answers) >= _MAX_ANSWERS:
            answer.refuse(Why.REFUSED)
        else:
            self._answers.append(answer)
            self.decide(answer)

    def copied(self, text: bytes) -> None:
        """Note what a program has put on the clipboard by OSC 52; put it there where the terminal does not."""
        self._consent.wrote(Content.of(TEXT, text))
        if self._terminal.ignores_clipboard and self._clipboard is not None:
            self._to_copy = text
            self._copy(self._clipboard)

    def _copy(self, clipboard: tools.Clipboard) -> None:
        """Put on the clipboard what was copied last, once no other tool writes: there may be thousands of copies."""
        if self._to_copy is None or self._copies:
            return
        text, self._to_copy, self._copies = self._to_copy, None, True
        self._runs.begin(lambda _: tools.write(clipboard, TEXT, text), partial(self._end_copy, clipboard))

    def _end_copy(self, clipboard: tools.Clipboard, _: object) -> None:
        self._copies = False
        self._copy(clipboard)

    # -- wishes that are fulfilled

    def list(self, exchange: Exchange) -> None:
        """Tell the types that the clipboard has."""
        clipboard, found = self._clipboard, _work(exchange).found
        if self._outer is not None:
            self._outer.ask(exchange)
        elif found is not None:
            exchange.tell(types=found.types)
        elif clipboard is None:
            self._ask_terminal(exchange, ".")
        else:
            self._runs.run(exchange, partial(tools.list_types, clipboard), partial(self._tell_types, exchange))

    def _ask_terminal(self, exchange: Exchange, mime: str) -> None:
        def done(found: dict[str, bytes]) -> None:
            data = found.get(mime, b"")
            if exchange.over:
                return
            if not data and self._asked.way is Way.NONE:
                exchange.refuse(Why.TOOLS, self._no_clipboard())
            elif mime == ".":
                self._tell_types(exchange, data.decode(errors="replace").split())
            else:
                self._give(exchange, mime, data)

        self._asked.read(mime, done, time.monotonic())

    def _tell_types(self, exchange: Exchange, types: Types | SeshError) -> None:
        if isinstance(types, SeshError):
            exchange.refuse(Why.TOOLS, str(types))
        elif not types:
            exchange.refuse(Why.EMPTY)
        else:
            exchange.tell(types=types)

    def read(self, exchange: Exchange) -> None:
        """Give the clipboard's content as `ask["type"]`, then tell."""
        clipboard, found = self._clipboard, _work(exchange).found
        mime = exchange.ask.get("type", "") or TEXT
        if self._outer is not None:
            self._outer.ask(exchange)
        elif found is not None:
            self._give(exchange, mime, found.data)
        elif clipboard is None:
            self._ask_terminal(exchange, mime)
        else:
            self._runs.run(exchange, partial(_read, clipboard, mime), partial(self._give_found, exchange))

    def _give_found(self, exchange: Exchange, found: Found | SeshError) -> None:
        if isinstance(found, SeshError):
            self._give(exchange, "", found)
        else:
            self._give(exchange, found.type, found.data, found.types)

    def _give(self, exchange: Exchange, mime: str, data: bytes | SeshError, types: Types | None = None) -> None:
        if isinstance(data, SeshError):
            exchange.refuse(Why.SIZE if isinstance(data, tools.TooLarge) else Why.TOOLS, str(data))
            return
        if not data:
            exchange.refuse(Why.EMPTY, types=types)
            return
        work = _work(exchange)
        if not self._consent.claim(Content.of(mime, data), work.decided_at, time.monotonic()):
            exchange.refuse(Why.CONSENT)  # another read has got what the key gave
            return
        self._news.tell(exchange, "read", f" read your clipboard ({_amount(mime, len(data))})")
        work.rest, work.type = memoryview(data), mime
        self._give_more(exchange)

    @staticmethod
    def _give_more(exchange: Exchange) -> None:
        work = _work(exchange)
        while work.rest and (room := exchange.room):
            exchange.give(bytes(work.rest[:room]))
            work.rest = work.rest[room:]
        if not work.rest:
            exchange.tell(type_=work.type)

    def write(self, exchange: Exchange) -> None:
        """Begin to take the bytes that come, until they have ended; then tell."""
        if self._outer is not None:
            self._outer.ask(exchange)

    def _take(self, exchange: Exchange) -> None:
        """Take the bytes that have come for the clipboard."""
        work = _work(exchange)
        work.written += exchange.take()
        if exchange.ended and not self._runs.runs(exchange):
            self._write(exchange, exchange.ask.get("type", "") or TEXT, bytes(work.written))

    def _write(self, exchange: Exchange, mime: str, data: bytes) -> None:
        clipboard, done = self._clipboard, partial(self._tell_written, exchange, Content.of(mime, data), len(data))
        if clipboard is not None:
            self._runs.run(exchange, lambda _: tools.write(clipboard, mime, data), done)
        elif mime == TEXT and self._terminal.write_clipboard(data):
            done(None)
        else:
            exchange.refuse(Why.TOOLS, self._no_clipboard())

    def _tell_written(self, exchange: Exchange, content: Content, size: int, error: SeshError | None) -> None:
        if error is not None:
            exchange.refuse(Why.TOOLS, str(error))
            return
        self._consent.wrote(content)
        self._news.tell(exchange, "wrote", f" wrote your clipboard ({_amount(content.type, size)})")
        exchange.tell(type_=content.type)

    # -- what `pages` does

    def open(self, exchange: Exchange) -> None:
        """Open `ask["url"]`; listen first on the ports that it names. Then tell."""
        self.pages.open(exchange)

    def forward(self, exchange: Exchange) -> None:
        """Carry connections to a port here to `ask["port"]` there, until the exchange ends."""
        self.pages.forward(exchange)

    def take_logins(self) -> dict[int, LoginListener]:
        """Let go of what listens for logins, by port; return it, for another session of the same machine."""
        return self.pages.take_logins()

    def resume_logins(self, logins: dict[int, LoginListener]) -> None:
        """Go on with what listens for logins."""
        self.pages.resume_logins(logins)

    # -- news

    def moved(self, exchange: Exchange) -> None:
        """Handle news of an exchange that has begun: bytes have come or ended, there is room, or it is over."""
        now = time.monotonic()
        if exchange.wish in (Wish.FIND, Wish.PUT):
            if self.files is not None:
                self.files.moved(exchange)
        elif exchange.wish in (Wish.STREAM, Wish.PORT):
            self.pages.moved(exchange, now)
        elif exchange.wish is Wish.SHIMS:
            if line := exchange.answer.get("words", ""):
                self._lines.show_notice(line)
        elif exchange.wish is Wish.LISTEN and exchange.over:
            self.pages.moved(exchange, now)
            if self._outer is not None:
                self._outer.moved(exchange)
        elif self._outer is not None:
            self._outer.moved(exchange)
        elif exchange.over:
            self._drop(exchange)
        elif exchange.wish is Wish.WRITE:
            self._take(exchange)
        elif exchange.wish is Wish.READ and not self._runs.runs(exchange):
            self._give_more(exchange)

    def _drop(self, exchange: Exchange) -> None:
        """Let go of an exchange that the other side has ended."""
        self._waiting.pop(exchange.flow.number, None)
        self._runs.end(exchange)
        if not self._waiting and exchange.state is State.GONE and self._consent.ask is not None:
            self._consent.ask = None
            self._lines.ask_line("")

    # -- words

    def _no_clipboard(self) -> str:
        return f"the desktop has no clipboard: {tools.missing(self._environment)}"


def _read(clipboard: tools.Clipboard, mime: str, stop: Stop) -> Found:
    """Return what the clipboard has of a type; if nothing, with the types that it has: that saves a round trip."""
    data = tools.read(clipboard, mime, stop)
    return Found([] if data else tools.list_types(clipboard, stop), mime, data)


def _work(exchange: Exchange) -> Work:
    assert isinstance(exchange.data, Work)  # noqa: S101 (`decide` has made it)
    return exchange.data


def _amount(mime: str, size: int) -> str:
    """Return kind and size of content: `text, 1 KB`."""
    kind = "text" if mime.startswith("text/") else "picture" if mime.startswith("image/") else mime
    return f"{kind}, {describe.amount(size)}"
