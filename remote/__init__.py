"""Hosts, reached by ssh or by any command that runs its arguments on them."""
