"""Benchmarks of sesh beside tmux, screen, dtach and a plain terminal: `make bench`."""
