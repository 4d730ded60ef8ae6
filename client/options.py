"""The options of an attachment, and its HELLO."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sesh.about import PROGRAM
from sesh.client.terminal import RawTerminal
from sesh.config.config import Config
from sesh.schema.facts import LoginFacts
from sesh.system import programs
from sesh.text.coding import UTF8, own_coding
from sesh.text.keys import DetachKey
from sesh.wire.connection import hello
from sesh.wire.messages import Hello, Welcome

if TYPE_CHECKING:
    from sesh.client.desktop.listener import LoginListener


@dataclass
class AttachOptions:
    """The options of a client that attaches.

    `read_only`: send no input. `replay`: show the scrollback. `replace` (detach the other clients) and `first_notice`
    are for the first session. `words_for`: returns the words to type for a session. `waiting`: counts the sessions of
    this machine that wait for the user, except the named one. `logins`: what listens here for logins on a host, while
    the client switches to another session there.
    """

    settings: Config
    read_only: bool = False
    replace: bool = False
    replay: bool = True
    detach_key: DetachKey | None = None
    first_notice: str = ""
    words_for: Callable[[str], str] = str
    waiting: Callable[[str], int] = lambda _: 0
    logins: dict[int, LoginListener] = field(default_factory=dict)

    def leave_hint(self, without: str = f"{PROGRAM} detach") -> str:
        """Return `KEY leaves`. `without`: what to write if there is no detach key."""
        return f"{self.detach_key.name if self.detach_key is not None else without} leaves"

    def take_notice(self, name: str, welcome: Welcome) -> str:
        """Return the notice of a first WELCOME; drop the options for the first session."""
        notice = self.first_notice
        self.replace, self.first_notice = False, ""
        if welcome.get("new") is True and not self.read_only:
            notice = f"{notice or f'new session {name}'} · {self.leave_hint()}"
        return "; ".join(filter(None, (notice, _lacks(name, welcome), str(welcome.get("missed") or ""))))

    def hello(self, terminal: RawTerminal, host: str | None, identity: Hello) -> Hello:
        """Return a HELLO, to which a bridge adds its login's facts.

        `identity`: the keys that tell clients and their positions.
        """
        login: LoginFacts = programs.login_facts(self.settings.renew) if host is None else {}
        columns, rows, width, height = terminal.size()
        facts: Hello = {
            "columns": columns, "rows": rows, "width": width, "height": height,
            "term": os.environ.get("TERM", ""), "colorterm": os.environ.get("COLORTERM", ""),
            "tty": terminal.path(), "machine": os.uname().nodename,
            "read_only": self.read_only, "replace": self.replace,
            "lines": self.settings.replay_lines if self.replay else 0, "remote": host is not None, "acknowledges": True,
        }  # fmt: skip
        return hello("attach", **(facts | login | identity))


def _lacks(name: str, welcome: Welcome) -> str:
    """Return a line for a terminal whose coding lacks characters of the session's; empty for one that has all."""
    own, coding = own_coding(), welcome.get("coding", UTF8)
    if own in (UTF8, coding):
        return ""
    return f"{name} prints {coding}; what this terminal's {own} lacks is shown as ?"
