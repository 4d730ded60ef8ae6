"""The variables of a session lead programs to the desktop, and leave what the creator has set."""

from __future__ import annotations

import pytest

from sesh.desktop.variables import for_pages, search_path, without_ours

FOLDER = "/home/ada/.sesh/bin"
OURS = {"BROWSER": f"{FOLDER}/sesh-browser", "MIR_SOCKET": "sesh"}


def test_the_shims_come_first_and_once() -> None:
    assert search_path("/usr/bin:/bin", FOLDER) == f"{FOLDER}:/usr/bin:/bin"
    assert search_path(f"/usr/bin:{FOLDER}:/bin", FOLDER) == f"{FOLDER}:/usr/bin:/bin"


def test_programs_open_pages_only_where_a_desktop_can() -> None:
    assert for_pages({}, FOLDER, can_open=True) == OURS
    assert for_pages({}, FOLDER, can_open=False) == {"BROWSER": "", "MIR_SOCKET": ""}


@pytest.mark.parametrize("can_open", [True, False])
def test_what_the_creator_has_set_stays(can_open: bool) -> None:
    assert "BROWSER" not in for_pages({"BROWSER": "firefox"}, FOLDER, can_open=can_open)
    assert "MIR_SOCKET" not in for_pages({"MIR_SOCKET": "/run/mir"}, FOLDER, can_open=can_open)
    assert for_pages({"BROWSER": "firefox", "MIR_SOCKET": ""}, FOLDER, can_open=can_open) == {}


def test_what_another_session_has_set_is_not_the_creators() -> None:
    other = {"BROWSER": "/tmp/other/bin/sesh-browser", "MIR_SOCKET": "sesh"}
    assert without_ours({"HOME": "/", **other}) == {"HOME": "/"}
    assert without_ours({"BROWSER": "firefox"}) == {"BROWSER": "firefox"}
    assert for_pages(other, FOLDER, can_open=True) == OURS
