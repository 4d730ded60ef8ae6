"""What a program wants of this machine: consent, exchanges, queries, listeners. Loaded once a screen shows."""
