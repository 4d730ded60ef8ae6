"""The integration of one shell: what it announces, and what its marks show to be missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sesh.schema.facts import IntegrationFacts
from sesh.text.integration import Lack

_SHELLS = ("bash", "zsh", "fish")
_LACKS = {lack.value: lack for lack in Lack}
_PID = re.compile(r"[0-9]{1,10}\Z")


@dataclass(frozen=True)
class Integration:
    """A shell with the line of `shell-init`, and why it is not whole."""

    shell: str = ""  # bash, zsh or fish; empty until it is announced
    missing: tuple[Lack, ...] = ()

    def with_(self, *lacks: Lack) -> Integration:
        return Integration(self.shell, tuple(sorted({*self.missing, *lacks})))

    def without(self, *lacks: Lack) -> Integration:
        return Integration(self.shell, tuple(lack for lack in self.missing if lack not in lacks))

    def as_json(self) -> IntegrationFacts:
        return {"shell": self.shell or None, "missing": [lack.value for lack in self.missing]}


@dataclass(frozen=True)
class Announcement:
    """What a shell says once, when it reads the line. `shell_id`: its process, empty if it does not say."""

    integration: Integration = field(default_factory=Integration)
    shell_id: str = ""

    @classmethod
    def parse(cls, body: bytes) -> Announcement | None:
        """Parse what follows `7373;integration;`: `SHELL;WORDS;PID`. Return None if no shell is named."""
        shell, words, pid, *_ = (*body.decode("ascii", "replace").split(";"), "", "")
        if shell not in _SHELLS:
            return None
        missing = {_LACKS[word] for word in words.split(",") if word in _LACKS}
        return cls(Integration(shell, tuple(sorted(missing))), pid if _PID.match(pid) else "")
