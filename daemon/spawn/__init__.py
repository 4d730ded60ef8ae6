"""How a daemon starts: daemonized, forked from the zygote, in a systemd scope; its program's environment."""
