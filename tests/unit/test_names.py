"""Names, hosts, labels: what the rule says and nothing else."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.errors import UsageError
from sesh.names import (
    check_host,
    check_label,
    check_name,
    check_variable,
    is_name,
    printable,
)

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", re.ASCII)
NAMES = st.from_regex(NAME, fullmatch=True)
ANYTHING = st.one_of(st.text(max_size=80), NAMES, st.text(string.ascii_letters + "._+-/\0\n", max_size=70))


@given(ANYTHING)
def test_a_name_is_what_the_rule_says_and_nothing_else(word: str) -> None:
    allowed = NAME.fullmatch(word) is not None
    assert is_name(word) is allowed
    if allowed:
        assert check_name(word) == word
    else:
        with pytest.raises(UsageError) as caught:
            check_name(word)
        assert str(caught.value).isprintable()
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "word",
    [
        "", " ", ".", "..", "a/b", "/", "a\0", "a\n", "a\r", "-a", "--kill", "+a", ".hidden", "a b", "a\x1b[31m",
        "käse",        "a" * 65, "a:b", "a@b", "a\\b", "~", "a\u202eb", "١", "a\udc80",
    ],
)  # fmt: skip
def test_r01_words_that_are_no_names_are_refused_in_one_line(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(word)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "word",
    [
        "gpu", "ann@gpu", "gpu:2222", "ann@gpu.example.org:22", "10.0.0.1", "[::1]", "[::1]:22",
        "ann@[fe80::1%eth0]:2222",        "DOMAIN\\ann@host", "ann@realm@host", "my_alias", "h+1", "gpu:65535",
        "me:target@gate", "root@db:SSH:me@gate:2222", "me#web@gate", "me%web@gate", "me=web@gate", "me~web@gate",
        "~@gate", "ann/admin@REALM@host", "host$@gate", "käse@host", "a,b@host", "[a]@[::1]:22", "*@host", "!a@host",
    ],
)  # fmt: skip
def test_ssh_destinations_are_taken(word: str) -> None:
    assert check_host(word) == word


@pytest.mark.parametrize(
    "word",
    [
        "", "-oProxyCommand=x", "-l", "-", "ann@-host", "-l@host", "@host", "ann@", "a b", "a;b", "$(x)", "`x`", "a\nb",
        "a\0", "a'b", 'a"b', "a|b", "a&b", "a>b", "a/b", "ssh://host", "host:", "host:0", "host:65536", "host:١",
        "host:-1", "[::1", "[]", "[::1]:", "[::1]:0", "[::1]:70000", "[::1]:١", "[::1]x", "[-x]", "host:22:22", ".host",
        "a" * 256, "fe80::1", "ann;x@host", "höst", "a*", "!a",
        "a b@host", "a\tb@host", "a\u00a0b@host", "a\x1b@host", "a'b@host", 'a"b@host', "a`b@host", "$(a)@host",
        "{a}@host", "a|b@host", "a&b@host", "a<b@host", "ann\\@host", "ssh://ann@host", "a\u202eb@host", "a\udc80@host",
        "ann@me~b", "ann@a/b",
    ],
)  # fmt: skip
def test_r26_what_ssh_or_a_shell_could_read_as_something_else_is_no_host(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_host(word)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2


@given(st.text(st.sampled_from("ab1-@:[]%.\\ \n\0$;='/"), max_size=16))
def test_no_host_begins_like_an_option_or_holds_what_a_shell_reads(word: str) -> None:
    try:
        check_host(word)
    except UsageError:
        return
    assert not word.startswith("-")
    assert not word.rpartition("@")[2].startswith("-")
    assert not set(word) & set(" \n\0;'")
    assert not set(word.rpartition("@")[2]) & set("$=/~#")


def test_labels_are_a_key_and_a_printable_value() -> None:
    assert check_label("team=a b=ü") == ("team", "a b=ü")
    assert check_label("team=") == ("team", "")
    for wrong in ("team", "=x", "-t=x", "a b=x", "t=\n", "t=\x1b[2J", "t=\u202e", "t=" + "x" * 1025):
        with pytest.raises(UsageError):
            check_label(wrong)


def test_variables_are_a_key_and_any_value() -> None:
    assert check_variable("A=b=c\n") == ("A", "b=c\n")
    for wrong in ("A", "=x", "A=\0"):
        with pytest.raises(UsageError):
            check_variable(wrong)


@given(st.text(max_size=2000))
def test_what_is_shown_is_one_short_line_without_controls(word: str) -> None:
    shown = printable(word)
    assert shown.isprintable()
    assert shown
    assert len(shown) <= 10 * 1024 + 2
