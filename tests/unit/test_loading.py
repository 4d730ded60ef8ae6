"""The finder of sesh's own modules: it loads what Python's own would load."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

_START = """
import sys
sys.path.insert(0, sys.argv[1])
from sesh import loading
loading.hasten()
{code}
"""


def _run(place: Path, code: str, *options: str) -> str:
    words = [sys.executable, "-IS", *options, "-c", _START.format(code=code), str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A package `sesh` with the module under test, a module, and a package."""
    package = tmp_path / "sesh"
    (package / "inner").mkdir(parents=True)
    source = importlib.util.find_spec("sesh.loading")
    assert source is not None
    assert source.origin is not None
    (package / "__init__.py").write_text("")
    (package / "loading.py").write_text(Path(source.origin).read_text())
    (package / "one.py").write_text("value = 1\n")
    (package / "inner" / "__init__.py").write_text("value = 2\n")
    (package / "inner" / "two.py").write_text("value = 3\n")
    return tmp_path


_VALUES = "from sesh import one, inner; from sesh.inner import two; print(one.value, inner.value, two.value)"


def test_modules_and_packages_are_found_with_and_without_bytecode(place: Path) -> None:
    assert _run(place, _VALUES) == _run(place, _VALUES) == "1 2 3\n"
    assert os.listdir(place / "sesh" / "inner" / "__pycache__")


def test_a_module_says_of_itself_what_it_says_without_the_finder(place: Path) -> None:
    told = "print(two.__file__, two.__package__, two.__cached__, two.__spec__.origin, inner.__path__, inner.__file__)"
    code = f"from sesh import inner; from sesh.inner import two; {told}"
    _run(place, code)
    assert _run(place, code) == _run(place, f"del sys.meta_path[0]; {code}")


def test_a_source_that_has_changed_is_compiled_again(place: Path) -> None:
    _run(place, _VALUES)
    (place / "sesh" / "one.py").write_text("value = 11\n")
    assert _run(place, _VALUES) == "11 2 3\n"


def test_bytecode_of_another_kind_is_left_to_python(place: Path) -> None:
    """With the hash of the source instead of its time; it is checked as Python does."""
    compiled = "import py_compile; py_compile.compile(sys.argv[1] + '/sesh/one.py', invalidation_mode="
    _run(place, f"{compiled}py_compile.PycInvalidationMode.CHECKED_HASH)")
    assert _run(place, _VALUES) == "1 2 3\n"
    (place / "sesh" / "one.py").write_text("value = 5\n")
    assert _run(place, _VALUES) == "5 2 3\n"


def test_damaged_bytecode_is_left_to_python(place: Path) -> None:
    _run(place, _VALUES)
    (cached,) = (place / "sesh" / "__pycache__").glob("one.*")
    cached.write_bytes(b"")
    assert _run(place, _VALUES) == "1 2 3\n"


def test_a_large_module_is_left_to_python(place: Path) -> None:
    text = ", ".join(f"'{number:06}'" for number in range(10_000))
    (place / "sesh" / "one.py").write_text(f"value = len([{text}])\n")
    assert _run(place, _VALUES) == _run(place, _VALUES) == "10000 2 3\n"


def test_a_module_that_is_not_there_is_no_other_error(place: Path) -> None:
    code = "try:\n    import sesh.none\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    assert _run(place, code) == "sesh.none\n"


def test_a_traceback_shows_the_source(place: Path) -> None:
    (place / "sesh" / "one.py").write_text("def fail():\n    raise ValueError('so')\n")
    failing = "try:\n    one.fail()\nexcept ValueError:\n    traceback.print_exc(file=sys.stdout)"
    code = f"import traceback\nfrom sesh import one\n{failing}"
    assert "    raise ValueError('so')" in _run(place, code)


def test_a_traceback_shows_the_source_of_a_package_that_was_moved(place: Path) -> None:
    (place / "sesh" / "one.py").write_text("def fail():\n    raise ValueError('so')\n")
    code = "from sesh import one\nprint(one.fail.__code__.co_filename)"
    _run(place, code)
    moved = place.rename(place.with_name("moved"))
    assert _run(moved, code) == f"{moved}/sesh/one.py\n"


@pytest.mark.parametrize("options", [("-O",), ("-X", "pycache_prefix={}/elsewhere")], ids=["optimized", "elsewhere"])
def test_bytecode_that_is_kept_under_other_names_is_pythons(place: Path, options: tuple[str, ...]) -> None:
    assert _run(place, "print(len(sys.meta_path))", *(option.format(place) for option in options)) == "3\n"


def test_what_speaks_to_the_compiler_alone_loads_no_module_of_python(place: Path) -> None:
    """`from __future__ import annotations` stands in every module."""
    (place / "sesh" / "one.py").write_text("from __future__ import annotations\nvalue = 1\n")
    code = "from sesh import one; print('__file__' in vars(sys.modules['__future__'])); import __future__ as future; "
    found = "print(future.all_feature_names[-1], '__file__' in vars(sys.modules['__future__']))"
    assert _run(place, code + found) == "False\nannotations True\n"


def test_only_a_package_has_a_path_also_once_it_is_loaded_again(place: Path) -> None:
    again = "import importlib; importlib.reload(one); importlib.reload(inner)"
    code = f"from sesh import one, inner; {again}; print(hasattr(one, '__path__'), inner.__path__)"
    _run(place, code)
    assert _run(place, code) == f"False ['{place}/sesh/inner']\n"
