"""How a daemon starts: launched by its creator, detached, forked from the zygote, in a systemd scope of its own."""
