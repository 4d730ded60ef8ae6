"""`python -m bench.creating`: the processor time of creating a session, of `--exec`, and of the list of 1, 20 and 100.

Of the verb's own process, and of all together: daemon and zygote as well, until they rest. A control group counts these
(`bench/control_group.py`), and those rows are left out where this user may make none. It counts the program in the
session too, so what that takes by itself is deducted.
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
"""Sessions that are listed, and the goal."""
MAKING = {1: "without a zygote", 20: "from the zygote"}
"""Beside how many sessions others are created: the third one starts the zygote."""
GOAL = 2.5


class Counted:
    """A sesh in a control group of its own."""

    def __init__(self, sesh: Sesh, group: ControlGroup) -> None:
        self.sesh, self.group = sesh, group

    def keep(self, count: int) -> None:
        """Makes sessions until there are so many."""
        with self.group.inside():
            self.sesh.keep(count)

    def create(self) -> tuple[float, ...]:
        """A session, which is ended again."""
        times = self._taken(self.sesh.create("made", SLEEPING), ["sleep", "0"])
        self.sesh.kill("made")
        return times

    def execute(self) -> tuple[float, ...]:
        """`true` in a session of its own, until it has ended."""
        return self._taken([self.sesh.program, "--exec", "--", "true"], ["true"])

    def list_all(self) -> tuple[float, ...]:
        """The list."""
        return self._taken([self.sesh.program, "--list"], [])

    def _taken(self, words: list[str], program: list[str]) -> tuple[float, ...]:
        """Milliseconds of processor time of the command, and, with a group, of all but what `program` takes alone."""
        alone = timed(program, self.sesh.environment)[1] if program else 0.0
        before = self.group.rest()
        with self.group.inside():
            began = time.process_time()
            _, own = timed(words, self.sesh.environment)
            alone += time.process_time() - began  # of this process, which is inside too
        total = self.group.rest() - before - alone
        return (own * 1000, total * 1000) if self.group else (own * 1000,)


def create_and_list(field: Field) -> list[Row]:
    """Creating and `--exec` without a zygote and from it; the list of 1, 20 and 100. The quick run has no 100."""
    if not sys.platform.startswith("linux"):
        return []
    found: list[Row] = []
    with contextlib.ExitStack() as stack:
        counted = [Counted(sesh, stack.enter_context(ControlGroup())) for sesh in field.seshes]
        for each in counted:
            stack.callback(each.sesh.end)
        width = 2 if all(each.group for each in counted) else 1
        if width == 1:
            field.log("    this user may make no control group: what daemon and zygote take is left out")
        for count, factor in LISTS.items():
            if field.quick and count not in MAKING:
                break
            takes: Turns = {_listing(count, factor)[:width]: {each.sesh.name: each.list_all for each in counted}}
            if how := MAKING.get(count):
                takes[_making("create", how)[:width]] = {each.sesh.name: each.create for each in counted}
                takes[_making("exec", how)[:width]] = {each.sesh.name: each.execute for each in counted}
            for each in counted:
                each.keep(count)
            in_turns(takes, field.rounds(21, 3), field.log, field.bare)
            found += [row for rows in takes for row in rows]
    return found


def _making(what: str, how: str) -> tuple[Row, Row]:
    key, title = f"cpu-{what}-{how.rpartition(' ')[2]}", f"{what} {how}, processor time"
    return Row(f"{key}-own", title, "ms"), Row(
        key, f"{title} of all", "ms", said=f"{GOAL:g} x bare", goal=lambda medians: GOAL * medians["bare"],
        line=STARTS, short=f"{what} {how}",
    )  # fmt: skip


def _listing(count: int, factor: float) -> tuple[Row, Row]:
    key, title = f"cpu-list-{count}", f"list {count} session{'s' * (count > 1)}, processor time"
    return Row(
        key, title, "ms", said=f"{factor:g} x bare", goal=lambda medians: factor * medians["bare"],
        line=MANY if count > 20 else STARTS, short=f"list {count}",
    ), Row(f"{key}-all", f"{title} of all", "ms")  # fmt: skip


if __name__ == "__main__":
    sys.exit(alone(create_and_list))
