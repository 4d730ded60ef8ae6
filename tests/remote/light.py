"""Deploys that cost little, for tests of all else in them: the bundle brings its modules compiled, without packages
that only help and rare lines load, and the host neither compiles any nor waits for its disk. What is sent, verified,
unpacked, tried and put into service is the same besides.
"""

from __future__ import annotations

import fcntl
import importlib.util
import marshal
import os
import pickle
import sys
from collections.abc import Callable

from sesh.remote.deploy import bundle, deploy, unpack
from sesh.remote.deploy.survey import Platform, Python

Build = Callable[[Platform, Python], bundle.Bundle]

_LEFT_OUT = b"        self._compile(target)\n        _sync_tree(target)\n"
_UNUSED = tuple(f"lib/{name}/" for name in ("markdown_it", "mdurl", "pydantic", "pydantic_core", "pygments", "rich"))
_HEADER = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8)  # PEP 552: by a hash that nobody checks
_whole_build, _whole_source = bundle.build, deploy._unpack_source


def building(folder: str) -> Build:
    """A build whose bundles are made once and kept in `folder`, for all processes of a run."""

    def build(platform: Platform, python: Python) -> bundle.Bundle:
        path = os.path.join(folder, f"{platform} {python.version}".replace("/", "_"))
        with open(os.path.join(folder, "bundles.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                files = {path: data for path, data in _whole_build(platform, python).files.items() if _needed(path)}
                made = bundle.Bundle({**files, **(_compiled(files) if python.minor == sys.version_info[:2] else {})})
                with open(f"{path}.new", "wb") as kept:
                    pickle.dump((made.files, made.packed()), kept)
                os.rename(kept.name, path)
        with open(path, "rb") as file:
            files, packed = pickle.load(file)  # noqa: S301 (our own)
        made = bundle.Bundle(files)
        made._packed = packed
        return made

    return build


def _needed(path: str) -> bool:
    """Whether a file is loaded by what the smoke test tries."""
    return not path.startswith(_UNUSED) and ".dist-info/" not in path


def source() -> bytes:
    """What runs on the host, less what takes long."""
    whole = _whole_source()
    assert whole.count(_LEFT_OUT) == 1
    return whole.replace(_LEFT_OUT, b"")


def install(folder: str) -> None:
    """From now on all deploys of this process are light."""
    vars(bundle)["build"], vars(deploy)["_unpack_source"] = building(folder), source


def _compiled(files: dict[str, bytes]) -> dict[str, bytes]:
    """The compiled modules of a bundle, as the host would make them."""
    compiled: dict[str, bytes] = {}
    for path, data in files.items():
        if path.startswith("lib/") and path.endswith(".py") and path.split("/")[1] not in unpack._NOT_COMPILED:
            folder, name = os.path.split(path)
            cache = f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
            code = compile(data, path, "exec", dont_inherit=True)
            compiled[cache] = _HEADER + marshal.dumps(code)
    return compiled
