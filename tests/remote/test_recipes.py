"""Each recipe of docs/RECIPES.md works as it is printed: scripts are run, settings are read by what reads them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.support import ROOT as CHECKOUT
from tests.support import Home, wait_until

AGENT = "#!/bin/sh\nprintf 'may I run: make test? [y/N] '; read -r answer; exec sleep 600\n"
MAKEFILE = "all:\n\t@echo made\nserve:\n\t@echo listening; exec sleep 600\ntest:\n\t@echo tested; exit 3\n"
CODES = {"job=ci-": 2}
"""What a script exits with by the job that it stands for; make's code, if a command of it fails, is 2."""
pytestmark = pytest.mark.usefixtures("light")


def blocks(language: str) -> list[str]:
    """The blocks of the page that are fenced with that word."""
    with open(os.path.join(CHECKOUT, "docs/RECIPES.md"), encoding="utf-8") as page:
        fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read(), re.DOTALL | re.MULTILINE)
    found = [block for word, block in fenced if word == language]
    assert found, language
    return found


def run(home: Home, script: str, **env: str) -> tuple[int, str]:
    """The exit code of a script and what it printed; `env` is the whole environment, if any is given."""
    done = subprocess.run(
        ["bash", "-eu", "-c", script], env=env or home.env, cwd=home.path, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture
def desk(home: Home) -> Home:
    """A home with what the recipes take for granted: a repository, a program that asks, notify-send."""
    home.write("bin/claude", AGENT, 0o755)
    home.write("bin/notify-send", '#!/bin/sh\necho "$@" >>"$HOME/told"\n', 0o755)
    for name in ("Makefile", "shop/Makefile", "site/Makefile"):
        home.write(name, MAKEFILE)
    os.makedirs(f"{home.path}/.local/bin")
    os.symlink(f"{home.path}/bin/sesh", f"{home.path}/.local/bin/sesh")
    commit = "git init -q shop && cd shop && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first"
    subprocess.run(["sh", "-c", commit], cwd=home.path, env=home.env, check=True)
    return home


@pytest.mark.timeout(180)
def test_every_script_of_the_recipes_works_as_it_is_printed(desk: Home) -> None:
    for block in blocks("toml"):
        if "[hooks]" in block:
            desk.write(".config/sesh/config.toml", block)
    editor, project = (json.loads(block) for block in blocks("json"))
    desk.write("sessions.json", json.dumps(project))
    desk.sesh("--open", "web", f"{desk.path}/site", "--", "make", "serve")
    desk.sesh("--open", "db", "--", "sh", "-c", "echo ready; exec sleep 600")
    failed: dict[str, str] = {}
    for script in blocks("sh"):
        if script.startswith("(trap"):
            following = desk.terminal(command=["bash", "-c", script])
            following.wait_for("web: listening")
            following.wait_for("db: ready")
            following.type("\x03")
            following.exit_code()
            continue
        if "--kill task-1" in script:
            look(desk, failed)
        code, said = run(desk, script)
        if code != next((CODES[part] for part in CODES if part in script), 0):
            failed[script] = f"{code}: {said}"
    assert failed == {}
    assert set(desk.names()) == {"db", "shop", "shop-web", "web"}
    wait_until(lambda: "build done" in told(desk), 10, portrait=lambda: told(desk))
    profile = editor["terminal.integrated.profiles.linux"][editor["terminal.integrated.defaultProfile.linux"]]
    opened = desk.terminal(command=[f"{desk.path}/bin/{profile['path']}", *profile["args"]], cwd=f"{desk.path}/shop")
    opened.wait_until(lambda: desk.summary("shop")["attached"] == 1)


def look(desk: Home, failed: dict[str, str]) -> None:
    """Types what the page says of looking after the agents, while they ask."""
    lines = [line for block in blocks("") for line in block.splitlines() if "team=shop" in line]
    assert len(lines) == 2
    for line, key in zip(lines, ("q", "\x1c"), strict=True):
        terminal = desk.terminal(command=["bash", "-c", line])
        terminal.wait_for("may I run: make test")
        while terminal.pump(0.3):
            pass
        terminal.type(key)
        if terminal.exit_code() != 0:
            failed[line] = terminal.text()


def told(desk: Home) -> str:
    """What notify-send was given so far."""
    try:
        with open(os.path.join(desk.path, "told"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def test_the_lines_for_the_boot_work_in_the_environment_of_cron_and_of_systemd(desk: Home) -> None:
    bare = {name: desk.env[name] for name in ("HOME", "SESH_DIR", "TEST_HOME")}
    bare["PATH"] = "/usr/bin:/bin"
    shell, *lines = blocks("crontab")[0].splitlines()
    for line in lines:
        code, said = run(desk, line.removeprefix("@reboot "), **bare, SHELL=shell.partition("=")[2])
        assert code == 0, said
    assert desk.summary("web")["command"] == ["make", "serve"]
    for start in ("ExecStop", "ExecStart"):
        words = next(line for line in blocks("ini")[0].splitlines() if line.startswith(start)).partition("=")[2]
        code, said = run(desk, words.replace("%h", desk.path), **bare, SHELL="/bin/sh")
        assert code == 0, said
        assert bool(desk.names()) == (start == "ExecStart")


@pytest.mark.skipif(not ROOT, reason="sshd that is not root's cannot give terminals away")
def test_ssh_with_the_command_of_the_recipe_is_in_the_session(home: Home, farm: Farm) -> None:
    far = farm.host("gpu")
    path = os.path.join(home.path, ".ssh/config")
    with open(path, encoding="utf-8") as file:
        plain = file.read()
    alias, *settings = blocks("sshconfig")[0].splitlines()
    own = [line for line in settings if "HostName" not in line]
    both = re.sub("^Host gpu$", f"{alias} gpu", plain, flags=re.MULTILINE)
    home.write(".ssh/config", "\n".join([alias, *own, both]), 0o600)
    terminal = home.terminal(command=["ssh", "gpu-work"])
    terminal.wait_until(lambda: far.has_attached("work"))
    terminal.type("echo seen-$((40+2))\r")
    terminal.wait_for("seen-42")  # until then its keys are those of a terminal that is not raw
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert far.names() == ["work"]


def test_the_settings_of_the_recipes_are_settings_of_sesh(home: Home) -> None:
    for block in blocks("toml"):
        home.write(".config/sesh/config.toml", block)
        assert home.sesh("--list", "--local").stderr == ""
    assert [shlex.split(line)[0] for line in blocks("systemctl")[0].splitlines()] == ["systemctl", "loginctl"]
