"""Images reach attached terminals byte for byte; a replay has blank rows in their place."""

from __future__ import annotations

import base64
import random

from tests.support import Home, Open, wait_until

_NOISE = random.Random(7).randbytes(60_000)
_TEXT = base64.b64encode(_NOISE)
IMAGES = {
    "sixel": b"\x1bPq" + bytes(63 + byte % 64 for byte in _NOISE) + b"\x1b\\",
    "kitty": b"\x1b_Ga=T,f=100,q=2;" + _TEXT + b"\x1b\\",
    "kitty in parts": b"".join(
        b"\x1b_Gm=%d%s;%s\x1b\\" % (at + 4096 < len(_TEXT), b"" if at else b",a=T,f=100,q=2", _TEXT[at : at + 4096])
        for at in range(0, len(_TEXT), 4096)
    ),
    "iTerm2": b"\x1b]1337;File=inline=1;size=60000:" + _TEXT + b"\x07",
}


def test_images_pass_untouched_and_are_left_out_of_a_restore(home: Home, terminal: Open) -> None:
    image = b"".join(IMAGES.values())
    path = home.write("image", image)
    script = f"stty -opost -echo; printf before; head -c 1 >/dev/null; cat {path}; printf after; sleep 1000"
    window = terminal("work", "--", "sh", "-c", f"stty -icanon; {script}")
    window.wait_for("before")
    window.type("x")
    window.wait_until(lambda: window.raw.endswith(b"after"), "the end of the image")
    assert image + b"after" in window.raw
    window.type(b"\x1c")
    assert window.exit_code() == 0
    again = terminal("work")
    again.wait_for("after")
    assert len(again.raw) < 10_000
    assert not any(opener in again.raw for opener in (b"\x1bP", b"\x1b_", b"\x1b]1337"))


def test_who_attaches_in_the_midst_of_an_image_gets_nothing_of_it(home: Home, terminal: Open) -> None:
    begin, end = b"\x1b_Ga=T,f=24,c=3,r=4,q=2;AAAA", b"AAAA\x1b\\"
    paths = home.write("begin", b"top\r\nbefore\r\n" + begin), home.write("end", end + b"\r\nafter")
    script = f"stty -opost -echo -icanon; for part in {' '.join(paths)}; do head -c 1 >/dev/null; cat $part; done; cat"
    assert home.sesh("open", "work", "--", "sh", "-c", script).code == 0  # its creator would get a line of sesh's own
    first = terminal("work")
    wait_until(
        lambda: home.summary("work")["attached"] == 1 and not home.summary("work")["modes"]["echo"],
        "a terminal is attached, and the program has ended the echo",
    )
    first.type("x")
    first.wait_until(lambda: begin in first.raw, "the start of the image")
    second = terminal("work")
    second.wait_for("before")
    first.type("x")
    first.wait_until(lambda: b"after" in first.raw, "the end of the image")
    second.wait_for("after")
    assert begin + end in first.raw
    assert not any(part in second.raw for part in (b"AAAA", b"\x1b_"))
    third = terminal("work")
    third.wait_for("after")
    assert second.screen() == third.screen()
    assert [line.strip() for line in second.screen()[:8]] == ["top", "before", "", "", "", "", "after", ""]


def test_a_program_that_ends_within_an_image_lets_its_client_go(home: Home, terminal: Open) -> None:
    """The client must not wait for the end of an image that never ends."""
    assert home.sesh("open", "work", "--", "sh", "-c", r"printf '\033Pq#0;2;0;0;0'; read x; exit 3").code == 0
    watcher = terminal("work")
    wait_until(lambda: home.summary("work")["attached"] == 1, "a terminal is attached to work")
    assert home.sesh("send", "work", "", "--enter").code == 0
    assert watcher.exit_code() == 3
