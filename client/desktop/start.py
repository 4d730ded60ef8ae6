"""Makes this machine the desktop of the person who is attached."""

from __future__ import annotations

import os

from sesh.client.channel import MAX_UNFRAMED_INPUT, Channel
from sesh.client.desktop.consent import Consent
from sesh.client.desktop.desktop import PersonDesktop
from sesh.client.desktop.exchanges import Exchanges
from sesh.client.desktop.files import PersonFiles
from sesh.client.desktop.outer import Outer
from sesh.client.desktop.queries import QueryKeeper
from sesh.client.view import TerminalView
from sesh.config.config import DesktopSettings
from sesh.desktop import tools

_MAX_REPLIES = MAX_UNFRAMED_INPUT * 3 // 4  # bytes of input with a reply; beyond all of it no detach key is read


def exchanges_of(channel: Channel, view: TerminalView, host: str | None, settings: DesktopSettings) -> Exchanges:
    """Return the exchanges of an attachment. `host`: None on this machine; `settings`: for its programs."""

    def reply(data: bytes) -> bool:
        has_room = len(channel.input.unframed) + len(data) <= _MAX_REPLIES
        if has_room:
            pass_on(data)
        return has_room

    def pass_on(data: bytes) -> None:
        channel.input.add(data)
        view.send_input()

    def round_trip() -> float:
        return view.feedback.round_trip

    consent, outer = Consent(settings.paste, settings.browse, settings.copy), Outer.found()
    desktop = PersonDesktop(view, view, consent, host, round_trip=round_trip, outer=outer, reply=reply)
    view.queries = QueryKeeper(desktop.query, desktop.copied, keeps_writes=settings.copy == "never")
    desktop.exchanges = exchanges = Exchanges(channel, desktop, over_link=host is not None)
    if host is not None and settings.files != "never":
        clipboard = tools.clipboard(os.environ) if outer is None else None
        desktop.files = PersonFiles(view, consent, exchanges, host, pass_on, round_trip=round_trip, clipboard=clipboard)
    return exchanges


def keep_queries(view: TerminalView, settings: DesktopSettings) -> None:
    """Keep queries for the clipboard from the terminal of a client that only watches: it is nobody's desktop."""
    view.queries = QueryKeeper(lambda _: None, keeps_writes=settings.copy == "never")
