"""Other machines: the same verbs after `@box`, and links that break."""

from __future__ import annotations

from tests.support import PROMPT, Home, Open, Sesh, processes


def cut_links(far: Home) -> None:
    """Kill the far ends of all links to a host, as a network that breaks."""
    processes.kill(pid for pid in far.processes() if "--bridge" in processes.describe(pid))


def test_the_verbs_are_the_same_on_another_machine(sesh: Sesh, box: Home) -> None:
    assert sesh("@box", "open", "train", "--", "cat").code == 0
    assert sesh("@box", "exec", "--print", "--", "sh", "-c", "echo $HOME; exit 3").stdout == f"{box.path}\n"
    assert [session["name"] for session in sesh("@box", "list", "--json").json()] == ["train"]
    assert box.names() == ["train"], "it runs there"
    assert sesh("@box", "kill", "train").code == 0


def test_a_session_of_another_machine_is_found_by_its_name_alone(sesh: Sesh, box: Home) -> None:
    box.sesh("open", "train", "--", "cat")
    assert sesh("@box", "list").code == 0  # from now on sesh knows this host
    status = sesh("status", "train")
    assert status.stderr == "[train on @box]\n"
    assert sesh("status", "train", "--local").code == 1


def test_a_link_that_breaks_is_back_by_itself_with_what_was_missed(terminal: Open, box: Home) -> None:
    window = terminal("@box", "work")
    window.wait_for(PROMPT)
    window.type("printf 'tell: '; read line; echo got $line\r")
    window.wait_for("\ntell:")
    cut_links(box)
    assert box.sesh("send", "work", "meanwhile", "--enter").code == 0
    window.wait_for("got meanwhile")
    window.type("echo on we go\r")
    window.wait_for("\non we go")
