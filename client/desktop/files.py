"""Files of this machine for the session's: dropped on the terminal, or a picture that was pasted.

`drops` holds the input, this looks whether the files are here and not over there, and asks by a line, and `uploads`
sends them. Files are looked at in workers: a disk in the network that does not answer stops no key.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import inf
from typing import Optional

from sesh.client.desktop.consent import Consent, delay_of
from sesh.client.desktop.drops import ASK_TIME, Drops, DropState
from sesh.client.desktop.exchanges import Exchange, Exchanges
from sesh.client.desktop.lines import Lines
from sesh.client.desktop.presses import Press
from sesh.client.desktop.runs import Runs
from sesh.client.desktop.uploads import File, Uploads
from sesh.desktop import dropped, targets, tools
from sesh.desktop.targets import FILES, PICTURES
from sesh.errors import SeshError
from sesh.system import paths
from sesh.system.protected import Protected
from sesh.system.workers import Stop
from sesh.text import describe, safe
from sesh.text.keys import Key, pressed
from sesh.wire.messages import Why
from sesh.wire.pieces import MAX_FILE

HERE_TIME = 0.3  # seconds to find the files here
THERE_TIME = 1.5  # seconds, and two round trips, to hear whether they are there
PICTURE_AFTER = 1.0  # seconds, and two round trips, after an empty paste: a program that wants the picture has read it
LINE_TIME = 10.0  # seconds that a line about an upload stays
_AGAIN = 0.5  # seconds after which a line that was in another's way is tried again
_LEAST_NAME = 12  # columns of a file's name in a line, even if there is no room for the rest
_ESCAPE = Key.parse("Escape")

Done = Callable[[], None]


@dataclass(eq=False)
class Look:
    """A look for the files of the paste with a `number`; of the clipboard without one. `due`: when it is given up."""

    number: Optional[int]
    due: float
    worker: int = 0
    files: list[File] = field(default_factory=list)
    exchange: Optional[Exchange] = None  # with the session's machine, once they are here


class PersonFiles:
    """The files of one attachment's person.

    `pass_on`: sends input that was held. `clipboard`: of this machine, if its picture may be sent.
    """

    def __init__(
        self,
        lines: Lines,
        consent: Consent,
        exchanges: Exchanges,
        host: str,
        pass_on: Callable[[bytes], None],
        *,
        round_trip: Callable[[], float] = lambda: 0.0,
        clipboard: tools.Clipboard | None = None,
    ) -> None:
        self._lines, self._consent, self._exchanges, self._place = lines, consent, exchanges, f"@{host}"
        self._pass_on, self._round_trip, self._clipboard = pass_on, round_trip, clipboard
        self._runs = Runs()
        self._drops = Drops[File](self._look, self._ask, self._send)
        self._uploads = Uploads(host, self, self._put, self._runs.begin, self._runs.end)
        self._looks: list[Look] = []
        self._picture_at = inf  # when to look for a picture
        self._picture_worker = 0
        self._asks_line = False  # the line that shows is one that asks
        self._line_until = -inf
        self._end_line, self._end_line_at = "", inf  # a line about uploads that is to be shown, and when

    # -- the loop

    @property
    def busy(self) -> bool:
        """True if there is something to wait for."""
        return self._runs.busy or self.due < inf

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        own = (self._drops.due, self._uploads.due, self._picture_at, self._end_line_at)
        return min([*own, *(look.due for look in self._looks)])

    def watched(self) -> Mapping[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        return {self._runs.inbound: int(select.POLLIN)}

    def act(self, ready: Collection[int], now: float) -> None:
        """Go on with what has become ready or due."""
        if self._runs.inbound in ready:
            self._runs.act()
        self._pass(self._drops.act(now))
        for look in [each for each in self._looks if each.due <= now]:
            self._give_up(look)
        if self._picture_at <= now:
            self._look_at_clipboard()
        self._uploads.act(now)
        if self._end_line_at <= now:
            self._show_end_line(now)

    def close(self) -> None:
        """Let go of everything: the client ends."""
        self._runs.close(0.0)  # one may hang in a file system that does not answer

    # -- input

    def takes(self, press: Press) -> bool:
        """Return whether a key is the answer to the line."""
        return press is Press.PASTE_KEY and self._drops.state is DropState.ASKING

    def keys(self, part: bytes, press: Press, now: float) -> bytes:
        """Take a part of the input; return what is for the program."""
        if self._uploads.shows_progress and self._may_show(now) and press is Press.KEY and pressed(part, _ESCAPE):
            self._uploads.cancel()
            return b""
        if press.is_key:
            self._stop_looking_at_clipboard()
        passed = self._drops.take(part, press, now)
        if press.is_key and passed:
            self._uploads.note_typed()
        if press is Press.EMPTY_PASTE and self._clipboard is not None:
            self._picture_at = now + PICTURE_AFTER + delay_of(self._round_trip())
        self._follow()
        return passed

    def release(self) -> None:
        """Pass on what is held: the link is lost, or the client leaves or stops."""
        self._stop_looking_at_clipboard()
        self._pass(self._drops.release())

    def give_way(self) -> None:
        """Pass on what is held, and leave the line to another that asks."""
        self.release()
        self._line_until = -inf

    def _pass(self, data: bytes) -> None:
        if data:
            self._uploads.note_typed()
            self._pass_on(data)
        self._follow()

    def _follow(self) -> None:
        """Take the line away that asks no more, and end the looks for pastes that have passed."""
        if self._asks_line and not self._drops.asks:
            self._asks_line = False
            self._clear_line()
        for look in [each for each in self._looks if each.number is not None and not self._drops.holds(each.number)]:
            self._drop(look)

    # -- looks

    def _look(self, number: int, readings: list[dropped.Paths]) -> None:
        """Look for the files of a paste."""
        look = Look(number, time.monotonic() + HERE_TIME)
        self._looks.append(look)
        look.worker = self._runs.begin(partial(_look_here, readings, partial(self._found_here, look)))

    def _found_here(self, look: Look, files: list[File]) -> None:
        """Ask the session's machine whether it has files that are here."""
        if look not in self._looks:
            return
        if files:
            look.files = files
            look.due = time.monotonic() + THERE_TIME + delay_of(self._round_trip())
            look.exchange = self._exchanges.find([file.path for file in files])
        if look.exchange is None or look.exchange.over:
            self._give_up(look)

    def _found_missing(self, look: Look) -> None:
        """Ask the person for files that are here, and not there."""
        large = [file for file in look.files if file.size > MAX_FILE]
        if large or self._consent.asking(time.monotonic()):
            self._give_up(look)
            if large:
                rest = f" is here, not on {self._place}: more than the {MAX_FILE >> 20} MiB that can be sent"
                self._lines.show_notice(self._fitted(large[0], rest))
            return
        self._looks.remove(look)
        if look.number is not None:
            self._drops.found(look.number, look.files, time.monotonic())
        else:
            self._drops.offer(look.files, time.monotonic())

    def _give_up(self, look: Look) -> None:
        """Have a paste passed that is no drop, or of which that is not known in time."""
        self._drop(look)
        if look.number is not None:
            self._pass(self._drops.missing(look.number))

    def _drop(self, look: Look) -> None:
        self._looks.remove(look)
        self._runs.end(look.worker)
        if look.exchange is not None:
            look.exchange.refuse(Why.GONE)

    def moved(self, exchange: Exchange) -> None:
        """Handle news of an exchange that was begun here."""
        self._uploads.moved(exchange)
        look = next((each for each in self._looks if each.exchange is exchange), None)
        if look is None or not exchange.over:
            return
        if exchange.answer.get("ok") and not exchange.answer.get("found"):
            self._found_missing(look)
        else:
            self._give_up(look)

    # -- a picture on the clipboard

    def note_read(self) -> None:
        """Note that a program asks for the clipboard: it takes a pasted picture itself."""
        self._stop_looking_at_clipboard()

    def _stop_looking_at_clipboard(self) -> None:
        self._picture_at = inf
        self._runs.end(self._picture_worker)
        for look in [each for each in self._looks if each.number is None]:
            self._drop(look)

    def _look_at_clipboard(self) -> None:
        self._picture_at = inf
        if self._clipboard is not None and self._drops.state is DropState.PASSING:
            work = partial(_look_at_clipboard, self._clipboard, self._found_on_clipboard)
            self._picture_worker = self._runs.begin(work)

    def _found_on_clipboard(self, found: list[File]) -> None:
        """Ask for a picture, or look over there for files whose address was copied."""
        if found and found[0].path:
            look = Look(None, inf)
            self._looks.append(look)
            self._found_here(look, found)
        elif found and not self._consent.asking(time.monotonic()):
            self._drops.offer(found, time.monotonic())

    # -- lines

    def has_line(self, now: float) -> bool:
        """Return whether a line of this shows, which no key takes away."""
        return now < self._line_until

    def _ask(self, files: list[File]) -> None:
        are, them = ("is", "it") if len(files) == 1 else ("are", "them")
        size = describe.amount(sum(file.size for file in files))
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        rest = f"{more} ({size}) {are} here, not on {self._place}: Ctrl-V or Alt-V sends {them}"
        self._asks_line = True
        self._show(self._fitted(files[0], rest), ASK_TIME)

    def _send(self, files: list[File]) -> None:
        self._uploads.add(files)

    def _put(self, name: str, size: int, pastes: bool) -> Exchange:
        return self._exchanges.put(name, size, pastes=pastes)

    def _show(self, text: str, seconds: float) -> None:
        self._line_until = time.monotonic() + seconds
        self._lines.ask_line(text, seconds)

    def _clear_line(self) -> None:
        self._line_until = -inf
        self._lines.ask_line("")

    def _may_show(self, now: float) -> bool:
        """Return whether no line asks the person for something."""
        return not (self._drops.asks or self._consent.asking(now))

    def _fitted(self, file: File, rest: str) -> str:
        """Return a line that begins with a file's name, cut so that the rest has room; its suffix stays."""
        room = self._lines.line_columns - safe.columns(rest)
        return safe.cut(safe.plain(file.name), max(_LEAST_NAME, room), keeps_end=True) + rest

    def show_progress(self, file: File, rest: str) -> None:
        """Show a line about a file until another comes."""
        if self._may_show(time.monotonic()):
            self._show(self._fitted(file, rest), LINE_TIME)

    def end_progress(self) -> None:
        """Take the line away."""
        if self._may_show(time.monotonic()):
            self._clear_line()

    def show_end(self, file: File, rest: str) -> None:
        """Show a line about a file for a while, once nothing is in its way."""
        self._end_line, self._end_line_at = self._fitted(file, rest), 0.0

    def _show_end_line(self, now: float) -> None:
        if self._may_show(now) and self._exchanges.is_connected:
            self._show(self._end_line, LINE_TIME)
            self._end_line_at = inf
        else:
            self._end_line_at = now + _AGAIN


