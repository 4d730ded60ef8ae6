"""The window's title over a link: it names the host, and outlasts a link that breaks."""

from __future__ import annotations

from tests.remote.farm import Farm
from tests.support import Home
from tests.terminal.test_title import POP, PUSH, SETTING, shows, titles


def test_it_names_the_host_and_outlasts_a_link_that_breaks(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    home.write(SETTING, "title = true\n")
    terminal = home.terminal("@box", "work")
    shows(terminal, "work@box — bash")
    far.proxy.cut()
    terminal.type("cat\r")
    shows(terminal, "work@box — cat")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert titles(terminal)[-2:] == ["", POP]
    assert (titles(terminal).count(PUSH), titles(terminal).count(POP)) == (1, 1)
