"""A session on a host begins with the terminal of the person who creates it, and where the host's shell would."""

from __future__ import annotations

import os
from pathlib import Path

from tests.remote.farm import Farm
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, wait_until

CHILD = "sh -c 'stty -a >~/.settings; mv ~/.settings ~/settings; exec sleep 100'"
SET_UP = "stty erase ^H intr ^G -ixon ixany susp undef tab3 tostop -echoctl"


def shown(far: Home, create: str, near: Home) -> list[str]:
    told = Path(far.path, "settings")
    told.unlink(missing_ok=True)
    near.terminal(command=["sh", "-c", f"{SET_UP}; {create} {CHILD}"], columns=90, rows=30)
    wait_until(told.exists, "the child has told its settings")
    return told.read_text().replace("\n", " ").replace(";", " ; ").split()


def test_it_has_the_settings_of_that_terminal(home: Home, beside: Beside) -> None:
    far = beside("box")
    plain = shown(home, "", home)
    assert shown(far, "sesh @box open work --", home) == plain
    assert shown(far, "sesh @box exec job -d --", home) == plain
    assert shown(far, "sesh @box there --", home) == plain


def test_a_program_that_has_none_over_there_either_has_what_the_system_gives(home: Home, beside: Beside) -> None:
    far = beside("box")
    assert home.sesh("@box", "exec", "--print", "--", "sh", "-c", "stty -a").stdout.count("intr = ^C") == 1
    assert far.sesh("exec", "--print", "--", "sh", "-c", "stty -a").stdout.count("intr = ^C") == 1


def test_a_home_that_is_a_link_keeps_its_name(home: Home, beside: Beside) -> None:
    far: ViaHost = beside("box")
    link = f"{far.root}/link"
    os.symlink(far.path, link)
    os.mkdir(f"{far.path}/sub")
    far.env["HOME"] = link
    show = ("--", "sh", "-c", 'echo "$PWD"')
    assert home.sesh("@box", "exec", "--print", *show).stdout == f"{link}\n"
    assert home.sesh("@box", "exec", "--print", "-C", "sub", *show).stdout == f"{link}/sub\n"
    assert home.sesh("@box", "exec", "--print", "-C", "sub/..", *show).stdout == f"{link}\n"
    assert home.sesh("@box", "exec", "--print", "-C", f"{home.path}/sub", *show).stdout == f"{link}/sub\n"


def test_a_host_adds_no_locale(home: Home, farm: Farm) -> None:
    farm.host("box")
    show = ("--", "sh", "-c", "env | grep -E '^(LC_|LANG)' | sort")
    for locale in ({}, {"LANG": "C"}, {"LANG": "C", "LC_TIME": "C"}):
        done = home.sesh("@box", "exec", "--print", *show, env={"LANG": None, **locale})
        assert done.stdout.split() == [f"{name}={value}" for name, value in locale.items()], done


def test_over_ssh_too_the_terminal_is_the_persons(home: Home, farm: Farm) -> None:
    farm.host("box")
    opened = home.terminal(command=["sh", "-c", f"{SET_UP}; exec sesh @box work"])
    opened.wait_for(PROMPT)
    opened.type("stty -a | grep -o 'intr = ^.\\|-ixon\\|tab3' | tr '\\n' ' '\r")
    opened.wait_for("intr = ^G -ixon tab3")
