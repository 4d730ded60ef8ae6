"""`python -m bench.creating`: the processor time of creating a session, of `--exec`, and of the list of 1, 20 and 100.

One row has the time of the verb's own process. Another row has the time of all processes, with daemon and zygote, until
they are idle. A control group counts the latter (`bench/control_group.py`), so these rows are left out if this user may
make no group. The group also counts the program in the session, so the time that the program takes by itself is
deducted.
"""

from __future__ import annotations

import contextlib
import sys
import time

from bench.alone import alone
from bench.contenders import Sesh
from bench.control_group import ControlGroup
from bench.field import Field
from bench.figures import MANY, STARTS, Row, Turns, in_turns
from bench.material import SLEEPING
from bench.window import timed

LISTS = {1: 1.6, 20: 2.2, 100: 3.0}
"""The goal of a list, by the number of sessions."""
MAKING = {20: "from the zygote"}
"""The title of a row, by the number of sessions that exist while another is created."""
GOAL = 2.5


class Counted:
    """A sesh in a control group of its own."""

    def __init__(self, sesh: Sesh, group: ControlGroup) -> None:
        self.sesh, self.group = sesh, group

    def keep(self, count: int) -> None:
        """Creates sessions until there are `count`."""
        with self.group.inside():
            self.sesh.keep(count)

    def create(self) -> tuple[float, ...]:
        """Creates a session, and ends it again; returns the cost of creating it (see `_cost`)."""
        times = self._cost(self.sesh.create("made", SLEEPING), ["sleep", "0"])
        self.sesh.kill("made")
        return times

    def execute(self) -> tuple[float, ...]:
        """Runs `true` by `--exec`; returns the cost."""
        return self._cost([self.sesh.program, "--exec", "--", "true"], ["true"])

    def list_all(self) -> tuple[float, ...]:
        """Prints the list; returns the cost."""
        return self._cost([self.sesh.program, "--list"], [])

    def _cost(self, words: list[str], program: list[str]) -> tuple[float, ...]:
        """Returns the processor time of the command in milliseconds; with a group, also of all processes without
        `program`."""
        alone = timed(program, self.sesh.environment)[1] if program else 0.0
        before = self.group.rest()
        with self.group.inside():
            began = time.process_time()
            _, own = timed(words, self.sesh.environment)
            alone += time.process_time() - began  # of this process, which is inside too
        total = self.group.rest() - before - alone
        return (own * 1000, total * 1000) if self.group else (own * 1000,)


def create_and_list(field: Field) -> list[Row]:
    """Measures creating, `--exec`, and the list of 1, 20 and 100 sessions (in a quick run not 100)."""
    if not sys.platform.startswith("linux"):
        return []
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        counted = [Counted(sesh, stack.enter_context(ControlGroup())) for sesh in field.seshes]
        for tool in counted:
            stack.callback(tool.sesh.end)
        width = 2 if all(tool.group for tool in counted) else 1
        if width == 1:
            field.log("    this user may make no control group: what daemon and zygote take is left out")
        for count, factor in LISTS.items():
            if field.quick and count > max(MAKING):
                break
            takes: Turns = {_listing(count, factor)[:width]: {tool.sesh.name: tool.list_all for tool in counted}}
            if setting := MAKING.get(count):
                takes[_making("create", setting)[:width]] = {tool.sesh.name: tool.create for tool in counted}
                takes[_making("exec", setting)[:width]] = {tool.sesh.name: tool.execute for tool in counted}
            for tool in counted:
                tool.keep(count)
            in_turns(takes, field.rounds(21, 3), field.log, field.bare)
            rows += [row for pair in takes for row in pair]
    return rows


def _making(verb: str, setting: str) -> tuple[Row, Row]:
    key, title = f"cpu-{verb}-{setting.rpartition(' ')[2]}", f"{verb} {setting}, processor time"
    return Row(f"{key}-own", title, "ms"), Row(
        key, f"{title} of all", "ms", said=f"{GOAL:g} x bare", goal=lambda medians: GOAL * medians["bare"],
        line=STARTS, short=f"{verb} {setting}",
    )  # fmt: skip


def _listing(count: int, factor: float) -> tuple[Row, Row]:
    key, title = f"cpu-list-{count}", f"list {count} session{'s' * (count > 1)}, processor time"
    return Row(
        key, title, "ms", said=f"{factor:g} x bare", goal=lambda medians: factor * medians["bare"],
        line=MANY if count > 20 else STARTS, short=f"list {count}",
    ), Row(f"{key}-all", f"{title} of all", "ms")  # fmt: skip


if __name__ == "__main__":
    sys.exit(alone(create_and_list))
