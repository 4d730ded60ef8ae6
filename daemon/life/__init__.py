"""A session described, ended, and handed over to another sesh."""
