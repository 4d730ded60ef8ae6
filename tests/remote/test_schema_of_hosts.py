"""What verbs print for sessions of hosts, of one and of several, is what `--schema` says."""

from __future__ import annotations

import json
from typing import Any

from sesh.cli.verbs import VERBS
from tests.remote.farm import Farm
from tests.support import Home
from tests.support.schemas import described

LINES: dict[str, list[str]] = {
    "--open": ["work"],
    "--list": [],
    "--exec": ["--", "true"],
    "--run": ["work", "--", "echo needle"],
    "--send": ["work", "x", "--enter"],
    "--wait": ["work", "--prompt", "--timeout", "20"],
    "--screen": ["work", "--format", "json"],
    "--logs": ["work"],
    "--grep": ["needle"],
    "--status": ["work"],
    "--doctor": [],
    "--sweep": ["--dry-run"],
    "--reload": ["work"],
    "--kill": ["work"],
    "--kill-all": ["-y"],
}
"""A line for each verb that takes several hosts and needs no deploy, in an order in which they work."""
ALONE = ("--list", "--run", "--screen", "--status")
"""The verbs that are tried for one host too."""


def test_answers_of_one_host_and_of_several_are_of_the_schema(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("two", proxied=True).proxy.refuse()
    apart = {"--events", "--watch", "--pick", "--next", "--restore", "--deploy", "--forget", "--undeploy"}
    assert LINES.keys() == {verb.name for verb in VERBS if verb.several} - apart
    whole = home.sesh("--schema").json()
    for verb, words in LINES.items():
        shown: dict[str, Any] = {**whole["properties"][verb], "$defs": whole["$defs"]}
        if verb in ALONE:
            assert described(home.sesh("@one", verb, "--json", *words).json(), shown) == [], verb
        both = home.sesh("@one", "@two", verb, "--json", *words).json()
        assert described(both, shown, closed=False) == [], verb
        assert isinstance(both, list)
        assert [row for row in both if row.get("host") == "two" and ("error" in row or verb == "--doctor")], verb
    gone = home.sesh("@two", "--status", "work", "--json").json()
    assert described(gone, {**whole["properties"]["--status"], "$defs": whole["$defs"]}) == []
    home.sesh("@one", "--open", "work")
    following = home.start("@one", "--events", "work", "--since", "0", "--json")
    assert following.stdout is not None
    event = json.loads(following.stdout.readline())
    assert described(event, {**whole["properties"]["--events"], "$defs": whole["$defs"]}) == []
