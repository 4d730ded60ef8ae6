"""Makes this machine the desktop of the person who is attached."""

from __future__ import annotations

from sesh.client.channel import MAX_UNFRAMED_INPUT, Channel
from sesh.client.desktop.consent import Consent
from sesh.client.desktop.desktop import PersonDesktop
from sesh.client.desktop.exchanges import Exchanges
from sesh.client.desktop.outer import Outer
from sesh.client.desktop.queries import QueryKeeper
from sesh.client.view import TerminalView
from sesh.config.config import DesktopSettings

_MAX_REPLIES = MAX_UNFRAMED_INPUT * 3 // 4  # bytes of input with a reply; beyond all of it no detach key is read


def exchanges_of(channel: Channel, view: TerminalView, host: str | None, settings: DesktopSettings) -> Exchanges:
    """Return the exchanges of an attachment. `host`: None on this machine; `settings`: for its programs."""

    def reply(data: bytes) -> bool:
        has_room = len(channel.input.unframed) + len(data) <= _MAX_REPLIES
        if has_room:
            channel.input.add(data)
            channel.send_input()
        return has_room

    desktop = PersonDesktop(
        view,
        view,
        Consent(settings.paste, settings.browse, settings.copy),
        host,
        round_trip=lambda: view.feedback.round_trip,
        outer=Outer.found(),
        reply=reply,
    )
    view.queries = QueryKeeper(desktop.query, desktop.copied, keeps_writes=settings.copy == "never")
    exchanges = Exchanges(channel, desktop, over_link=host is not None)
    desktop.exchanges = exchanges
    return exchanges


def keep_queries(view: TerminalView, settings: DesktopSettings) -> None:
    """Keep queries for the clipboard from the terminal of a client that only watches: it is nobody's desktop."""
    view.queries = QueryKeeper(lambda _: None, keeps_writes=settings.copy == "never")
