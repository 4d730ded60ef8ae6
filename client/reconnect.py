"""The link of an attachment to another host: watched, and replaced by another while the user may still leave.

A host that lets nobody in without a person is logged in to in place.
"""

from __future__ import annotations

import select
import time

from sesh import wire
from sesh.client.outcome import Outcome
from sesh.client.terminal import EXIT_SIGNALS
from sesh.errors import Ended, Late, LoginRefused, NotFound, SeshError, TimedOut, Unreachable
from sesh.lean import signal
from sesh.recovery.monitor import Monitor
from sesh.recovery.state import Recovery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from sesh.client.attachment import Attachment
    from sesh.recovery.attempts import Attempt, LostSession, Result

    Reconnect = Callable[[LostSession, Attempt], wire.Connection]
    """One attempt at a new connection to a session; it may block. Raises Ended if the session has ended."""

_TELL_AFTER = 1.0
"""Seconds for which a link has to be doubted before it is told: one that is back sooner costs not even a redraw."""
_ENTER = b"\r", b"\n"


class LinkWatch:
    """The watch over the link: it is told what comes and goes, and has another connection when the link is dead."""

    def __init__(self, attachment: Attachment, reconnect: Reconnect) -> None:
        self._attachment, self._display, self._reconnect = attachment, attachment.display, reconnect
        self._recovery = Recovery(time.monotonic())
        self._monitor = Monitor(self._recovery, self._attempt, self._ask)
        self.replacement: Result | None = None
        """The connection that is to take the place of the link, or the error after which there is none."""
        self.logged_in = False
        """True if the person was asked to log in on the terminal, which then shows nothing of the session."""
        self._tell_at, self._told = 0.0, ""
        """When to tell that the link does not answer, 0 while it does; the line that stands."""

    # -- while the link may live

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Descriptors to wait for."""
        return self._monitor.descriptors

    @property
    def lost(self) -> bool:
        """True if the link counts as lost."""
        return self._recovery.lost

    def wait_time(self, left: float | None) -> float | None:
        """Seconds to wait until `run` is due, `left` at most."""
        if not self._in_use:
            return left
        due = max(0.0, self._due() - time.monotonic())
        return due if left is None else min(left, due)

    def is_due(self, ready: Container[int]) -> bool:
        """Return whether `run` has something to do."""
        due = time.monotonic() >= self._due() or any(descriptor in ready for descriptor in self.descriptors)
        return due and self._in_use

    def run(self, ready: Container[int]) -> None:
        """Do what is to be done now; see `replacement` and `lost`."""
        self._monitor.watch()
        self._recovery.round_trip = self._attachment.round_trip.smoothed
        self.replacement = self.replacement or self._monitor.run(ready)
        now = time.monotonic()
        if not self._recovery.doubted:
            self._tell_at = 0.0
        elif not self._tell_at:
            self._tell_at = now + _TELL_AFTER
        elif now >= self._tell_at and (self.lost or not self._display.unfinished()):
            self._tell()

    def heard(self) -> None:
        """Bytes came over the link."""
        self._recovery.heard(time.monotonic())
        if self._told:
            self._told, row_lost = "", self._display.row_lost
            self._display.uncover()
            if row_lost:
                self._attachment.ask_for_screen()

    def answered(self) -> None:
        """The newest question was answered."""
        self._recovery.answered()

    def changed(self) -> None:
        """This process was stopped and goes on."""
        self._recovery.changed(time.monotonic())

    def typed(self, keys: bytes) -> None:
        """A key was typed."""
        now = time.monotonic()
        self._recovery.typed(now)
        if self._recovery.doubted and keys.endswith(_ENTER):
            self._recovery.wished(now)

    def restored(self) -> None:
        """Watch the connection that has taken the place of the link."""
        self._monitor.restored()
        self.replacement, self.logged_in, self._tell_at, self._told = None, False, 0.0, ""

    def close(self) -> None:
        """Watch nothing any more."""
        self._monitor.close()

    @property
    def _in_use(self) -> bool:
        """False before the first answer over a link, and once its end was read."""
        return self._attachment.session_id != "" and self._attachment.channel.reading

    def _ask(self) -> None:
        self._attachment.channel.ask()

    def _due(self) -> float:
        due = self._recovery.due
        return min(due, self._tell_at) if self._tell_at and not self._told else due

    def _tell(self) -> None:
        """Lay a line over the last row: since when there is no link, why, and which keys work."""
        attachment, reason = self._attachment, self._recovery.reason
        at = time.localtime(time.time() - time.monotonic() + self._recovery.heard_at)
        since = f"{attachment.host} since {time.strftime('%H:%M:%S', at)}"
        state = f"no link to {since} ({reason})" if reason not in ("", Late.reason) else f"no answer from {since}"
        dropping = "; input is dropped" if attachment.input.dropping else ""
        text = f"{state}{dropping}; Enter tries now, {self._leaves()}"
        if text != self._told or not self._display.covered:
            attachment.overlays.take_back()
            self._display.notice(text)
            self._told = text

    def _leaves(self) -> str:
        key = self._attachment.options.detach_key
        return f"{key.name if key is not None else 'Ctrl-C'} leaves"

    def _attempt(self, attempt: Attempt) -> wire.Connection:
        from sesh.recovery.attempts import LostSession

        attachment = self._attachment
        name, host, session_id = attachment.name, attachment.host or "", attachment.session_id
        lost = LostSession(name, host, session_id, attachment.position, self._recovery.heard_at)
        return self._reconnect(lost, attempt)

    # -- once it is lost

    def replaced(self) -> Outcome | wire.Connection:
        """Wait for the new connection; return the outcome of the attachment if there is none."""
        attachment = self._attachment
        attachment.go_offline()
        if self.replacement is None:
            self._recovery.closed(time.monotonic())
            outcome = self._wait()
            if outcome is not None:
                return outcome
        result: Outcome | Result | None = self.replacement
        if isinstance(result, LoginRefused):
            result = self._log_in(result)
        if isinstance(result, (Outcome, wire.Connection)):
            return result
        if isinstance(result, Ended):
            end = result.result
            code, number, reason = end.get("exit_code"), end.get("signal"), end.get("reason")
            return Outcome.ended(attachment.name, attachment.host, code, number, reason)
        if not isinstance(result, SeshError):
            assert result is not None  # noqa: S101 (`_wait` waits for it)
            raise result  # a fault of our own, which is not to be lost in a thread
        outcome = attachment.outcome("lost")
        if isinstance(result, NotFound):
            outcome.said = result.line(attachment.host)
        else:
            attachment.closing_lines.append(str(result))
        return outcome

    def _wait(self) -> Outcome | None:
        """Wait for the replacement; return the outcome if the person leaves before."""
        attachment, terminal = self._attachment, self._attachment.terminal

        def hold(keys: bytes) -> None:
            attachment.hold(keys)
            self.typed(keys)

        while self.replacement is None:
            descriptors = (terminal.inbound, terminal.signals, *self.descriptors)
            ready = wire.polled([(descriptor, select.POLLIN) for descriptor in descriptors], self._due())
            outcome = attachment.serve_offline(ready, hold)
            if outcome is not None:
                return outcome
            self.run(ready)
        return None

    # -- a login that the person at the terminal is asked for

    def _log_in(self, reason: SeshError | OSError) -> Outcome | wire.Connection | SeshError:
        """Return the connection, the outcome if the person leaves instead, or the error that no login helps against.

        Nothing is tried before Enter, and no input is kept. The terminal shows the session no longer, and makes room
        for its SCREEN if there is a connection.
        """
        attachment, display = self._attachment, self._display
        self.logged_in = True
        display.suspend()
        display.line(f"lost the link to @{attachment.host}; {attachment.name} keeps running")
        if attachment.input.drop():
            display.line("what was typed since then was dropped")
        while True:
            outcome = self._wait_for_enter(reason)
            if outcome is not None:
                return outcome
            try:
                connection = self._attempt_on_terminal()
            except KeyboardInterrupt as interrupt:  # the keys that leave and give up make signals here
                number = interrupt.args[0]
                kind = {signal.SIGQUIT: "detached", signal.SIGINT: "lost"}.get(number, "signal")
                return attachment.outcome(kind, number=number)
            except (Unreachable, TimedOut, OSError) as error:
                reason = error
            except SeshError as error:
                return error
            else:
                display.resume()
                return connection

    def _wait_for_enter(self, reason: SeshError | OSError) -> Outcome | None:
        """Say why there is no connection, and wait until Enter is pressed; return the outcome if the person leaves."""
        terminal, display = self._attachment.terminal, self._display
        watched = [(terminal.inbound, select.POLLIN), (terminal.signals, select.POLLIN)]
        typed: list[bytes] = []
        self._say(reason)
        while not any(enter in keys for enter in _ENTER for keys in typed):
            typed.clear()
            outcome = self._attachment.serve_offline(wire.polled(watched, None), typed.append)
            if outcome is not None:
                return outcome
            if display.started:  # stopped and continued, it has made room for the session
                display.suspend()
                self._say(reason)
        return None

    def _say(self, reason: SeshError | OSError) -> None:
        host, leaves = self._attachment.host, self._leaves()
        if isinstance(reason, LoginRefused) and reason.asks:
            self._display.line(f"{host} asks for a password or a second factor: Enter logs in, {leaves}")
        else:
            self._display.line(str(reason))
            self._display.line(f"Enter tries again, {leaves}")

    def _attempt_on_terminal(self) -> wire.Connection:
        """Make an attempt with the terminal as it was before it was raw; drop input beside ssh's prompt.

        Raises KeyboardInterrupt, with its number, at a signal that ends the client.
        """
        from sesh.recovery.attempts import Attempt

        terminal = self._attachment.terminal
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTSTP, *EXIT_SIGNALS)}
        try:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            for number in EXIT_SIGNALS:
                signal.signal(number, _interrupt)
            terminal.cooked()
            return self._attempt(Attempt(lost=True, asks=True))
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            terminal.raw(flush=True)
            terminal.take_signals()


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)
