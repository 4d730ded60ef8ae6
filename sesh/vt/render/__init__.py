"""The state of a terminal as bytes that restore it, and as text and data."""
