"""This machine as its person's desktop: consent, lines on the terminal, the tools, and logins that come home.

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
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from math import inf
from typing import Any, Optional, Protocol

from sesh.client.desktop.asking import TerminalClipboard, Way
from sesh.client.desktop.consent import ASKED_TIME, Consent, Content, Verdict
from sesh.client.desktop.exchanges import Exchange, Exchanges, State
from sesh.client.desktop.files import Lines, PersonFiles
from sesh.client.desktop.forwards import Forwards
from sesh.client.desktop.listener import LoginListener
from sesh.client.desktop.outer import FACTS, Outer
from sesh.client.desktop.presses import Press, PressFinder
from sesh.client.desktop.queries import Answer, Query
from sesh.desktop import addresses, tools
from sesh.desktop.targets import PNG, TEXT
from sesh.errors import Malformed, SeshError
from sesh.system import platforms, ports
from sesh.system.workers import Stop, Workers
from sesh.text import describe, safe
from sesh.wire.messages import DesktopFacts, Why, Wish

WAIT = 1.5  # seconds that a reader waits for the key of the line
LINE_TIME = 10.0  # seconds that a line with a link stays
SSH_LINE_TIME = 30.0  # seconds that a line with a command to type elsewhere stays
SAID_EVERY = 60.0  # seconds between two lines of the same kind and program
_MAX_SAID = 64  # lines that are remembered; a host that renames its programs gets no more
_MAX_PROGRAM = 32  # characters of a program's name
_MAX_WORKERS = 4
_LEAVING = 0.1  # seconds for a tool that gets its last bytes; one that hangs must not hold up a detach
_MAX_HOSTS = 64 << 10  # bytes of /etc/hosts; whoever blocks sites by it has megabytes, behind the machine's own names
_MAX_ANSWERS = 8  # to queries that are under way; further ones hear of an empty clipboard
_MAX_LISTENERS = 16  # one more ends the oldest

Types = list[str]
Ports = list[addresses.Loopback]


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
    worker: Optional[int] = None  # the key of the worker in which a tool runs
    ports: list[int] = field(default_factory=list)  # on which it has begun to listen


@dataclass(frozen=True)
class Found:
    """What the clipboard has: its types, and the data of one of them."""

    types: list[str]
    type: str
    data: bytes


class PersonDesktop:
    """The `Desktop` of one attachment. `exchanges`, and `files` if any may be sent, are set by who makes all.

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
        self.exchanges: Exchanges
        self.files: PersonFiles | None = None
        self._outer, self._reply = outer, reply
        self._asked = TerminalClipboard(terminal.insert)  # where there are no tools
        self._lines, self._terminal, self._consent = lines, terminal, consent
        self._place, self._is_remote = f" on @{host}" if host is not None else "", host is not None
        self._round_trip = round_trip
        self._environment = environment
        self._clipboard = tools.clipboard(environment)
        self._browser = tools.browser(environment)
        self._own_names = own_names()
        self._presses = PressFinder()
        self._swallows_release = False
        self._workers = Workers[int, Callable[[], None]](_MAX_WORKERS)
        self._last_worker = self._last_query = 0
        self._shims: Optional[Exchange] = None  # the last look whether a program that may paste finds them
        self._answers: list[Answer] = []  # to queries, under way
        self._has_typed = False  # the session's program may ask each of its clients: one that watches is none
        self._waiting: dict[int, Exchange] = {}  # for the key of the line, by the number of the exchange
        self._listeners: dict[int, LoginListener] = {}  # by port
        self._forwards = Forwards()
        self._opening: list[Exchange] = []  # that the outer session was asked for
        self._to_copy: bytes | None = None  # by OSC 52, which waits for a tool
        self._copies = False  # a tool writes what was copied by OSC 52
        self._said: dict[tuple[str, str], float] = {}
        self.facts = FACTS if outer is not None else self._own_facts()

    def _own_facts(self) -> DesktopFacts:
        return {
            "open": self._browser is not None, "listen": True, "read": True, "write": True,
            "pictures": [*self._clipboard.pictures] if self._clipboard is not None else [PNG],
        }  # fmt: skip

    # -- the loop

    @property
    def busy(self) -> bool:
        """True if it has something to wait for."""
        if self._waiting or self._opening or self._listeners or self._workers.running or self._asked.due < inf:
            return True
        if self._forwards.busy or (self.files is not None and self.files.busy):
            return True
        return self._outer is not None and self._outer.busy

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        waits = [self._until(each) for each in self._waiting.values()]
        files = inf if self.files is None else self.files.due
        listeners = (each.due for each in self._listeners.values())
        return min([self._asked.due, self._forwards.due, files, *waits, *listeners])

    @staticmethod
    def _until(exchange: Exchange) -> float:
        return exchange.begun_at + WAIT

    def connected(self) -> None:
        """Note that the daemon is there, or is there again."""
        self._forwards.connected(time.monotonic())

    def watched(self) -> Mapping[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        found = {self._workers.inbound: int(select.POLLIN), **self._forwards.watched()}
        for listener in self._listeners.values():
            found |= listener.watched()
        if self.files is not None:
            found |= self.files.watched()
        return found if self._outer is None else {**found, **self._outer.watched()}

    def act(self, ready: Collection[int], now: float) -> None:
        """Go on with what has become ready or due."""
        if self._workers.inbound in ready:
            for _, done in self._workers.take():
                if not isinstance(done, SeshError):  # else a bug: the daemon's time ends the exchange
                    done()
        if self._outer is not None:
            self._outer.act(ready)
            self._follow_opening()
        if self.files is not None:
            self.files.act(ready, now)
        if (held := self._asked.act(now)) and (kept := self._kept(held, now)):
            self._reply(kept)
        for number, exchange in list(self._waiting.items()):
            if self._until(exchange) <= now:
                del self._waiting[number]
                self._end_worker(exchange)
                exchange.refuse(Why.CONSENT, "the clipboard was not given: its person has not agreed")
        self._forwards.act(ready, now, self.exchanges.stream_to_any)
        for port, listener in list(self._listeners.items()):
            listener.act(ready, now, self.exchanges.stream)
            if listener.sockets and listener.watch is not None and listener.watch.lost:
                listener.watch = self.exchanges.watch_port(port)  # the link has broken, and may be back
            if not listener.open:
                self._drop_listener(port)

    def close(self) -> None:
        """Let go of everything: the client ends."""
        self._forwards.close()
        for listener in self._listeners.values():
            listener.close()
        if self._outer is not None:
            self._outer.close()
        if self.files is not None:
            self.files.close()
        self._workers.close(_LEAVING)

    def _run(self, exchange: Exchange, call: Callable[[Stop], Any], done: Callable[[Any], None]) -> None:
        """Make a call in a worker; call `done` in the loop with its result or error, unless the exchange is over."""
        self._end_worker(exchange)
        self._last_worker += 1
        _work(exchange).worker = self._last_worker
        self._workers.begin(self._last_worker, partial(_called, call, partial(self._finish, exchange, done)))

    @staticmethod
    def _finish(exchange: Exchange, done: Callable[[Any], None], result: object) -> None:
        _work(exchange).worker = None
        if not exchange.over:
            done(result)

    def _end_worker(self, exchange: Exchange) -> None:
        worker, _work(exchange).worker = _work(exchange).worker, None
        if worker in self._workers.running:
            self._workers.end(worker)

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
            is_sent = self.files is not None and self.files.takes(press)  # for the files alone, and for no program
            if self._consent.press(Press.KEY if is_sent else press, now, self._round_trip()):
                self._swallows_release = True
            elif press is Press.PASTE_KEY_RELEASE and self._swallows_release:
                self._swallows_release = False
            else:
                self._swallows_release = self._swallows_release or is_sent
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
            self._decide_open(exchange)
        elif exchange.wish is Wish.LISTEN:
            self._decide_listen(exchange)
        elif exchange.wish is Wish.WRITE:
            if self._consent.write() is Verdict.GIVE:
                self.exchanges.begin(exchange)
            else:
                exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs write no clipboard")
        else:
            if self.files is not None:
                self.files.note_read()
            self._decide_read(exchange)

    def _decide_listen(self, exchange: Exchange) -> None:
        port = exchange.ask.get("port", 0)
        if not self._is_remote and self._outer is None:
            exchange.refuse(Why.REFUSED, f"port {port} is on your own machine already: http://localhost:{port}")
        elif self._forwards.keeps(port) or (verdict := self._consent.open(time.monotonic())) is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            exchange.refuse(Why.CONSENT, "no key was pressed in this session for it: type it there")
        else:
            exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs open no page, and so no port")

    def forward(self, exchange: Exchange) -> None:
        """Carry connections to a port here to `ask["port"]` there, until the exchange ends."""
        port = self._forwards.begin(exchange) if self._is_remote else exchange.ask.get("port", 0)
        if port is None:
            return
        if self._outer is None:
            if self._says(f"forwards {port}", program := _program(exchange)):
                there = exchange.ask.get("port", 0)
                self._lines.show_notice(f"{program}{self._place}: its port {there} is at http://localhost:{port} here")
            self._forwards.tell(exchange, port)
        else:  # its person sits at another machine, from which this port is to be reached
            exchange.ask["port"] = port
            self._outer.ask(exchange)

    def _decide_read(self, exchange: Exchange) -> None:
        if self._outer is not None and self._consent.paste != "never":
            self.exchanges.begin(exchange)
            return
        verdict = self._consent.read(_program(exchange), time.monotonic())
        if self._clipboard is None and verdict is Verdict.LOOK:
            self._waiting[exchange.flow.number] = exchange
            self._judge(exchange, Found([], "", b"?"))  # what the terminal has is not known before the key
        elif verdict is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.LOOK:
            wanted = exchange.ask.get("type", "") if exchange.wish is Wish.READ else ""
            self._waiting[exchange.flow.number] = exchange
            known = self._consent.known(time.monotonic())
            self._run(exchange, partial(self._look, wanted, known), partial(self._judge, exchange))
        else:
            exchange.refuse(Why.CONSENT)

    def _look(self, wanted: str, known: Types, stop: Stop) -> Found:
        """Return what the clipboard has of a type, or of those that may be known."""
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
        now, program = time.monotonic(), _program(exchange)
        verdict = self._consent.read(program, now, Content.of(found.type, found.data))
        if verdict is Verdict.GIVE:
            _work(exchange).found = found
            self._waiting.pop(exchange.flow.number, None)
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            if self.files is not None:
                self.files.give_way()  # one line asks at a time
            what = f" ({_amount(found.type, len(found.data))})" if found.type else ""
            asks = f"{program}{self._place} asks for your clipboard"
            # The key is never cut off; with a long name of a program the line could read otherwise.
            lines = (
                f"{asks}{what}: Ctrl-V or Alt-V gives it",
                f"{asks}{what}: Ctrl-V gives it",
                f"{asks}: Ctrl-V gives it",
            )
            room = self._lines.line_columns
            line = next(
                (line for line in lines if safe.columns(line) <= room),
                f"Ctrl-V gives your clipboard to {program}{self._place}",
            )
            self._lines.ask_line(line, ASKED_TIME)

    def _decide_open(self, exchange: Exchange) -> None:
        program, now = _program(exchange), time.monotonic()
        try:
            address = addresses.parse(exchange.ask.get("url", ""), self._own_names)
        except Malformed as error:
            exchange.refuse(Why.REFUSED, f"the address is not opened: {error}")
            return
        if address.is_here and self._is_remote and not self._carried(exchange, address):
            self._refuse_here(exchange, address)
        elif self._outer is not None and self._consent.browse != "never" and not self._ports(exchange, address):
            self.exchanges.begin(exchange)  # else it is listened here, for which the key is to be one of this session
        elif (verdict := self._consent.open(now)) is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            self._link(program, address, "wants to open")
            exchange.refuse(Why.CONSENT, "no key was pressed here for it: the desktop shows the address as a link")
        else:
            exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs open no page")

    def _refuse_here(self, exchange: Exchange, address: addresses.Address) -> None:
        """Refuse an address that leads to this machine, to a port that is not carried."""
        self._link(_program(exchange), address, "leads to this machine")
        exchange.refuse(
            Why.REFUSED, "none of your programs listens on that port here, and the desktop's own pages are not opened"
        )

    def _link(self, program: str, address: addresses.Address, what: str) -> None:
        """Show an address as a link to click."""
        now = time.monotonic()
        is_in_the_way = self._consent.asking(now) or (self.files is not None and self.files.has_line(now))
        if not is_in_the_way and self._says(what, program):
            self._lines.ask_line(f"{program}{self._place} {what}: {address.opened}", LINE_TIME)

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
        self._last_worker += 1
        call = partial(tools.write, clipboard, TEXT, text)
        self._workers.begin(self._last_worker, partial(_called, lambda _: call(), partial(self._end_copy, clipboard)))

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
            self._run(exchange, partial(tools.list_types, clipboard), partial(self._tell_types, exchange))

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
            self._run(exchange, partial(_read, clipboard, mime), partial(self._give_found, exchange))

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
        work, program = _work(exchange), _program(exchange)
        if not self._consent.claim(Content.of(mime, data), work.decided_at, time.monotonic()):
            exchange.refuse(Why.CONSENT)  # another read has got what the key gave
            return
        if self._says("read", program):
            self._lines.show_notice(f"{program}{self._place} read your clipboard ({_amount(mime, len(data))})")
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
        if exchange.ended and work.worker is None:
            self._write(exchange, exchange.ask.get("type", "") or TEXT, bytes(work.written))

    def _write(self, exchange: Exchange, mime: str, data: bytes) -> None:
        clipboard, done = self._clipboard, partial(self._tell_written, exchange, Content.of(mime, data), len(data))
        if clipboard is not None:
            self._run(exchange, lambda _: tools.write(clipboard, mime, data), done)
        elif mime == TEXT and self._terminal.write_clipboard(data):
            done(None)
        else:
            exchange.refuse(Why.TOOLS, self._no_clipboard())

    def _tell_written(self, exchange: Exchange, content: Content, size: int, error: SeshError | None) -> None:
        if error is not None:
            exchange.refuse(Why.TOOLS, str(error))
            return
        self._consent.wrote(content)
        program = _program(exchange)
        if self._says("wrote", program):
            self._lines.show_notice(f"{program}{self._place} wrote your clipboard ({_amount(content.type, size)})")
        exchange.tell(type_=content.type)

    def open(self, exchange: Exchange) -> None:
        """Open `ask["url"]`; listen first on the ports that it names. Then tell."""
        address = addresses.parse(exchange.ask.get("url", ""), self._own_names)
        if self._is_remote and not address.is_here:
            done = partial(self._open_found, exchange, address)
            self._run(exchange, lambda _: addresses.leads_here(address.host), done)
        else:
            self._open(exchange, address)

    def _open_found(self, exchange: Exchange, address: addresses.Address, leads_here: bool) -> None:
        """Open an address whose name was looked up: a name that leads to this machine is one of its loopback."""
        if leads_here:
            address = addresses.parse(exchange.ask.get("url", ""), (*self._own_names, address.host))
        if leads_here and not self._carried(exchange, address):
            self._refuse_here(exchange, address)
        else:
            self._open(exchange, address)

    def _open(self, exchange: Exchange, address: addresses.Address) -> None:
        browser = self._browser
        taken = next((each.port for each in self._ports(exchange, address) if not self._listen(exchange, each)), None)
        if taken is not None:
            self._stop_listening(exchange)
            self._run(exchange, lambda _: ports.holder(taken), partial(self._tell_taken, exchange, taken))
            return
        if self._outer is not None:
            self._opening.append(exchange)
            self._outer.ask(exchange)
        elif browser is None:
            self._tell_link(exchange, address, "the desktop has no browser")
        else:
            opened = partial(self._tell_opened, exchange, address)
            self._run(exchange, lambda _: tools.open_page(browser, address.opened), opened)

    def _tell_link(self, exchange: Exchange, address: addresses.Address, why: str) -> None:
        """Show an address that no program here opens as a link; behind a plain ssh with the way for a login."""
        program = _program(exchange)
        ways = [f"-L {each.port}:localhost:{each.port}" for each in self._carried(exchange, address)]
        if not ways or not self._environment.get("SSH_CONNECTION"):
            self._link(program, address, "wants to open")
            exchange.refuse(Why.TOOLS, f"{why}: it shows the address as a link")
            return
        then = f"run `ssh {' '.join(ways)} {os.uname().nodename}` where you sit, then open"
        self._lines.ask_line(f"{program}: {then} {address.opened}", SSH_LINE_TIME)
        exchange.refuse(Why.TOOLS, f"{why}, and it is reached by plain ssh: {then} the address")

    def _tell_taken(self, exchange: Exchange, port: int, holder: str) -> None:
        """Tell who has a port: what comes back to it must not go to another program."""
        holder = safe.cut(safe.plain(holder), _MAX_PROGRAM)
        self._lines.ask_line(f"page not opened: port {port} is taken here by {holder}; end it, try again", LINE_TIME)
        exchange.refuse(Why.TAKEN, f"port {port} is taken on the desktop by {holder}: end it, then try again")

    def _tell_opened(self, exchange: Exchange, address: addresses.Address, error: SeshError | None) -> None:
        if error is not None:
            self._tell_link(exchange, address, str(error))
            return
        program = _program(exchange)
        if self._says("opened", program):
            self._lines.show_notice(f"{program}{self._place} opened {address.opened}")
        exchange.tell()

    # -- logins that come home

    @staticmethod
    def _carried(exchange: Exchange, address: addresses.Address) -> Ports:
        """Return the ports to carry; without an address's own one, which cannot be carried, none."""
        there = exchange.ask.get("ports")
        carried = [each for each in address.ports if there is None or each.port in there]
        return carried if not address.is_here or any(each.own for each in carried) else []

    def _ports(self, exchange: Exchange, address: addresses.Address) -> Ports:
        """Return the ports on which to listen here for an address."""
        return self._carried(exchange, address) if self._is_remote else []

    def _listen(self, exchange: Exchange, port: addresses.Loopback) -> bool:
        listener = self._listeners.get(port.port)
        if listener is not None and listener.sockets and listener.tls == port.tls:
            listener.again(time.monotonic())
            return True
        if len(self._listeners) >= _MAX_LISTENERS:
            self._drop_listener(next(iter(self._listeners)))
        listens = self.listen(port.port, tls=port.tls, own=port.own)
        if listens:
            _work(exchange).ports.append(port.port)
        return listens

    def _stop_listening(self, exchange: Exchange) -> None:
        """Listen no more on what was begun for a page that has not opened."""
        for port in _work(exchange).ports:
            if port in self._listeners:
                self._drop_listener(port)

    def _drop_listener(self, port: int) -> None:
        listener = self._listeners.pop(port)
        listener.close()
        if listener.watch is not None:
            listener.watch.refuse(Why.GONE)  # else the daemon looks at the port for as long as it is open there

    def _follow_opening(self) -> None:
        """Listen no more for pages that the outer session's desktop has not opened."""
        for exchange in [each for each in self._opening if each.over]:
            self._opening.remove(exchange)
            if not exchange.fulfilled:
                self._stop_listening(exchange)

    def take_logins(self) -> dict[int, LoginListener]:
        """Let go of what listens for logins, by port; return it, for another session of the same machine."""
        logins, self._listeners = self._listeners, {}
        return logins

    def resume_logins(self, logins: dict[int, LoginListener]) -> None:
        """Go on with what listens for logins: the daemon of each session of a machine can connect to its ports."""
        self._listeners.update(logins)

    def listen(self, port: int, *, tls: bool = False, own: bool = False) -> bool:
        """Listen on this machine's loopback; False if the port is taken."""
        if (old := self._listeners.get(port)) is not None:
            if old.sockets:
                return False
            self._drop_listener(port)  # of a login that is over, whose browser keeps a connection
        try:
            listener = LoginListener(port, time.monotonic(), tls=tls, own=own)
        except OSError:
            return False
        if not own:
            listener.watch = self.exchanges.watch_port(port)
        self._listeners[port] = listener
        return True

    # -- news

    def moved(self, exchange: Exchange) -> None:
        """Handle news of an exchange that has begun: bytes have come or ended, there is room, or it is over."""
        now = time.monotonic()
        if exchange.wish in (Wish.FIND, Wish.PUT):
            if self.files is not None:
                self.files.moved(exchange)
        elif exchange.wish in (Wish.STREAM, Wish.PORT):
            any(each.moved(exchange, now, self.exchanges.stream) for each in self._listeners.values())
            self._forwards.moved(exchange, now, self.exchanges.stream_to_any)
        elif exchange.wish is Wish.LISTEN and exchange.over:
            self._forwards.ended(exchange, now)
            if self._outer is not None:
                self._outer.moved(exchange)
        elif exchange.wish is Wish.SHIMS:
            if line := exchange.answer.get("words", ""):
                self._lines.show_notice(line)
        elif self._outer is not None:
            self._outer.moved(exchange)
        elif exchange.over:
            self._drop(exchange)
        elif exchange.wish is Wish.WRITE:
            self._take(exchange)
        elif exchange.wish is Wish.READ and _work(exchange).worker is None:
            self._give_more(exchange)

    def _drop(self, exchange: Exchange) -> None:
        """Let go of an exchange that the other side has ended."""
        self._waiting.pop(exchange.flow.number, None)
        self._end_worker(exchange)
        if not self._waiting and exchange.state is State.GONE and self._consent.ask is not None:
            self._consent.ask = None
            self._lines.ask_line("")

    # -- words

    def _no_clipboard(self) -> str:
        return f"the desktop has no clipboard: {tools.missing(self._environment)}"

    def _says(self, kind: str, program: str) -> bool:
        """Return whether to show a line of this kind: at most once a minute for each program."""
        now = time.monotonic()
        self._said = {each: at for each, at in self._said.items() if now < at + SAID_EVERY}
        if (kind, program) in self._said or len(self._said) >= _MAX_SAID:
            return False
        self._said[kind, program] = now
        return True


def own_names() -> frozenset[str]:
    """Return the names of this machine's loopback besides localhost: its own, and those in /etc/hosts.

    On Debian, the machine's whole name is one of 127.0.1.1.
    """
    hosts = platforms.content("/etc/hosts", _MAX_HOSTS).decode("ascii", "ignore")
    lines = (line.partition("#")[0].split() for line in hosts.splitlines())
    found = (words[1:] for words in lines if words and words[0].startswith(("127.", "::1")))
    return frozenset((os.uname().nodename, *chain.from_iterable(found)))


def _read(clipboard: tools.Clipboard, mime: str, stop: Stop) -> Found:
    """Return what the clipboard has of a type; if nothing, with the types that it has: that saves a round trip."""
    data = tools.read(clipboard, mime, stop)
    return Found([] if data else tools.list_types(clipboard, stop), mime, data)


def _called(
    call: Callable[[Stop], object], finish: Callable[[object], None], stop: Stop
) -> Iterator[Callable[[], None]]:
    """Make a call in a worker; yield what passes its result or error on in the loop."""
    try:
        result = call(stop)
    except SeshError as error:
        result = error
    yield partial(finish, result)


def _work(exchange: Exchange) -> Work:
    assert isinstance(exchange.data, Work)  # noqa: S101 (`decide` has made it)
    return exchange.data


def _program(exchange: Exchange) -> str:
    """Return what to call the program that asks."""
    name = safe.plain(exchange.ask.get("program", "")).strip()
    return safe.cut(name, _MAX_PROGRAM) or "a program"


def _amount(mime: str, size: int) -> str:
    """Return kind and size of content: `text, 1 KB`."""
    kind = "text" if mime.startswith("text/") else "picture" if mime.startswith("image/") else mime
    return f"{kind}, {describe.amount(size)}"
