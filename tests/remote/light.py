"""Deploys that cost little, for tests of all else in them: the bundle brings its modules compiled and without their
sources, only those that verbs load, and a smoke test that tries one verb. What is sent, verified, unpacked, tried and
put into service is the same besides.
"""

from __future__ import annotations

import fcntl
import importlib.util
import marshal
import os
import pickle
import re
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader

from sesh.remote.deploy import bundle
from sesh.remote.deploy.survey import Platform, Python

Build = Callable[[Platform, Python], bundle.Bundle]

_LOADED = re.compile(
    r"lib/(ptyprocess|pyte|sesh|typer|shellingham|annotated_doc|typing_extensions|wcwidth)/(?!_wcwidth_c\.|table_grapheme_overrides/_known_)"
)
_SMOKE = "lib/sesh/remote/deploy/smoke.py"
_TRIAL = b"""import subprocess, sys
done = subprocess.run([sys.argv[1], "--version"], stdout=subprocess.PIPE, text=True)
sys.exit(done.returncode or not done.stdout.endswith(f" {sys.argv[2]}\\n"))
"""
_HEADER = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8)  # PEP 552: by a hash that nobody checks
_whole_build = bundle.build


def building(folder: str) -> Build:
    """A build whose bundles are made once and kept in `folder`, for all processes of a run."""

    def build(platform: Platform, python: Python) -> bundle.Bundle:
        path = os.path.join(folder, f"{platform} {python.version}".replace("/", "_"))
        with open(os.path.join(folder, "bundles.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                files = {
                    path: data for path, data in _whole_build(platform, python).files.items() if _LOADED.match(path)
                }
                files[_SMOKE] = _TRIAL
                made = bundle.Bundle(_compiled(files) if python.minor == sys.version_info[:2] else files)
                with open(f"{path}.new", "wb") as kept:
                    pickle.dump((made.files, made.packed()), kept)
                os.rename(kept.name, path)
        with open(path, "rb") as file:
            files, packed = pickle.load(file)  # noqa: S301 (our own)
        made = bundle.Bundle(files)
        made._packed = packed
        return made

    return build


def _compiled(files: dict[str, bytes]) -> dict[str, bytes]:
    """The modules of a bundle, compiled as they are here, in the place of their sources."""
    compiled = {path: data for path, data in files.items() if path == _SMOKE or not path.endswith(".py")}
    for path in files.keys() - compiled.keys():
        _, package, rest = path.split("/", 2)
        found = importlib.util.find_spec(package)
        source = os.path.join(os.path.dirname(str(found and found.origin)), rest)
        code = SourceFileLoader(path, source).get_code(path)
        compiled[f"{path}c"] = _HEADER + marshal.dumps(code)
    return compiled
