"""What a new session's program gets: variables, shell, and the path of a command."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.base.facts import Facts
from sesh.daemon.pty.program import OF_THE_CREATORS_TERMINAL, Program, browser, environment, resolve, shell_words
from sesh.daemon.shell import variables
from sesh.desktop import install
from sesh.desktop.variables import ONCE
from sesh.errors import SeshError
from sesh.schema.facts import LaunchSpec
from sesh.store import records
from sesh.system import paths, platforms
from sesh.system.platforms import has_terminfo
from sesh.system.programs import shell
from tests.support.tools import ROOT

CREATOR = {"HOME": "/home/ann", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LANG": "de_DE.UTF-8", "EDITOR": "vim"}


def made(creator: dict[str, str] | None = None, **more: object) -> dict[str, str]:
    """Return the environment; `creator` adds to the creator's."""
    spec = {"name": "work", "directory": "/there", "environment": CREATOR | (creator or {}), **more}
    return environment(spec, "0123")  # type: ignore[arg-type]


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A terminfo directory that knows `pet-256color` by letter and `odd+one` by number."""
    for entry in ("p/pet-256color", f"{ord('o'):x}/odd+one"):
        file = tmp_path / "terminfo" / entry
        file.parent.mkdir(parents=True)
        file.write_bytes(b"\x1a\x01")
    return tmp_path / "terminfo"


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_session_has_the_user_s_variables_and_its_own_but_none_of_the_creating_terminal() -> None:
    own = {"SESH_SESSION": "work", "TERM": "xterm-256color", "PWD": "/there"}
    own["SESH_ENV_FILE"] = records.file_of("0123", "env")
    path = f"{install.folder()}:/usr/bin:/bin"
    assert made() == CREATOR | own | {"PATH": path}
    foreign = ("TMUX_PANE", "STY", "WINDOWID", "KITTY_WINDOW_ID", "TERM_PROGRAM", "ITERM_SESSION_ID", "LINES")
    assert made(dict.fromkeys((*foreign, *own), "x")) == made()
    kept = dict.fromkeys(
        ("OLDPWD", "DISPLAY", "SSH_CONNECTION", "TERMINFO", "LC_ALL", "WINDOWS", "XDG_RUNTIME_DIR"), "x"
    )
    assert made(kept) == made() | kept
    extra = {"TERM": "mine", "EDITOR": "ed", "TMUX": "on purpose", "SSH_AUTH_SOCK": "/mine"}
    assert made(extra=extra) == made() | extra
    assert made({"SESH_DIR": "x"})["SESH_DIR"] == paths.directory(), "a relative one would mean another directory there"


def test_settings_of_multiplexers_and_terminals_stay() -> None:
    """They went by their prefix, so `tmux` in a session asked another server than outside."""
    names = "TMUX_TMPDIR ZELLIJ_CONFIG_DIR ZELLIJ_SOCKET_DIR KITTY_CONFIG_DIRECTORY WEZTERM_CONFIG_FILE SCREENDIR"
    settings = dict.fromkeys(names.split(), "x")
    assert made(settings) == made() | settings


def test_the_page_lists_what_a_session_does_not_inherit() -> None:
    with open(os.path.join(ROOT, "docs", "CONFIG.md"), encoding="utf-8") as page:
        (section,) = re.findall(r"### What a session does not inherit\n(.*?)\nYour settings", page.read(), re.DOTALL)
    listed = re.findall(r"\b[A-Z_]{3,}\b", section)
    assert sorted(listed) == sorted(OF_THE_CREATORS_TERMINAL)


def test_term_is_the_creating_terminals_if_this_host_has_its_terminfo(described: Path) -> None:
    known = {"TERMINFO": str(described)}
    assert made(known | {"TERM": "pet-256color"})["TERM"] == "pet-256color"
    assert made(known | {"TERM": "no-such-terminal"})["TERM"] == "xterm-256color"
    assert made({"COLORTERM": "24bit"})["COLORTERM"] == "24bit"


def test_the_agent_is_the_session_s_and_unset_where_there_is_none() -> None:
    """A login file with `[ -z "$SSH_AUTH_SOCK" ]` never started an agent."""
    assert made({"SSH_AUTH_SOCK": "/old"})["SSH_AUTH_SOCK"] == records.file_of("0123", "agent")
    assert "SSH_AUTH_SOCK" not in made({"SSH_AUTH_SOCK": ""})


@pytest.mark.parametrize("term", ["pet-256color", "odd+one"])
def test_terminfo_is_looked_for_where_ncurses_looks(term: str, described: Path, tmp_path: Path) -> None:
    assert has_terminfo(term, {"TERMINFO": str(described)})
    assert has_terminfo(term, {"TERMINFO_DIRS": f"/none::{described}"})
    (tmp_path / ".terminfo").symlink_to(described)
    assert has_terminfo(term, {"HOME": str(tmp_path)})
    assert not has_terminfo(term, {})


@pytest.mark.parametrize("term", ["", ".", "..", "../p/pet-256color", "p/pet", "pet\0", "pet\n", "pät"])
def test_no_name_leads_out_of_the_terminfo_directory(term: str, described: Path) -> None:
    assert not has_terminfo(term, {"TERMINFO": str(described)})


def test_the_shell_is_the_users_own_if_it_can_be_executed(tmp_path: Path) -> None:
    mine = executable(tmp_path / "mine")
    assert shell({"SHELL": str(mine)}) == str(mine)
    mine.chmod(0o644)
    otherwise = shell({})
    assert otherwise in (pwd.getpwuid(os.getuid()).pw_shell, "/bin/sh")
    for wrong in (str(mine), str(tmp_path), "bash", "", "/no/such", "a\0b"):
        assert shell({"SHELL": wrong}) == otherwise


def test_a_login_shell_has_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "USES_LOGIN_SHELLS", False)
    assert shell_words("/usr/bin/zsh", login=False) == ["zsh"]
    assert shell_words("/usr/bin/zsh", login=True) == ["-zsh"]
    monkeypatch.setattr(platforms, "USES_LOGIN_SHELLS", True)
    assert shell_words("/bin/zsh", login=False) == ["-zsh"]


def code_of(word: str, path: str, directory: Path) -> int:
    """Return the exit code of a program, or of the error at its start."""
    try:
        pty = Program(word, [word], str(directory), {"PATH": path}, (80, 24, 0, 0), 0o022).start()
    except SeshError as error:
        return error.exit_code
    with closing(pty):
        return os.waitstatus_to_exitcode(os.waitpid(pty.pid, 0)[1])


@pytest.mark.needs("bash")
def test_a_command_is_found_as_a_shell_finds_it(tmp_path: Path) -> None:
    """bash must exit with the same code; dash does not tell 126 from 127."""
    good = executable(tmp_path / "first" / "good")
    executable(tmp_path / "second" / "both")
    (tmp_path / "first" / "both").write_text("not to be run")
    (tmp_path / "first" / "plain").write_text("not to be run")
    executable(tmp_path / "here")
    path = f"{tmp_path}/first:{tmp_path}/second"
    cases = {
        ("good", path): 0,
        ("both", path): 0,
        ("plain", path): 126,
        ("nowhere", path): 127,
        (str(good), ""): 0,
        ("./here", path): 0,
        ("first/good", path): 0,
        ("./first", path): 126,
        ("first/plain", path): 126,
        ("./gone", path): 127,
        ("here", f"{path}:"): 0,
        ("good", "first"): 0,
    }
    for (word, where), expected in cases.items():
        assert code_of(word, where, tmp_path) == expected, (word, where)
        done = subprocess.run(
            ["/bin/bash", "-c", '"$0"', word], env={"PATH": where}, cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == expected, (word, where)
    spec: Any = {"environment": CREATOR, "directory": str(tmp_path), "command": [""]}
    with pytest.raises(SeshError, match="command not found"):
        resolve(spec, "")
    spec |= {"gate": True, "command": ["./here", "x"]}
    assert resolve(spec, "")[1][3:] == ["sh", "./here", "x"]
    spec |= {"command": ["here"]}
    with pytest.raises(SeshError, match="command not found"):
        resolve(spec, path)


def test_programs_are_offered_a_browser_where_the_creator_s_desktop_opens_pages() -> None:
    browser = f"{install.folder()}/sesh-browser"
    assert made(browser=True) == made() | {"BROWSER": browser, "MIR_SOCKET": "sesh"}
    assert made({"BROWSER": "firefox"}, browser=True)["BROWSER"] == "firefox"
    assert made(extra={"BROWSER": "lynx"}, browser=True)["BROWSER"] == "lynx"
    for never in (False, None):
        assert made({"BROWSER": "/other/bin/sesh-browser", "MIR_SOCKET": "sesh"}, browser=never) == made()


def test_a_browser_comes_and_goes_with_the_desktop_of_the_leader(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.delenv("MIR_SOCKET", raising=False)
    spec: LaunchSpec = {"name": "work", "directory": "/", "environment": {}, "browser": True}
    facts = Facts.of(spec, "0123", [])
    facts.variables = browser({}, can_open=True)
    file = sessions / ".env.0123"
    variables.offer_browser(facts, can_open=True)
    assert not file.exists(), "the program has it from the start"
    variables.offer_browser(facts, can_open=False)
    assert file.read_text() == "BROWSER=\nMIR_SOCKET=\n"
    variables.offer_browser(facts, can_open=True)
    assert file.read_text() == f"BROWSER={sessions}/bin/sesh-browser\nMIR_SOCKET=sesh\n"
    job: LaunchSpec = {"name": "job", "directory": "/", "environment": {}, "browser": None}
    own: LaunchSpec = {"name": "own", "directory": "/", "extra": {"BROWSER": "lynx", "MIR_SOCKET": ""}, "browser": True}
    for each in (job, own):
        facts = Facts.of(each, "4567", [])
        variables.offer_browser(facts, can_open=True)
        assert facts.variables == {}


def test_a_login_shell_of_bash_puts_the_shims_first_again_unless_the_creator_has_a_prompt_command(
    tmp_path: Path,
) -> None:
    shell = {"SHELL": str(executable(tmp_path / "bash"))}
    assert made(shell, login=True)["PROMPT_COMMAND"] == ONCE
    assert made(shell | {"PROMPT_COMMAND": "hook"}, login=True)["PROMPT_COMMAND"] == "hook"
    assert made(shell | {"PROMPT_COMMAND": ONCE}, command=["make"]) == made(shell), "it was for another session's shell"
    if not platforms.USES_LOGIN_SHELLS:
        assert "PROMPT_COMMAND" not in made(shell)
    assert "PROMPT_COMMAND" not in made(shell, login=True, command=["make"])
    assert "PROMPT_COMMAND" not in made(login=True)
