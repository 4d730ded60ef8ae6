"""A session begins as the shell is from which it is created: directory, environment, terminal, attributes.

What the same shell starts without sesh is the judge.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sesh.system import platforms
from tests.support import PROMPT, ROOT, Home, first, need, wait_until

SETTINGS = (
    "erase ^H intr ^G -ixon ixoff ixany tab3",
    "susp undef eol ^A werase ^Y kill ^X tostop -echoctl",
    "-iutf8 rprnt ^P lnext undef start ^A stop ^B",
)


def directory(home: Home, shell: str, create: str, *, env: dict[str, str] | None = None) -> str:
    """Return PWD and OLDPWD of what a shell's line starts in place of `CHILD`."""
    told = Path(home.path, "told")
    child = "sh -c 'echo \"$PWD $OLDPWD\" >~/.told; mv ~/.told ~/told'"
    told.unlink(missing_ok=True)
    line = f"{shell}\n{create.replace('CHILD', child)}"
    subprocess.run(["bash", "--norc", "-c", line], env=home.environment(env), cwd=home.path, check=True)
    wait_until(told.exists, "the child has told its directory")
    return told.read_text().strip()


@pytest.fixture
def linked(home: Home) -> str:
    """Return a directory's name, which is a link."""
    os.makedirs(f"{home.path}/real/deep/project/sub")
    os.symlink(f"{home.path}/real/deep/project", f"{home.path}/project")
    return f"{home.path}/project"


@pytest.mark.parametrize(
    ("shell", "create"),
    [
        ("cd /tmp; cd ~/project", "sesh open work -- CHILD"),
        ("cd ~/project", "cd sub; sesh open work -- CHILD"),
        ("cd ~/project", "sesh exec -d job -- CHILD"),
        ("cd ~/project/sub", "cd ..; sesh open work -- CHILD"),
    ],
)
@pytest.mark.usefixtures("linked")
def test_a_session_has_the_directory_by_the_name_by_which_it_was_entered(home: Home, shell: str, create: str) -> None:
    plain = directory(home, shell, create.replace("sesh open work -- ", "").replace("sesh exec -d job -- ", "") + " &")
    assert directory(home, shell, create) == plain
    assert "/project" in plain
    assert "/real/" not in plain


def test_a_relative_directory_is_found_as_by_every_program_and_named_by_where_one_is(home: Home, linked: str) -> None:
    def opened(words: str) -> str:
        return directory(home, "cd ~/project/sub", f"sesh open {words} -- CHILD").split()[0]

    assert opened("one .") == f"{linked}/sub"
    assert opened("two ..") == linked
    assert opened("three ../..") == f"{home.path}/real/deep", "the directory that `ls ../..` shows"


@pytest.mark.parametrize("wrong", first(3, ["/", "relative", "LOOP", "", "/nowhere", "/tmp/../tmp", "x" * 5000]))
def test_a_pwd_that_does_not_name_the_directory_is_not_believed(home: Home, wrong: str) -> None:
    os.symlink("loop", f"{home.path}/loop")
    named = wrong.replace("LOOP", f"{home.path}/loop/x")
    done = home.sesh("exec", "--print", "--", "sh", "-c", 'echo "$PWD"', env={"PWD": named}, cwd=f"{home.path}/bin")
    assert done.stdout == f"{home.path}/bin\n"


def test_lists_and_what_is_exported_have_that_name(home: Home, linked: str) -> None:
    for name, folder in (("work", ""), ("deeper", "/sub"), ("elsewhere", "/..")):
        home.sesh("open", name, linked)
        assert home.sesh("run", name, "--", f"cd -P .{folder} && pwd").code == 0
    far = f"{home.path}/real/deep"
    assert [home.summary(name)["cwd"] for name in ("work", "deeper", "elsewhere")] == [linked, f"{linked}/sub", far]
    home.write("layout.json", home.sesh("export").stdout)
    assert home.sesh("kill-all", "-y").code == 0
    assert home.sesh("import", "layout.json").code == 0
    assert home.sesh("run", "work", "--", "echo $PWD").stdout == f"{linked}\n"


