"""Build the bundle: an archive of `.py` files with this version of sesh and its packages, for any machine.

Packages are copied from this environment without their optional binary modules. The build is reproducible.
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
from dataclasses import dataclass
from importlib.metadata import Distribution

from sesh import about
from sesh.about import __version__
from sesh.errors import Refused
from sesh.remote.deploy.install import START

REQUIRED = ("ptyprocess", "pyte", "rich", "tomli", "typer", "wcwidth")  # sesh's requirements without optional fabric
_UNUSED = ("markdown-it-py", "pygments")  # rich needs them to render Markdown and code, which sesh does not
EPOCH = (1980, 1, 1, 0, 0, 0)  # the modification time of every file: the earliest that a zip archive can hold
_UNWANTED = re.compile(r"(.*/)?(__pycache__/.*|\..*)|/.*")
_METADATA = re.compile(r"[^/]+\.dist-info/(METADATA|.*(licen|copying).*)", re.IGNORECASE)
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


_building = threading.Lock()


def build() -> Bundle:
    """Build the bundle, once for all hosts. Raises Refused if a package is missing on this machine."""
    with _building:
        return _built()


@functools.cache
def _built() -> Bundle:
    return packed(files())


def files() -> dict[str, bytes]:
    """Read the files of this version, by path. Raises Refused."""
    found = about.files()
    for package in _packages():
        found |= _files(package)
    return {f"lib/{path}": data for path, data in found.items()}


def packed(contents: dict[str, bytes]) -> Bundle:
    """Pack the files of a version. Its name has a hash of them, as archives of other machines may differ in form."""
    whole, digest = io.BytesIO(), hashlib.sha256()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted({**contents, START: _START}.items()):
            digest.update(f"{hashlib.sha256(data).hexdigest()} {path}\n".encode())
            member = zipfile.ZipInfo(path, EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return Bundle(f"{__version__}-{digest.hexdigest()[:12]}", whole.getvalue())


def _packages() -> list[Distribution]:
    """Find the packages that sesh uses, directly or through another package."""
    packages: dict[str, Distribution] = {}
    wanted = list(REQUIRED)
    for name in wanted:
        try:
            packages[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in REQUIRED:
                raise Refused(f"{name} is not installed here; install sesh again, as `make install` does") from None
            continue  # required on another system only
        for requirement in packages[name].requires or ():
            required = re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()
            if "extra ==" not in requirement and required not in (*wanted, *_UNUSED):
                wanted.append(required)
    return [packages[name] for name in sorted(packages)]


def _files(package: Distribution) -> dict[str, bytes]:
    """Read the files of a package, by path. Add a RECORD, their list, which a deployed sesh needs to deploy itself."""
    if package.files is None:
        name = package.name
        raise Refused(f"{name} is installed here without a file list; install sesh with pip, as `make install` does")
    found = {}
    for path in package.files:
        name, located = path.as_posix(), str(path.locate())
        is_wanted = name.endswith(".py") or _METADATA.fullmatch(name)
        if is_wanted and not _UNWANTED.fullmatch(name) and os.path.isfile(located):
            with open(located, "rb") as file:
                found[name] = file.read()
    info = next(name.split("/")[0] for name in found if ".dist-info/" in name)
    record = f"{info}/RECORD"
    return {**found, record: "".join(f"{path},,\n" for path in sorted([*found, record])).encode()}
