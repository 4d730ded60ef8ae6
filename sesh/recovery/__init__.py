"""Links that may be dead, and the ways back: what is known of one, and what is tried."""
