"""Connections to ports of another machine's loopback: what listens on one side, and what connects on the other."""
