"""Verbs that choose among all sessions: `pick`, `watch`, `next`."""

from __future__ import annotations

from sesh.cli import attach, choose
from sesh.cli.words import Context, Labelled, NoDetachKey, NoReplay, ReadOnly, Replace


def pick(
    ctx: Context,
    *,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
    label: Labelled = None,
) -> int:
    """Choose a session from the board, the session attached last first.

    Examples:
      sesh pick
      sesh @gpu pick
      sesh pick --label team=web
    """
    view = attach.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return choose.pick(ctx.obj, label=label or (), **view)


def next_(
    ctx: Context,
    *,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
    label: Labelled = None,
) -> int:
    """Go to the session that has waited longest for you, here or on a known remote; repeat for the next one.

    Inside a session it switches this terminal. If no session waits, it says so and exits with 1.

    Examples:
      sesh next
      sesh @gpu next
      sesh next --label team=web
    """
    view = attach.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return choose.next_(ctx.obj, label=label or (), **view)


def watch(ctx: Context, *, label: Labelled = None) -> int:
    """Show the board, the sessions that wait for you first, and keep it up to date.

    Examples:
      sesh watch
      sesh @gpu watch
      sesh watch --json
    """
    return choose.watch(ctx.obj, label=label or ())
