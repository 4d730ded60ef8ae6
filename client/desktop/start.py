"""Makes this machine the desktop of the person who is attached."""

from __future__ import annotations

from sesh.client.channel import Channel
from sesh.client.desktop.consent import Consent
from sesh.client.desktop.desktop import PersonDesktop
from sesh.client.desktop.exchanges import Exchanges
from sesh.client.desktop.outer import Outer
from sesh.client.view import TerminalView
from sesh.config.config import DesktopSettings


def exchanges_of(channel: Channel, view: TerminalView, host: str | None, settings: DesktopSettings) -> Exchanges:
    """Return the exchanges of an attachment. `host`: None on this machine; `settings`: for its programs."""
    desktop = PersonDesktop(
        view,
        view,
        Consent(settings.paste, settings.browse, settings.copy),
        f" on @{host}" if host is not None else "",
        is_remote=host is not None,
        round_trip=lambda: view.feedback.round_trip,
        outer=Outer.found(),
    )
    exchanges = Exchanges(channel, desktop, over_link=host is not None)
    desktop.exchanges = exchanges
    return exchanges
