"""How fast and how light sesh is, beside tmux, screen, dtach and a plain terminal: `make bench`."""
