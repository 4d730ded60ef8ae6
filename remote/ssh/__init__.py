"""Hosts as ssh resolves them, control masters, links."""
