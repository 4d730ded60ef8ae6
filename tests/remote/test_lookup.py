"""Sessions found by name alone, and one list of this machine and all remotes."""

from __future__ import annotations

import re

import pytest

from tests.remote.farm import Farm, SshHost
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, processes, wait_until


def known(home: Home, *hosts: SshHost | ViaHost) -> None:
    """Make hosts known by using each of them once."""
    for far in hosts:
        assert home.sesh(far.at, "list").code == 0


def test_a_name_that_is_not_here_is_found_where_it_is(home: Home, beside: Beside) -> None:
    one, two = beside("one"), beside("two")
    known(home, one, two)
    two.sesh("open", "work", "--", "sh", "-c", "echo out; exec cat")
    two.prints("work", "out")
    status = home.sesh("status", "work", "--json")
    assert (status.code, status.json()["host"], status.stderr) == (0, "two", "[work on @two]\n")
    assert home.sesh("logs", "work").stdout == "out\n"
    assert home.sesh("send", "work", "typed", "--enter").code == 0
    two.prints("work", "typed")
    assert home.sesh("wait", "work", "--idle", "0.1").code == 0
    missing = home.sesh("kill", "missing")
    assert (missing.code, "no session missing" in missing.stderr) == (1, True)


def test_a_script_ends_detaches_and_renames_a_session_elsewhere_only_where_it_names_the_machine(
    home: Home, beside: Beside
) -> None:
    """A stale name in a script ended, detached or renamed a session of another machine."""
    far = beside("db")
    known(home, far)
    far.sesh("open", "web", "--", "cat")
    shown = home.terminal("@db", "web")
    wait_until(lambda: home.sesh("status", "web", "--json").json()["attached"] == 1, "a terminal shows it")
    for verb, more in (("kill", ""), ("kill -y", ""), ("detach", ""), ("rename", " shop"), ("kill", " -s SIGCONT")):
        done = home.sesh(*verb.split(), "web", *more.split())
        line = f"sesh @db {verb.split()[0]} web{more}"
        assert (done.code, done.stderr) == (1, f"sesh: web runs on @db, not here; write: {line}\n")
        answer = home.sesh(*verb.split(), "web", *more.split(), "--json")
        assert (answer.code, answer.json()["error"]["code"]) == (1, "refused")
    home.sesh("open", "here", "--", "cat")
    several = home.sesh("kill", "here", "web")
    assert (several.code, "sesh: web runs on @db, not here; write: sesh @db kill web" in several.stderr) == (1, True)
    assert (home.names(), far.names()) == ([], ["web"]), "each of several is tried"
    assert shown.alive
    assert home.sesh("@db", "detach", "web").code == 0
    assert shown.exit_code() == 0
    assert home.sesh("@db", "rename", "web", "shop").code == 0
    assert home.sesh("@db", "kill", "shop").code == 0
    assert far.names() == []


def test_what_is_here_goes_first_and_who_says_local_or_creates_asks_nobody(home: Home, beside: Beside) -> None:
    far = beside("box")
    known(home, far)
    far.sesh("open", "work", "--", "cat")
    links = len(far.links())
    assert home.sesh("status", "work", "--local").code == 1
    assert home.sesh("kill", "work", "--local").code == 1
    assert home.sesh("open", "work", "--", "cat").code == 0
    assert home.sesh("exec", "job", "--", "true").code == 0
    assert home.sesh("status", "work", "--json").json()["host"] is None
    assert home.sesh("kill", "work").code == 0
    assert len(far.links()) == links
    assert far.names() == ["work"]


def test_a_name_on_several_hosts_is_asked_for_or_refused(home: Home, beside: Beside) -> None:
    one, two = beside("one"), beside("two")
    known(home, one, two)
    one.sesh("open", "work", "--", "cat")
    two.sesh("open", "work")
    for words in (["kill", "work"], ["kill", "work", "-s", "SIGCONT"], ["rename", "work", "w"], ["attach", "work"]):
        done = home.sesh(*words)
        assert done.code == 1, words
        assert f"@one, @two; choose one: sesh @one {' '.join(words)}" in done.stderr
        assert done.stderr.count("\n") == 1
    assert home.sesh("run", "work", "--", "true").code == 125
    assert home.sesh("status", "work", "--json").json()["error"]["code"] == "refused"
    terminal = home.terminal("attach", "work")
    terminal.wait_for("1 @one   2 @two   Cancel")
    terminal.type("2")
    terminal.wait_for(PROMPT)
    terminal.wait_for(re.compile(r"^ work on @two", re.MULTILINE))  # the next key removes this line
    terminal.type("echo in=$SESH_DIR\r")
    terminal.wait_for(f"in={two.directory}")
    terminal.type("exit 3\r")
    assert terminal.exit_code() == 3
    two.sesh("open", "work", "--", "cat")
    cancelled = home.terminal("work")
    cancelled.wait_for("Cancel")
    cancelled.type("c")
    assert cancelled.exit_code() == 1
    assert home.names() == []


