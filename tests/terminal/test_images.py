"""Images go to the terminals that are there, byte for byte, and have no part in a restore."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest

from tests.support import Home, Terminal

Open = Callable[..., Terminal]
_NOISE = random.Random(7).randbytes(760_000)
_TEXT = base64.b64encode(_NOISE)
IMAGES = {
    "sixel": b"\x1bPq" + bytes(63 + byte % 64 for byte in _NOISE + _NOISE[:250_000]) + b"\x1b\\",
    "kitty": b"\x1b_Ga=T,f=100,q=2;" + _TEXT + b"\x1b\\",
    "kitty in parts": b"".join(
        b"\x1b_Gm=%d%s;%s\x1b\\" % (at + 4096 < len(_TEXT), b"" if at else b",a=T,f=100,q=2", _TEXT[at : at + 4096])
        for at in range(0, len(_TEXT), 4096)
    ),
    "iTerm2": b"\x1b]1337;File=inline=1;size=760000:" + _TEXT + b"\x07",
}


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_passes_untouched_and_is_left_out_of_a_restore(home: Home, terminal: Open, kind: str) -> None:
    image = IMAGES[kind]
    path = home.write("image", image)
    script = f"stty -opost -echo; printf before; head -c 1 >/dev/null; cat {path}; printf after; sleep 1000"
    window = terminal("work", "--", "sh", "-c", f"stty -icanon; {script}")
    window.wait_for("before")
    window.type("x")
    window.wait_until(lambda: window.raw.endswith(b"after"), timeout=30, what="the end of the image")
    assert b"before" + image + b"after" in window.raw
    window.type(b"\x1c")
    assert window.exit_code() == 0
    again = terminal("work")
    again.wait_for("beforeafter")
    assert len(again.raw) < 10_000
    assert not any(opener in again.raw for opener in (b"\x1bP", b"\x1b_", b"\x1b]1337"))