def test_here_and_a_hook_know_the_directory_by_that_name_too(home: Home, linked: str) -> None:
    home.write(".config/sesh/config.toml", "hook = 'echo \"$PWD\" >~/.hooked; mv ~/.hooked ~/hooked'\n")
    opened = home.terminal(command=["bash", "--norc", "-c", "cd ~/project; exec sesh here"])
    opened.wait_for(PROMPT)
    opened.type('echo "is $PWD"\r')
    opened.wait_for(f"is {linked}")
    opened.type("\\sesh detach; exit 3\r")
    wait_until(Path(home.path, "hooked").exists, "the hook has run")
    assert Path(home.path, "hooked").read_text() == f"{linked}\n"


# -- the environment


LOCALE = "env | grep -E '^(LC_|LANG)' | sort; printf '\\303\\251' | wc -m"


@pytest.mark.parametrize(
    "locale",
    first(
        2,
        [
            {},
            {"LANG": "C"},
            {"LANG": "POSIX"},
            {"LC_ALL": "C"},
            {"LC_CTYPE": "C"},
            {"LC_CTYPE": "C.UTF-8"},
            {"LC_TIME": "C"},
        ],
    ),
    ids=str,
)
def test_no_locale_is_added_to_the_callers(home: Home, locale: dict[str, str]) -> None:
    del home.env["LANG"]
    home.env |= locale
    plain = subprocess.run(["sh", "-c", LOCALE], env=home.env, capture_output=True, text=True, check=True).stdout
    assert home.sesh("exec", "--print", "--", "sh", "-c", LOCALE).stdout == plain
    home.sesh("open", "work")
    assert home.sesh("run", "work", "--", LOCALE).stdout == plain
    assert home.sesh("reload", "work").code == 0
    assert home.sesh("run", "work", "--", LOCALE).stdout == plain


def test_a_hook_has_the_callers_locale_also_after_a_reload(home: Home) -> None:
    home.write(".config/sesh/config.toml", "hook = 'echo \"<$LC_CTYPE>\" >~/.hooked; mv ~/.hooked ~/hooked'\n")
    del home.env["LANG"]
    assert home.sesh("open", "work", "--", "sh", "-c", "read _; exit 3").code == 0
    assert home.sesh("reload", "work").code == 0
    assert home.sesh("send", "work", "--key", "Enter").code == 0
    wait_until(Path(home.path, "hooked").exists, "the hook has run")
    assert Path(home.path, "hooked").read_text() == "<>\n"


def test_variables_that_are_not_text_arrive_as_they_are(home: Home) -> None:
    odd = os.fsdecode(b"\xff\xfe caf\xe9\n\x01")
    show = ("exec", "--print", "--", "sh", "-c", 'printf "%s" "$ODD" | od -An -tx1')
    done = home.sesh(*show, env={"ODD": odd})
    assert bytes.fromhex(done.stdout) == os.fsencode(odd)


# -- the terminal


def settings(home: Home, set_up: str, create: str) -> list[str]:
    """Return what `stty -a` prints in what the line `create` starts in place of `CHILD`, at a terminal so set up."""
    told = Path(home.path, "settings")
    told.unlink(missing_ok=True)
    child = "sh -c 'stty -a >~/.settings; mv ~/.settings ~/settings; exec sleep 100'"
    line = f"stty {set_up}; {create.replace('CHILD', child)}"
    home.terminal(command=["sh", "-c", line], columns=90, rows=30)
    wait_until(told.exists, "the child has told its settings")
    return told.read_text().replace("\n", " ").replace(";", " ; ").split()


@pytest.mark.parametrize("set_up", first(1, SETTINGS))
def test_a_session_has_the_settings_of_its_creators_terminal(home: Home, set_up: str) -> None:
    plain = settings(home, set_up, "CHILD")
    assert settings(home, set_up, "sesh open work -- CHILD") == plain
    assert settings(home, set_up, "sesh exec job -d -- CHILD") == plain
    assert settings(home, set_up, "sesh there -- CHILD") == plain
    plain = settings(home, f"{set_up} columns 80 rows 24", "CHILD")
    aside = "sesh open aside -- CHILD </dev/null >~/said 2>&1"
    assert settings(home, set_up, aside) == plain, "its controlling terminal counts, too"


