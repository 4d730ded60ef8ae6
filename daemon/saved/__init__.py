"""A session as data that outlives its process: on disk, in case it dies, and for another version of sesh."""
