"""What a program inside a session tells its daemon, where none is there."""

from __future__ import annotations

import pytest

from sesh.errors import UsageError
from sesh.ops import inside


def test_a_word_that_is_no_state_is_a_usage_error_before_anybody_is_asked() -> None:
    with pytest.raises(UsageError, match="unknown state busy; use working, waiting, idle, done, failed"):
        inside.state("busy", "")