def test_the_keys_that_are_set_act_in_the_session(home: Home) -> None:
    opened = home.terminal(command=["sh", "-c", "stty erase ^H intr ^G; exec sesh work -- cat"])
    wait_until(lambda: home.summary("work").get("state") == "running", "the session is there")
    opened.type("abc\x08Z\r")
    wait_until(lambda: opened.screen()[1:2] == ["abZ"], "cat has got the line that was edited")


@pytest.mark.parametrize(
    "raw", first(1, ["raw -echo", "-icanon -isig -icrnl -opost -echo min 0 time 5", "cbreak -echo"])
)
def test_the_modes_of_an_editor_are_not_those_of_the_session_that_it_creates(home: Home, raw: str) -> None:
    usual = settings(home, "iutf8", "sesh open one -- CHILD")
    assert settings(home, f"iutf8 intr ^G {raw}", "sesh open two -- CHILD") == [
        *usual[: usual.index("^C")], "^G", *usual[usual.index("^C") + 1 :]
    ]  # fmt: skip


def test_without_a_terminal_a_session_has_what_the_system_gives(home: Home) -> None:
    usual = settings(home, "iutf8", "sesh open one -- CHILD")
    told = Path(home.path, "settings")
    told.unlink()
    words = ["sh", "-c", "stty -a >~/.settings; mv ~/.settings ~/settings; exec sleep 100"]
    assert home.sesh("open", "two", "--size", "90x30", "--", *words).code == 0
    wait_until(told.exists, "the program has told its settings")
    assert told.read_text().replace("\n", " ").replace(";", " ; ").split() == usual


# -- what the kernel keeps


def within(home: Home, before: Sequence[str], show: str) -> tuple[str, str]:
    """Return what a command shows behind the words `before`, and in a session that is created behind them."""
    need(before[0])
    home.sesh("open", "plain")
    plain = subprocess.run([*before, "sh", "-c", show], env=home.env, capture_output=True, text=True, check=False)
    if plain.returncode:
        pytest.skip(f"{shlex.join(before)}: {plain.stderr.strip()}")
    words = [*before, *home.command, "exec", "--print", "--", "sh", "-c", show]
    done = subprocess.run(words, env=home.env, capture_output=True, text=True, check=False)
    later = home.sesh("exec", "--print", "--", "sh", "-c", show).stdout
    usual = subprocess.run(["sh", "-c", show], env=home.env, capture_output=True, text=True, check=False).stdout
    assert later == usual, "the next session has its own creator's"
    return plain.stdout, done.stdout


