"""The dates of files by which a zygote knows that what it has loaded is what a creator would load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sesh.daemon.spawn import dates
from tests.support import ROOT


def test_a_file_that_was_changed_or_removed_holds_no_more(tmp_path: Path) -> None:
    source, bytecode = tmp_path / "module.py", tmp_path / "compiled.pyc"
    source.touch()
    bytecode.touch()
    before = dates._walked(str(tmp_path))
    assert (len(before), dates.hold(before)) == (2, True)
    os.utime(source, ns=(1, 1))
    assert not dates.hold(before)
    bytecode.unlink()
    assert not dates.hold(dates._walked(str(tmp_path)) | {str(bytecode): (1, 0)})


def test_each_module_that_a_zygote_loads_is_among_those_whose_dates_it_knows() -> None:
    loaded = "forking._preload(); files = dates.of_files(); print(len(dates.of_loaded(files)))"
    words = [sys.executable, "-c", f"from sesh.daemon.spawn import dates, forking; {loaded}"]
    assert int(subprocess.check_output(words, cwd=ROOT)) > 50
