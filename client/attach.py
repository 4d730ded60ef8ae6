"""Attaching: take over the terminal, run the loop of the attachment, restore the terminal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sesh.client.attachment import Attachment
from sesh.client.attachment_end import AttachmentEnd, EndKind
from sesh.client.channel import MAX_UNFRAMED_INPUT
from sesh.client.display import MAX_PENDING, Display
from sesh.client.keys import FLUSH_DELAY, KeyParser
from sesh.client.options import AttachOptions
from sesh.client.seen_positions import SeenPositions
from sesh.client.terminal import EXIT_SIGNALS, RawTerminal
from sesh.errors import SIGNAL_BASE
from sesh.loop.poll import READ, WRITE, Poll
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import Hello

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

_DRAIN_TIMEOUT = 10.0
"""Seconds to wait for a terminal that accepts no output. After that the rest is dropped, and counts as not given."""
_DRAIN_TIMEOUT_AFTER_DETACH = 0.2  # takes the place of `_DRAIN_TIMEOUT` if the session goes on


def attach(
    connection: Connection, keeper: LinkKeeper | None, name: str, *, host: str | None, options: AttachOptions
) -> AttachmentEnd:
    """Attach the terminal on descriptors 0 and 1 to a session; print the closing line.

    `connection`: a new one, over which at most `first_hello` was sent; the client closes it. `keeper`: of the link to
    `host`. Raises Refused without a terminal, Unreachable without a WELCOME, ProtocolError, OSError if no descriptor is
    left, and the error with which the daemon refuses HELLO.
    """
    # A second Ctrl-\ while the client leaves must not kill it.
    interrupts = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    with connection, RawTerminal() as terminal:
        end = _run(Attachment(Display(terminal), connection, keeper, name, host, options))
    if end.kind is EndKind.SWITCH:
        signal.signal(signal.SIGQUIT, interrupts)  # while the next session is connected to
    return end


def first_hello(host: str, options: AttachOptions) -> Hello:
    """Return this terminal's HELLO, to send in one write with a request to `host`."""
    terminal = RawTerminal()
    seen = SeenPositions(terminal.path()).told(host)
    return options.hello(terminal, host, {"client": os.urandom(8).hex(), **seen})


def _run(attachment: Attachment) -> AttachmentEnd:
    """Run the loop until the attachment ends; reset the terminal even after an error."""
    keys = KeyParser(attachment.options.detach_key)
    poll = Poll()
    line = ""
    try:
        attachment.handle_frames()
        while (end := attachment.end) is None:
            _run_once(attachment, keys, poll)
        attachment.view.finish()
        is_over = end.kind in (EndKind.ENDED, EndKind.LOST)
        attachment.display.drain(_DRAIN_TIMEOUT if is_over else _DRAIN_TIMEOUT_AFTER_DETACH)
        line = _closing_line(attachment, end)
    finally:
        attachment.display.leave(line, attachment.last_message)
        attachment.close()
    return end


def _closing_line(attachment: Attachment, end: AttachmentEnd) -> str:
    keeper, message = attachment.keeper, attachment.last_message
    confirmed = keeper is None or (keeper.up and (not attachment.channel.leaving or message != {}))
    arrived = confirmed or attachment.channel.input.arrived
    end.complete(attachment.options, message, was_attached=attachment.session_id != "", arrived=arrived)
    return end.line


def _run_once(attachment: Attachment, keys: KeyParser, poll: Poll) -> None:
    display, channel = attachment.display, attachment.channel
    terminal = display.terminal
    pending = attachment.view.pending
    every = protocol.GOT_HERE if attachment.keeper is None else protocol.GOT_OVER_LINK
    channel.acknowledge_output(pending, every, attachment.view.held_back_from)
    ready = _wait(attachment, poll, pending)
    has_keys = terminal.inbound in ready
    if (has_keys or terminal.signals in ready) and (signals := terminal.take_signals()):
        _handle_signals(attachment, signals)  # first: the daemon must get a new size before later keys
    if has_keys and attachment.end is None:
        _read_keys(attachment, keys)
    if attachment.end is not None:
        return
    if display.queue.waiting:
        display.flush()
        attachment.view.show_frame()
    if channel.unwritten:
        channel.send()
    if channel.connection is not None and channel.connection.inbound in ready:
        attachment.receive()
    attachment.timers.run()
    if attachment.keeper is not None:
        attachment.run_keeper(ready)
    if attachment.exchanges is not None:
        attachment.exchanges.run(ready, time.monotonic())


def _wait(attachment: Attachment, poll: Poll, pending: int) -> Mapping[int, int]:
    """Wait until a descriptor is ready or a timer is due; return the ready descriptors.

    `pending`: bytes that wait for the terminal.
    """
    terminal, channel = attachment.display.terminal, attachment.channel
    watched = {terminal.signals: READ}  # a descriptor polled for no event would still report its hangup
    deadline = attachment.timers.due
    if attachment.keeper is not None and (keeper := attachment.running_keeper) is not None:
        deadline = min(deadline, keeper.due)
        watched |= dict.fromkeys(keeper.descriptors, READ)
    if (exchanges := attachment.exchanges) is not None and exchanges.busy:
        deadline = min(deadline, exchanges.due)
        watched |= exchanges.desktop.watched()
    if channel.connection is None or len(channel.input.unframed) < MAX_UNFRAMED_INPUT:
        watched[terminal.inbound] = READ
    if pending:
        watched[terminal.outbound] = WRITE
    if (connection := channel.connection) is not None:
        if pending < MAX_PENDING:
            watched[connection.inbound] = READ
        if channel.unwritten:  # `inbound` and `outbound` of a socket are the same
            watched[connection.outbound] = watched.get(connection.outbound, 0) | WRITE
    poll.watch_only(watched)
    return poll.wait(deadline)


def _read_keys(attachment: Attachment, keys: KeyParser) -> None:
    data = attachment.display.terminal.read()
    if data:
        before = attachment.display.terminal_reset.before
        now = time.monotonic()
        attachment.handle_input(keys.feed(before.take(data, now), now))
        if keys.holding or before.holding:
            attachment.timers.set(_flush_keys, FLUSH_DELAY, attachment, keys)
    elif data is not None:  # else another process has read the input
        attachment.finish()


def _flush_keys(attachment: Attachment, keys: KeyParser) -> None:
    data, detach = keys.feed(attachment.display.terminal_reset.before.flush())
    if not detach:
        rest, detach = keys.flush()
        data += rest
    attachment.handle_input((data, detach))


def _handle_signals(attachment: Attachment, signals: set[int]) -> None:
    if ending := signals.intersection(EXIT_SIGNALS):
        attachment.finish(EndKind.SIGNAL, SIGNAL_BASE + ending.pop())
    elif signal.SIGTSTP in signals:
        attachment.release_input()
        attachment.view.suspend()
        attachment.display.terminal.suspend()
        attachment.redisplay()
    elif signal.SIGCONT in signals:
        attachment.display.terminal.raw()
        attachment.redisplay()
    elif signal.SIGWINCH in signals:
        attachment.view.resize()
