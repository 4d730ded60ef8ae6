"""What sesh carries nowhere by itself is known by any path that leads to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sesh.system.protected import Protected


@pytest.mark.parametrize(
    "path", [".ssh/id_ed25519", ".SSH/config", "backup/.gnupg/secring.gpg", ".config/gh/hosts.yml"]
)
def test_credentials_are_protected_in_the_home_directory_and_in_any_other(tmp_path: Path, path: str) -> None:
    assert Protected(str(tmp_path)).has(f"{tmp_path}/{path}")
    assert Protected(str(tmp_path)).has(f"/media/stick/{path}")


def test_a_protected_folder_that_is_a_link_protects_its_target_in_the_home_directory_and_outside(
    tmp_path: Path,
) -> None:
    home, outside = tmp_path / "home", tmp_path / "keys"
    home.mkdir()
    os.symlink("dotfiles/keys", home / ".ssh")
    os.symlink(outside, home / ".gnupg")
    protected = Protected(str(home))
    assert protected.has(f"{home}/dotfiles/keys/id")
    assert protected.has(f"{outside}/secring.gpg")
    assert not protected.has(f"{home}/dotfiles/vimrc")


def test_a_protected_folder_that_links_to_the_home_directory_protects_nothing_more(tmp_path: Path) -> None:
    os.symlink(tmp_path, tmp_path / ".pki")
    assert not Protected(str(tmp_path)).has(f"{tmp_path}/shot.png")


def test_a_home_directory_below_a_protected_name_has_files_that_are_not_protected(tmp_path: Path) -> None:
    home = tmp_path / ".sesh" / "home"
    assert not Protected(str(home)).has(f"{home}/shot.png")
    assert not Protected("/").has("/home/me/.sshrc")
