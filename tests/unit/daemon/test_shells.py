"""Which processes are shells that read what is typed, by their command lines."""

from __future__ import annotations

import os

import pytest

from sesh.daemon.shell import shells
from sesh.system import processes


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["bash"], "bash"),
        (["-bash"], "bash"),
        (["bash", "--norc", "-i"], "bash"),
        (["bash", "--rcfile", "FILE", "-i"], "bash"),
        (["bash", "-O", "checkwinsize"], "bash"),
        (["bash", "-o", "vi"], "bash"),
        (["bash", "-s", "word"], "bash"),
        (["bash", "-lc", "a; codex"], ""),
        (["bash", "-c", "codex"], ""),
        (["bash", "-xc", "codex"], ""),
        (["bash", "-e", "script"], ""),
        (["bash", "--norc", "script", "word"], ""),
        (["bash", "script"], ""),
    ],
)
def test_a_shell_that_runs_a_script_is_none(monkeypatch: pytest.MonkeyPatch, words: list[str], kind: str) -> None:
    """The script's program got text and Enter in one, like a shell at its prompt."""
    monkeypatch.setattr(processes, "command_of", lambda _: words)
    monkeypatch.setattr(os, "readlink", lambda _: "/usr/bin/bash")
    assert shells.kind_of(1) == kind


@pytest.mark.parametrize(
    ("program", "words", "other"),
    [
        ("/usr/bin/mksh", ["-mksh"], "mksh"),
        ("/usr/bin/ksh93u+m", ["-sh"], "ksh"),
        ("/usr/bin/python3.12", ["python3", "/usr/bin/xonsh"], "xonsh"),
        ("/usr/bin/python3.12", ["xonsh"], "xonsh"),
        ("/usr/bin/bash", ["rbash"], "rbash"),
        ("/usr/bin/bash", ["bash", "ksh"], ""),
        ("/usr/bin/mksh", ["mksh", "script"], ""),
        ("/usr/bin/python3.12", ["python3", "-c", "xonsh"], ""),
        ("/usr/bin/vim", ["vim", "rc"], ""),
    ],
)
def test_a_shell_in_which_run_does_not_work_has_a_name(
    monkeypatch: pytest.MonkeyPatch, program: str, words: list[str], other: str
) -> None:
    """`sh` may be a ksh, and xonsh is a script."""
    monkeypatch.setattr(processes, "command_of", lambda _: words)
    monkeypatch.setattr(os, "readlink", lambda _: program)
    assert shells.other_kind_of(1) == other
