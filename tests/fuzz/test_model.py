"""Sessions with several clients are what the model says, for a few runs; `make fuzz` does many."""

from __future__ import annotations

from tests.fuzz.model import Sessions, settings

TestSessions = Sessions.TestCase
TestSessions.settings = settings(2, 12)