@pytest.mark.skipif(not platforms.LINUX, reason="Linux has these")
@pytest.mark.parametrize(
    ("before", "show"),
    first(
        3,
        [
            (["ionice", "-c3"], "ionice"),
            (["numactl", "--interleave=all"], "numactl --show | head -1"),
            (["nice", "-n", "5"], "nice"),
            (["ionice", "-c2", "-n7"], "ionice"),
            (["numactl", "--membind=0"], "numactl --show | head -1"),
            (["taskset", "-c", "0"], "taskset -p $$ | sed 's/.*: //'"),
            (["choom", "-n", "300", "--"], "cat /proc/self/oom_score_adj"),
            (["chrt", "-b", "0"], "chrt -p $$ | sed 's/.*: //'"),
            (["setarch", "-R"], "cat /proc/self/personality"),
            (["setpriv", "--no-new-privs"], "grep NoNewPrivs /proc/self/status"),
            (["prlimit", "--core=0:0", "--stack=1048576"], "ulimit -c -s"),
            (["unshare", "-u"], "readlink /proc/self/ns/uts"),
            (["sh", "-c", 'umask 027; exec "$@"', "sh"], "umask"),
            (["sh", "-c", 'echo 300000 >/proc/self/timerslack_ns && exec "$@"', "sh"], "cat /proc/self/timerslack_ns"),
        ],
    ),
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_session_has_what_a_process_inherits_from_its_creator(home: Home, before: list[str], show: str) -> None:
    plain, session = within(home, before, show)
    if before[0] != "unshare":  # each has a namespace of its own
        assert session == plain


@pytest.mark.needs("keyctl")
def test_a_session_has_a_keyring_of_its_own_and_that_which_its_creator_has_named(home: Home) -> None:
    """A login's keyring is revoked when the login ends."""
    if subprocess.run(["keyctl", "session", "-", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no keyring, as in a container")
    for name in ("one", "two"):
        create = f"keyctl add user token {name} @s >~/number; sesh open {name}"
        subprocess.run(["keyctl", "session", name, "sh", "-c", create], env=home.env, check=True, capture_output=True)
    show = "keyctl print $(keyctl search @s user token)"
    assert [home.sesh("run", name, "--", show).stdout for name in ("one", "two")] == ["one\n", "two\n"]
    create = "keyctl add user token login @s >~/number; sesh open three; keyctl revoke @s"
    subprocess.run(["keyctl", "session", "-", "sh", "-c", create], env=home.env, check=True, capture_output=True)
    home.sesh("open", "four")
    assert home.sesh("run", "three", "--", show).code != 0, "a login's own keys are not there"
    for name in ("three", "four"):
        assert home.sesh("run", name, "--", "keyctl add user mine 1 @s >~/number && keyctl show @s").code == 0
    assert "_uid." in home.sesh("run", "three", "--", "keyctl show @s").stdout
    numbers = {home.sesh("run", name, "--", "keyctl id @s").stdout for name in ("three", "four")}
    assert len(numbers) == 2


# -- the user's Python


COMMAND = os.path.join(os.path.dirname(sys.executable), "sesh")
"""Sesh as `make` has installed it."""
NO_ISOLATION = "#!{python}\nfrom sesh.__main__ import start\nstart()\n"


@pytest.mark.skipif(not os.path.exists(COMMAND), reason="needs an installed sesh")
@pytest.mark.parametrize("by", first(1, ["make", "pip"]))
def test_variables_for_another_python_reach_the_session_and_do_not_stop_sesh(home: Home, by: str) -> None:
    """An installer alone writes a command that PYTHONHOME stops before sesh has begun."""
    fake = os.path.dirname(home.write("fakes/json.py", "raise SystemExit('the wrong json')\n"))
    home.write("fakes/socket.py", "raise SystemExit('the wrong socket')\n")
    variables = {"PYTHONPATH": f"{fake}:/nowhere", "PYTHONSAFEPATH": ""}
    if by == "make":
        variables["PYTHONHOME"] = "/nowhere"
        command = COMMAND
    else:
        command = home.write("pip/sesh", NO_ISOLATION.format(python=sys.executable), 0o755)
    env = home.env | variables
    show = "echo $PYTHONPATH $PYTHONHOME"

    def run(*words: str) -> str:
        done = subprocess.run([command, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    wanted = f"{variables['PYTHONPATH']} {variables.get('PYTHONHOME', '')}".strip() + "\n"
    assert run("exec", "--print", "--", "sh", "-c", show) == wanted
    run("open", "work")
    assert run("run", "work", "--", show) == wanted
    run("reload", "work")
    assert run("run", "work", "--", show) == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#!/a/bin/python3.11\nimport sys\n", "#!/a/bin/python3.11 -I\nimport sys\n"),
        ("#!/a/bin/python -I\nimport sys\n", "#!/a/bin/python -I\nimport sys\n"),
        (
            "#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n",
            "#!/bin/sh\n'''exec' \"/a b/python\" -I \"$0\" \"$@\"\n' '''\n",
        ),
        ("#!/bin/sh\nexec other\n", "#!/bin/sh\nexec other\n"),
    ],
)
def test_the_command_of_an_environment_is_isolated_once(home: Home, before: str, after: str) -> None:
    command = Path(home.write("environment/bin/sesh", before, 0o755))
    for _ in range(2):
        subprocess.run(["sh", f"{ROOT}/install/isolate.sh", f"{home.path}/environment"], check=True)
        assert command.read_text() == after
        assert os.access(command, os.X_OK)
    assert os.listdir(command.parent) == ["sesh"]
