"""Destinations as ssh resolves them, shared connections, links."""
