"""The bundle: this version of sesh with all that it needs, as one archive of `.py` files for any machine.

Packages are copied from this environment, without their binary parts, which each of them can do without. The same input
gives the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution

from sesh import about
from sesh.about import __version__
from sesh.errors import Refused
from sesh.remote.deploy.install import MANIFEST, START

REQUIRED = ("ptyprocess", "pyte", "rich", "tomli", "typer", "wcwidth")
"""Packages that sesh needs on a host: its own requirements without fabric, which ssh can replace."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The modification time of every file: the earliest that an archive can hold."""
_LEFT_OUT = re.compile(r"pygments/lexers/(?!__init__|_mapping)")  # a fifth of the whole, and sesh colours no code
_EXTRA = re.compile(r"\bextra\s*==")
_START = b"""\
\"\"\"Starts the sesh that lies beside this file.\"\"\"

import os
import sys

version = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(version, "lib"))
sys.argv[0] = os.path.normpath(os.path.join(version, "../../../../bin/sesh"))  # the launcher, ~/.local/bin/sesh

from sesh.__main__ import start

start()
"""


class Bundle:
    """The files of a version by their paths.

    `manifest`: a line `sha256 path` for each file, sorted, by which a host verifies its copy. `name`: of its directory
    on a host, VERSION-HASH, where the hash is the manifest's. `size`: bytes of the files.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(sorted({**files, START: _START}.items()))
        lines = (f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in self.files.items())
        self.manifest = "".join(lines).encode()
        self.name = f"{__version__}-{hashlib.sha256(self.manifest).hexdigest()[:12]}"
        self.size = sum(len(data) for data in self.files.values()) + len(self.manifest)

    @functools.cached_property
    def archive(self) -> bytes:
        """The archive, a zip."""
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in {MANIFEST: self.manifest, **self.files}.items():
                member = zipfile.ZipInfo(path, EPOCH)
                member.external_attr = 0o644 << 16
                archive.writestr(member, data, zipfile.ZIP_DEFLATED)
        return whole.getvalue()


_building = threading.Lock()


def build() -> Bundle:
    """The bundle, made once for all hosts. Raises Refused if a package is missing here."""
    with _building:
        return _built()


@functools.cache
def _built() -> Bundle:
    files = about.files()
    for package in _packages():
        files |= _files(package)
    return Bundle({f"lib/{path}": data for path, data in files.items()})


def _packages() -> list[Distribution]:
    """All packages that sesh needs, and those that these require on this machine."""
    packages: dict[str, Distribution] = {}
    wanted = list(REQUIRED)
    while wanted:
        name = wanted.pop()
        if name in packages:
            continue
        try:
            packages[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in REQUIRED:
                raise Refused(f"{name} is not installed here; install sesh again, as `make install` does") from None
            continue  # for another system
        for requirement in packages[name].requires or ():
            match = re.match(r"[\w.-]+", requirement)
            if match is not None and not _EXTRA.search(requirement):
                wanted.append(re.sub(r"[-_.]+", "-", match[0]).lower())
    return [packages[name] for name in sorted(packages)]


def _files(package: Distribution) -> dict[str, bytes]:
    """The files of a package by their paths, with a RECORD of them, so that a deployed sesh can deploy in its turn."""
    files = dict(_installed(package))
    for info in {path.split("/")[0] for path in files if ".dist-info/" in path}:
        record = f"{info}/RECORD"
        files[record] = "".join(f"{path},,\n" for path in sorted([*files, record])).encode()
    return files


def _installed(package: Distribution) -> Iterator[tuple[str, bytes]]:
    if package.files is None:
        name = package.name
        raise Refused(f"{name} is installed here without a file list; install sesh with pip, as `make install` does")
    for path in map(str, package.files):
        located = str(package.locate_file(path))
        if _is_needed(path) and os.path.isfile(located):
            with open(located, "rb") as file:
                data = file.read()
            # Of its metadata the headers only: the rest is its README.
            yield path, data.partition(b"\n\n")[0].rstrip() + b"\n" if path.endswith("/METADATA") else data


def _is_needed(path: str) -> bool:
    parts = path.split("/")
    if any(part in ("", "__pycache__") or part.startswith(".") for part in parts):  # also `..`, and the root
        return False
    if parts[0].endswith(".dist-info"):
        return parts[-1] == "METADATA" or "licen" in path.lower() or "copying" in path.lower()
    return path.endswith(".py") and not _LEFT_OUT.match(path)