def test_a_silent_host_that_had_the_session_counts_as_one_that_has_it(home: Home, beside: Beside) -> None:
    """A kill ended the other host's session without a word."""
    one, two = beside("one"), beside("two")
    for far in (one, two):
        far.sesh("open", "work", "--", "cat")
    known(home, one, two)
    two.away()
    done = home.sesh("kill", "work")
    assert (done.code, one.names()) == (1, ["work"])
    assert re.search(r"work runs on @one, and was on @two, which .*; choose one: sesh @one kill work", done.stderr)


def test_sessions_are_searched_wherever_they_are(home: Home, beside: Beside) -> None:
    """`grep` was the only verb that did not look for a name on known remotes."""
    one, two = beside("one"), beside("two")
    known(home, one, two)
    home.sesh("open", "a", "--", "sh", "-c", "echo needle a; exec cat")
    for host, name in ((one, "b"), (two, "c")):
        host.sesh("open", name, "--", "sh", "-c", f"echo needle {name}; exec cat")
        host.prints(name, f"needle {name}")
    assert home.sesh("wait", "a", "--for", "needle a", "--from", "0").code == 0
    done = home.sesh("grep", "needle", "a", "b", "missing", "c")
    assert done.stdout.splitlines() == ["a:1:needle a", "@one b:1:needle b", "@two c:1:needle c"]
    assert "no session missing" in done.stderr
    assert home.sesh("grep", "needle").stdout == "a:1:needle a\n"
    done = home.sesh("reload", "b", "missing")
    assert (done.code, done.stdout) == (1, "b runs the installed sesh now\n")
    assert done.stderr.splitlines()[1].startswith("sesh: no session missing;"), "it has its name already"


def test_a_session_on_a_host_that_does_not_answer_is_not_made_here_without_a_word(home: Home, beside: Beside) -> None:
    """An empty session was created here, and hid the real one."""
    far = beside("box")
    known(home, far)
    assert home.sesh("@box", "open", "solo", "--", "cat").code == 0
    far.away()
    for words in (["status", "solo"], ["kill", "solo"], ["wait", "solo", "--exit"]):
        done = home.sesh(*words)
        assert done.code == 1, words
        again = f"to ask it again: sesh @box {' '.join(words)}"
        assert f"solo was on @box, which does not answer (no route); {again}\n" in done.stderr, done
    assert home.sesh("run", "solo", "--", "true").code == 125
    here = home.terminal("solo", columns=120)
    assert here.exit_code() == 1
    here.wait_for("solo was on @box")
    assert home.names() == []
    made = home.terminal("--local", "solo")
    made.wait_for(PROMPT)
    assert home.names() == ["solo"]


@pytest.mark.soak
@pytest.mark.usefixtures("hurried")
def test_a_host_that_is_silent_is_said_so_once(home: Home, beside: Beside) -> None:
    far = beside("box")
    known(home, far)
    assert home.sesh("@box", "open", "solo", "--", "cat").code == 0
    far.fall_silent()
    done = home.sesh("kill", "solo")
    far.end_silence()
    assert done.stderr == "sesh: solo was on @box, which does not answer; to ask it again: sesh @box kill solo\n"


@pytest.mark.soak
def test_a_host_that_refused_a_login_is_not_asked_for_a_minute_or_until_anyone_reaches_it(
    home: Home, farm: Farm
) -> None:
    """The message said that the host does not answer."""
    why = "its host key has changed"
    far = farm.host("box")
    assert home.sesh("@box", "open", "work", "--", "cat").code == 0
    farm.change_key(far)
    processes.kill(farm.masters())
    asked = len(farm.connections())
    looked = home.terminal("list", columns=100)
    assert looked.exit_code() == 0
    assert re.search(rf"@box  {why}", looked.text())
    assert "assword:" not in looked.text()
    done = home.sesh("label", "work", "a=b")
    assert done.code == 1
    assert re.search(rf"work was on @box, which is not asked until [-\d: ]+ \({why}\)", done.stderr)
    listed = home.sesh("list").stdout
    assert re.search(rf"@box  {why}; not asked until [-\d: ]+, `sesh @box` asks at once\n\? work", listed)
    assert len(farm.connections()) == asked + 1
    farm.know(far)
    assert home.sesh("@box", "list").code == 0
    assert home.sesh("label", "work", "a=b").code == 0


