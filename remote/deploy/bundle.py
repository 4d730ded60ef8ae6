"""Build the bundle: an archive of this sesh and its packages, for any machine.

Packages are copied from this environment without their optional binary modules. The build is reproducible.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError

from sesh import about
from sesh.about import __version__
from sesh.errors import Refused
from sesh.remote.deploy.install import START

# The packages that sesh imports, and those that these import; some versions of rich and typer need fewer. A deployed
# sesh does without fabric and mcp.
PACKAGES = (
    "annotated-doc", "ptyprocess", "pyte", "rich", "shellingham", "tomli", "typer", "typing-extensions", "wcwidth",
)  # fmt: skip
EPOCH = (1980, 1, 1, 0, 0, 0)  # the modification time of every file: the earliest that a zip archive can hold
_START = b"""\
\"\"\"Starts the sesh in the directory of this file.\"\"\"

import os
import sys

version = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(version, "lib"))
sys.argv[0] = os.path.normpath(os.path.join(version, "../../../../bin/sesh"))  # the launcher, ~/.local/bin/sesh

from sesh.__main__ import start

start()
"""


@dataclass(frozen=True)
class Bundle:
    name: str  # the name of its directory on a host, VERSION-HASH
    archive: bytes


@functools.cache
def build() -> Bundle:
    """Build the bundle once. Raises Refused if a package's files cannot be found."""
    return packed(files())


def files() -> dict[str, bytes]:
    """Read the files of this version, by path. Raises Refused."""
    found = about.files()
    for name in PACKAGES:
        found |= _package(name)
    return {f"lib/{path}": data for path, data in found.items()}


def packed(contents: dict[str, bytes]) -> Bundle:
    """Pack the files of a version, and name it by their hash."""
    whole, digest = io.BytesIO(), hashlib.sha256()  # not of the archive, whose form differs between machines
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted({**contents, START: _START}.items()):
            digest.update(f"{hashlib.sha256(data).hexdigest()} {path}\n".encode())
            member = zipfile.ZipInfo(path, EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return Bundle(f"{__version__}-{digest.hexdigest()[:12]}", whole.getvalue())


def _package(name: str) -> dict[str, bytes]:
    """Read the modules, the metadata and the licences of a package, by path."""
    try:
        package = importlib.metadata.distribution(name)
    except PackageNotFoundError:
        return {}
    if package.files is None:
        raise Refused(f"{name} is installed here without a file list; install sesh with pip, as `make install` does")
    chosen = [path for path in package.files if path.suffix == ".py" or path.name.startswith(("METADATA", "LICENSE"))]
    found = {path.as_posix(): path.read_binary() for path in chosen}
    # The list of files, from which a deployed sesh makes the bundle for another host.
    record = next(f"{path.parent}/RECORD" for path in chosen if path.name == "METADATA")
    return {**found, record: "".join(f"{path}\n" for path in sorted(found)).encode()}
