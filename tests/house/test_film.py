"""The pictures of the pages: for light and dark pages, small, legible, with a title; the first one moves."""

from __future__ import annotations

import os
import re

import pytest

from docs.film import DARK, LIGHT, Look, Shot, still
from sesh.cli.table import HEADINGS
from sesh.protocol import STATES
from sesh.vt.emulator import Emulator
from sesh.vt.render.export import screen_data
from tests.support.drawn import FILES, NAMES, Drawn

_LARGEST = 150_000
_STATES = {"detached", "attached"}
_ACTIVITIES = {*STATES, "quiet", ""}
"""What the column shows: a state, or of one without any that it is quiet."""
_COLUMNS = 60


def _light(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by the formula of WCAG 2."""
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_picture_is_there_for_light_and_dark_pages() -> None:
    assert [os.path.basename(path) for path in FILES] == sorted(
        f"{name}{look}.svg" for name in NAMES for look in ("", "-dark")
    )
    for name in NAMES:
        light, dark = Drawn(name), Drawn(name, "-dark")
        assert (light.rows, light.captions, light.screens) == (dark.rows, dark.captions, dark.screens)
        assert light.text != dark.text


def test_every_picture_has_a_title_and_captions_and_brings_all_that_it_needs() -> None:
    for name in NAMES:
        picture = Drawn(name)
        assert len(picture.title) > 20, name
        assert all(picture.captions) and len(picture.captions) >= len(picture.screens), name  # noqa: PT018
        assert max(map(len, picture.captions)) <= 60, f"{name}: too long for its window"
        rest = picture.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"<script|<image|<foreignObject|@import|url\(|https?:|<a ", rest), name
        assert len(picture.text) < _LARGEST, name


def test_the_letters_of_every_picture_are_as_large_as_those_of_sixty_columns() -> None:
    shot = Shot(screen_data(Emulator(_COLUMNS, 10)), "")
    widest = re.search(r' viewBox="0 0 ([\d.]+) ', still([shot], "", LIGHT))
    assert widest is not None
    for name in NAMES:
        picture = Drawn(name)
        assert max(map(len, picture.rows)) <= _COLUMNS, name
        wide = re.search(r' viewBox="0 0 ([\d.]+) ', picture.text)
        assert wide is not None, name
        assert float(wide[1]) <= float(widest[1]), name


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_words_can_be_read_on_their_ground(colours: Look) -> None:
    assert contrast(colours.words, colours.bar) >= 4.5
    assert contrast(colours.faint, colours.bar) >= 4.5
    assert contrast(colours.background, colours.accent) >= 4.5
    assert contrast(colours.foreground, colours.background) >= 4.5


def test_the_tour_moves_and_rests_where_no_movement_is_wanted() -> None:
    picture = Drawn("tour")
    assert "@keyframes play" in picture.text
    assert "@media (prefers-reduced-motion:reduce){#film{animation:none}}" in picture.text
    found = re.search(r"animation:play ([\d.]+)s step-end infinite", picture.text)
    assert found is not None
    assert 20 <= float(found[1]) <= 30
    rests = re.search(r"#film\{transform:translateX\(-(\d+)px\)", picture.text)
    steps = re.findall(r"translateX\(-(\d+)px\)", picture.text)[1:]
    assert rests is not None
    assert picture.screens[steps.index(rests[1])][0] == "waiting for you"


def test_the_pictures_show_what_they_are_for() -> None:
    keys = {name: Drawn(name).keys for name in NAMES}
    assert keys["tour"] >= {"Ctrl-\\", "y", "network off", "network on"}
    assert "Ctrl-\\" in keys["leaving"]
    assert any("sesh shop" in row for row in Drawn("leaving").rows)
    assert "@gpu" in Drawn("watch").rows
    picker = Drawn("picker").rows
    assert [row for row in picker if row.startswith(" @gpu")]
    assert [row for row in picker if row.startswith("+") and " new" in row]
    assert [row for row in picker if " waiting" in row]
    assert [row for row in picker if row.startswith(" build")]
    for name in ("tour", "healing"):
        assert any("Back after" in caption for caption in Drawn(name).captions)
        assert 'fill-opacity=".14"' in Drawn(name).text, "the missed lines are marked"


def test_lists_have_the_columns_and_the_states_of_today() -> None:
    shown = 0
    for name in ("tour", "watch"):
        for screen in Drawn(name).screens:
            for number, head in enumerate(screen):
                if "NAME" not in head.split() or "STATE" not in head.split():
                    continue
                assert head.split() == [word for word in HEADINGS if word], f"{name}: run: make pictures"
                state, activity, age = (head.index(word) for word in ("STATE", "ACTIVITY", "AGE"))
                for row in screen[number + 1 :]:
                    if re.match(r"[ *!?]\w+ +[a-z]", row) and len(row) > age:
                        assert row[state:activity].strip() in _STATES, row
                        assert row[activity:age].strip() in _ACTIVITIES, row
                        shown += 1
    assert shown > 5
