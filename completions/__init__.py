"""The completion scripts: `sesh.bash`, `_sesh` (zsh), `sesh.fish`. What is offered is told by `sesh --complete`."""
