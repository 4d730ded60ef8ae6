"""Scripts for shells: completion (`sesh.bash`, `_sesh`, `sesh.fish`), which asks sesh for words; integration."""
