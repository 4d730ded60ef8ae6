"""The state of a session follows from what was seen and reported, whatever the order."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import rules
from sesh.daemon.activity.rules import ActivityState, Reason, State
from sesh.daemon.base.phase import Phase
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from tests.support.data import daemon_facts


@given(
    st.sampled_from([Reason.PROMPT, Reason.READ, Reason.STOPPED, Reason.OUTPUT, Reason.QUIET]),
    st.none() | st.sampled_from(State),
    st.floats(0, 100), st.floats(0, 2000),
)  # fmt: skip
def test_the_same_facts_give_the_same_state_which_begins_once(
    why: Reason, state: State | None, silent: float, answered_at: float
) -> None:
    seen = ActivityState(rules.STATES[why], why, 1000.0 - silent, "go on?")

    def follows(before: ActivityState, now: float) -> ActivityState:
        return rules.decide(
            before, ActivityState(state, Reason.HOOK, now, "go on?") if state else None, seen, answered_at
        )

    once = follows(ActivityState(State.WORKING, Reason.OUTPUT, 1.0), 1000.0)
    assert follows(once, 2000.0) == once
    assert once.why == (Reason.HOOK if state else why)
    assert once.state != State.WAITING or once.since >= answered_at


def test_output_that_is_shown_after_the_end_changes_no_final_state(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Session(daemon_facts(), (80, 24, 0, 0), Pty())
    own.life.phase = Phase.ENDED
    own.activity.end(failed=True)
    own.pump.append_unscanned(b"held back until now")
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    own.activity.wake()
    assert own.activity.due > later
    assert own.activity.memory.decided.state == State.FAILED
    assert own.activity.observe(fresh=True).why == Reason.EXIT
