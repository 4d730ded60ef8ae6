"""No room grows beyond its budget."""

from __future__ import annotations

from tests.house.rooms import BUDGETS, Size, of_checkout


def test_every_room_is_within_its_budget() -> None:
    sizes = of_checkout(lambda text: Size(text.count("\n")))
    now = {room: size.lines for room, size in sizes.items() if room not in ("product", ".")}
    assert {room: lines for room, lines in now.items() if lines > BUDGETS[room]} == {}
