"""The client: a terminal attached to sessions. Terminal modes, keys, the attach loop, reconnecting."""
