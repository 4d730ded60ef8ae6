"""Parts that watch the session for others: who waits for it, and its copies on disk."""