def test_rows_of_the_list_are_shown_as_they_come(home: Home, beside: Beside) -> None:
    quick, slow = beside("quick"), beside("slow")
    known(home, quick, slow)
    quick.sesh("open", "there")
    slow.fall_silent()
    terminal = home.terminal("list")
    terminal.wait_for("there")
    assert terminal.alive
    slow.end_silence()
    assert terminal.exit_code() == 0


def test_a_session_elsewhere_is_ended_only_by_a_person_who_agrees(home: Home, beside: Beside) -> None:
    """`sesh kill s3`, a stale name, ended a session of another machine without a question."""
    far = beside("gpu")
    known(home, far)
    far.sesh("open", "lone", "--", "cat")
    for words in (["lone"], ["lone", "missing"], ["lone", "--json"]):
        terminal = home.terminal("kill", *words, columns=100)
        terminal.wait_for("lone runs on @gpu. End it? [y/N]")
        terminal.type("\r")
        assert terminal.exit_code() == 1
        assert far.names() == ["lone"]
    detached = home.terminal("detach", "lone", columns=100)
    detached.wait_for("lone runs on @gpu. Detach its terminals? [y/N]")
    detached.type("n")
    assert detached.exit_code() == 1
    renamed = home.terminal("rename", "lone", "other", columns=100)
    renamed.wait_for("lone runs on @gpu. Rename it? [y/N]")
    renamed.type("y")
    assert renamed.exit_code() == 0
    assert far.names() == ["other"]
    assert home.terminal("kill", "other", "-y").exit_code() == 0, "a person may say so in advance"
    assert far.names() == []


def test_enter_chooses_none_of_several_hosts_where_a_session_is_to_end(home: Home, beside: Beside) -> None:
    """With -y it ended the session of the first one."""
    one, two = beside("one"), beside("two")
    known(home, one, two)
    for far in (one, two):
        far.sesh("open", "work", "--", "cat")
    terminal = home.terminal("kill", "work", "-y")
    terminal.wait_for("1 @one   2 @two   Cancel")
    terminal.type("\r")
    assert terminal.exit_code() == 1
    assert (one.names(), two.names()) == (["work"], ["work"])


def test_a_label_ends_the_sessions_that_had_it_and_no_other_of_their_names(home: Home, beside: Beside) -> None:
    """Their names were looked up once more: if one had ended meanwhile, one of another machine was ended."""
    far = beside("gpu")
    known(home, far)
    far.sesh("open", "build", "--", "cat")
    for name in ("build", "test"):
        home.sesh("open", name, "--label", "team=shop", "--", "cat")
    terminal = home.terminal("kill", "--label", "team=shop", columns=100)
    terminal.wait_for("end build, test? [y/N]")
    assert home.sesh("--local", "kill", "build", "test").code == 0
    assert home.sesh("--local", "open", "test", "--", "cat").code == 0
    terminal.type("y")
    assert terminal.exit_code() == 0, terminal.text()
    assert "@gpu" not in terminal.text()
    assert (far.names(), home.names()) == (["build"], ["test"]), "both that had the label had ended"


def test_a_name_near_to_a_verb_is_created_only_where_that_is_said(home: Home, beside: Beside) -> None:
    far = beside("box")
    for words in ([], ["@box"]):
        slip = home.terminal(*words, "kil", columns=120)
        assert slip.exit_code() == 1
        assert f"sesh {' '.join([*words, '-A'])} kil)" in slip.text()
    assert (home.names(), far.names()) == ([], [])
    meant = home.terminal("-A", "kil")
    meant.wait_for(PROMPT)
    again = home.terminal("kil")  # the session exists now
    again.wait_for(PROMPT)
    assert home.names() == ["kil"]
    assert home.terminal("cp", "--", "true").exit_code() == 0  # with a command the name is no slip


@pytest.mark.long
@pytest.mark.usefixtures("hurried")
def test_the_time_that_ssh_takes_for_its_configuration_is_none_of_the_host_s(home: Home, farm: Farm) -> None:
    """With a `Match exec` of a second, a list had no answer, how often it was repeated."""
    far = farm.host("box")
    assert home.sesh("@box", "open", "work", "--", "cat").code == 0
    with open(farm.config, encoding="utf-8") as file:
        rest = file.read()
    home.write(".ssh/config", f'Match originalhost box exec "sleep 1.5"\n    Compression yes\n{rest}')
    processes.kill(farm.masters())
    for _ in range(2):
        assert [row.get("stale") for row in home.sesh("list", "--json").json()] == [None]
    assert home.sesh("label", "work", "a=b").code == 0
    assert far.names() == ["work"]
