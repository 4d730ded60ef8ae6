"""Sessions with several clients agree with the model for a few runs."""

from __future__ import annotations

from tests.fuzz.model import Sessions, settings

TestSessions = Sessions.TestCase
TestSessions.settings = settings(2, 12)
