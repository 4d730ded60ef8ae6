"""Programs of the current directory are not run: a checkout may hold its own `ssh`."""

from __future__ import annotations

import os

import pytest

from tests.remote.farm import Farm
from tests.support import Home

NAMES = ["ssh", "rsync", "scp", "autossh", "ps", "less", "systemctl", "systemd-run", "pip", "pip3", "uv", "sh"]
BOX, OTHER = "box.invalid", "other.invalid"
"""Names that no DNS resolves: else an ssh without the test's configuration could log in to a real host, and record its
key in the user's own known_hosts."""


@pytest.mark.usefixtures("light")
@pytest.mark.needs("rsync")
@pytest.mark.parametrize(
    "path",
    [":{}", *(pytest.param(path, marks=pytest.mark.soak) for path in ("{}:", "", ":", ".:{}", "bin::{}"))],
    ids=lambda path: path or "empty",
)
def test_no_program_of_the_current_directory_is_run(home: Home, farm: Farm, path: str) -> None:
    farm.host(BOX, config={"Compression": "no"})
    other = farm.host(OTHER, installed=False, config={"Ciphers": "aes128-ctr"})
    other.write(".local/bin/sesh", "#!/bin/sh\n", 0o755)  # so the deploy is refused: what comes later runs on the host
    for name in NAMES:
        for folder in ("here", "here/bin"):
            home.write(f"{folder}/{name}", f"#!/bin/sh\necho {name} >>{home.path}/ran\nexit 1\n", 0o755)
    home.write(".config/sesh/sync", "file\n")
    home.write("file", "pushed")
    env = {"PATH": path.format(home.env["PATH"])}
    where = os.path.join(home.path, "here")
    reached = "{}" in path  # else the system's ssh runs, which does not know these hosts
    for words in (
        (f"@{BOX}", "list"),
        ("deploy", f"@{OTHER}"),
        ("doctor",),
        ("open", "here", "--", "sleep", "1000"),
        ("sweep", "--dry-run"),
        ("--complete", "directories", ""),
    ):
        done = home.sesh(*words, env=env, cwd=where, timeout=60)
        refused = words[0] == "deploy" and "--force` replaces it" in done.stderr
        assert done.code == 0 or not reached or refused or words[0] in ("doctor", "--complete"), (words, done.stderr)
    by_autossh = {**env, "SESH_SSH": "autossh", "SESH_CTRL_DIR": f"{home.path}/control"}
    home.sesh(f"@{BOX}", "list", env=by_autossh, cwd=where)
    assert not os.path.exists(os.path.join(home.path, "ran"))