# -- in workers


def _look_here(readings: list[dropped.Paths], found: Callable[[list[File]], None], _: Stop) -> Iterator[Done]:
    """Yield what passes on the files of the first reading whose files are all here; none if there is no such."""
    files = (_files(each) for each in readings)
    yield partial(found, next(filter(None, files), []))


def _files(named: dropped.Paths) -> list[File]:
    """Return the files of paths; none if one of them is no file that may be sent."""
    found: list[File] = []
    for path in named:
        with suppress(OSError, ValueError):  # it is not there, or no file system has such a path
            real = os.path.realpath(path)
            status = os.stat(real)
            protected = _protected(paths.home())
            is_protected = protected.has(os.path.abspath(path)) or protected.has(real)
            if stat.S_ISREG(status.st_mode) and os.access(real, os.R_OK) and not is_protected:
                found.append(File(os.path.basename(path), status.st_size, path))
    return found if len(found) == len(named) else []


@lru_cache(maxsize=1)
def _protected(home: str) -> Protected:
    return Protected(home)


def _look_at_clipboard(clipboard: tools.Clipboard, found: Callable[[list[File]], None], stop: Stop) -> Iterator[Done]:
    """Yield what passes on the files whose address the clipboard has, else its picture; none without either."""
    try:
        yield partial(found, _on_clipboard(clipboard, stop))
    except SeshError:
        return


def _on_clipboard(clipboard: tools.Clipboard, stop: Stop) -> list[File]:
    types = tools.list_types(clipboard, stop)
    if FILES in types:
        for named in dropped.readings(tools.read(clipboard, FILES, stop)):
            if files := _files(named):
                return files
    for mime in PICTURES:
        if mime in types and (data := tools.read(clipboard, mime, stop)):
            return [File(f"picture.{targets.suffix(mime)}", len(data), data=data)]
    return []
