"""The stack of titles (XTWINOPS 22 and 23)."""

from __future__ import annotations

from dataclasses import dataclass, field

ICON_NAME, TITLE = 1, 2  # the numbers of the OSC that set them
_PARTS = {0: (ICON_NAME, TITLE), 1: (ICON_NAME,), 2: (TITLE,)}  # what is pushed or popped, by XTWINOPS' parameter
MAX_PUSHED = 10  # entries, as in xterm and xterm.js; the oldest is dropped

Entry = dict[int, str]  # the texts that were pushed together and not popped yet, by ICON_NAME or TITLE


@dataclass
class TitleStack:
    """Pushed icon names and titles, oldest first.

    A pop takes a text from the newest entry that has it, and leaves the entry's other one: so icon names and titles are
    pushed and popped apart, as in xterm.js; VTE, kitty and foot keep only titles. In xterm a pop removes a whole entry,
    which makes no difference to a program that pops as it has pushed.
    """

    entries: list[Entry] = field(default_factory=list)

    @property
    def parameters(self) -> tuple[int, ...]:
        """XTWINOPS' parameter for each entry."""
        return tuple(parameter_of(entry) for entry in self.entries)

    def push(self, parameter: int, icon_name: str = "", title: str = "") -> None:
        texts = {ICON_NAME: icon_name, TITLE: title}
        if parameter in _PARTS:
            self.entries.append({part: texts[part] for part in _PARTS[parameter]})
            del self.entries[:-MAX_PUSHED]

    def pop(self, parameter: int) -> Entry:
        """Return the popped texts; none for an empty stack or an unknown parameter."""
        popped: Entry = {}
        for part in _PARTS.get(parameter, ()):
            newest = next((entry for entry in reversed(self.entries) if part in entry), None)
            if newest is not None:
                popped[part] = newest.pop(part)
        self.entries = [entry for entry in self.entries if entry]
        return popped


def parameter_of(entry: Entry) -> int:
    return next(number for number, parts in _PARTS.items() if set(parts) == set(entry))
