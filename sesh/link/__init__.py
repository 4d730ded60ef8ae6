"""Links to hosts: how one is opened, its health, and the keeper that replaces it."""
