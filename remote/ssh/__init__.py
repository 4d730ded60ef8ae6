"""Destinations as ssh resolves them, shared connections, and what ssh prints."""
