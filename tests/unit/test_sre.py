"""Expressions that are made of kept code: what `re` would make."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sesh import sre
from tests.support.tools import ROOT

_MADE = f"""
import sys
sys.path.insert(0, {ROOT!r})
from sesh.client import hint, ledger
from sesh import queries
from sesh.daemon.screen import simple_output
from sesh.ops import shell
made = [*ledger._patterns(), shell._SEQUENCES, shell._UNFINISHED]
made += [hint._HARMLESS, hint._SWITCH, hint._ERASED, hint._ERASED_LINE, hint._TOKEN, hint._BACKGROUND]
for module in (queries, simple_output):
    patterns = module._patterns()
    made += [getattr(patterns, name).__self__ for name in patterns.__slots__]
loaded = "re" in sys.modules
import re
for one in made:
    again = re.compile(one.pattern)
    assert one == again and one.groupindex == again.groupindex and one.flags == again.flags, one
print(loaded, len(made), made[0].search(b"\\x1b[?25l").lastgroup)
"""


def _said(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_made_of_kept_code_equals_what_re_compiles_and_re_is_not_loaded() -> None:
    assert _said("-IS", "-c", _MADE).split() == ["False", "22", "mode"]


def test_the_kept_code_is_what_this_python_compiles() -> None:
    """A version of Python without a file of its own, or one that compiles in another way: run `make man`."""
    with open(f"{ROOT}/{sre.kept_in().replace('.', '/')}.py", encoding="utf-8") as file:
        kept = file.read().partition("CODES")[2]
    assert _said(f"{ROOT}/docs/patterns.py", "--print").partition("CODES")[2] == kept


def test_any_other_expression_is_compiled_by_re(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "re", raising=False)
    found = sre.compile(b"(a)(?P<b>b+)").fullmatch(b"abb")
    assert found is not None
    assert found["b"] == b"bb"


@pytest.mark.parametrize("fault", [("00", 0, {}), ("zz", 0, {}), ("0e00", 0, {})], ids=["invalid", "no hex", "half"])
def test_code_that_the_matcher_refuses_is_compiled_by_re(
    monkeypatch: pytest.MonkeyPatch, fault: tuple[str, int, dict[str, int]]
) -> None:
    kept = __import__(sre.kept_in(), fromlist=["CODES"])
    monkeypatch.setitem(kept.CODES, b"a+", fault)
    monkeypatch.delitem(sys.modules, "re", raising=False)
    assert sre.compile(b"a+").fullmatch(b"aa")
