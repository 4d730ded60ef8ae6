"""Whether the user's shell loads the integration, and the file that does so in fish."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sesh.system import startup

ENDING = {
    "bash": 'at the end of ~/.bashrc: eval "$(sesh shell-init bash)"',
    "zsh": 'at the end of ~/.zshrc: eval "$(sesh shell-init zsh)"',
    "fish": "at the beginning of ~/.config/fish/config.fish: sesh shell-init fish | source",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def environment(tmp_path: Path, shell: str) -> dict[str, str]:
    """Return the environment of a user of that shell, installed or not."""
    path = tmp_path / "bin" / shell
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return {"HOME": str(tmp_path), "SHELL": str(path)}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bashrc"),
        ("bash", ".bash_profile"),
        ("bash", ".bashrc.d/sesh"),
        ("zsh", ".zshrc"),
        ("fish", ".config/fish/config.fish"),
        ("fish", ".config/fish/conf.d/mine.fish"),
    ],
)
def test_the_line_counts_in_each_startup_file_unless_it_is_a_comment(home: Path, shell: str, file: str) -> None:
    creator = environment(home, shell)
    line = startup.startup_line(creator)
    assert line is not None
    assert str(line) == ENDING[shell]
    assert not startup.is_loaded(creator)
    write(home / file, f"# {line.line}\nalias l=ls # {line.line}\n")
    assert not startup.is_loaded(creator)
    write(home / file, f"alias l=ls\nif true; then\n  {line.line}\nfi\n")
    assert startup.is_loaded(creator)


def test_the_directories_of_the_users_files_are_theirs(home: Path) -> None:
    creator = environment(home, "zsh") | {"ZDOTDIR": f"{home}/z"}
    assert str(startup.startup_line(creator)).startswith(f"at the end of {home}/z/.zshrc: ")
    write(home / "z" / ".zshrc", 'eval "$(~/.local/bin/sesh shell-init zsh)"\n')
    assert startup.is_loaded(creator)
    creator = environment(home, "fish") | {"XDG_CONFIG_HOME": f"{home}/c", "XDG_DATA_HOME": f"{home}/d"}
    startup.put_vendor_file(creator)
    assert (home / "d/fish/vendor_conf.d/00-sesh.fish").is_file()
    assert startup.is_loaded(creator)


def test_no_line_is_named_for_another_shell_and_odd_files_are_no_error(home: Path) -> None:
    assert startup.startup_line(environment(home, "tcsh")) is None
    assert not startup.is_loaded(environment(home, "tcsh"))
    (home / ".bashrc").mkdir()
    os.mkfifo(home / ".profile")
    write(home / ".bash_profile", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"))
    assert not startup.is_loaded(environment(home, "bash"))


def test_the_file_for_fish_is_written_again_and_removed_but_no_file_of_others(home: Path) -> None:
    creator = environment(home, "fish")
    place = home / ".local/share/fish/vendor_conf.d/00-sesh.fish"
    startup.put_vendor_file(creator)
    written = place.read_text()
    place.write_text(written.splitlines()[0] + "\nof an older sesh\n")
    startup.put_vendor_file(creator)
    assert place.read_text() == written
    assert startup.remove_vendor_file(creator) == str(place)
    assert startup.remove_vendor_file(creator) == ""
    write(place, "# mine\n")
    startup.put_vendor_file(creator)
    assert (place.read_text(), startup.remove_vendor_file(creator)) == ("# mine\n", "")
    shutil.rmtree(home / ".local")
    write(home / "share", written)
    place.parent.mkdir(parents=True)
    place.symlink_to(home / "share")  # as of `make install`
    startup.put_vendor_file(creator)
    assert (place.is_symlink(), startup.remove_vendor_file(creator)) == (True, "")
