"""The client's room: terminal modes, keys, the attach loop and prompts."""
