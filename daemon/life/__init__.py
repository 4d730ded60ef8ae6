"""The session described, and its end."""
