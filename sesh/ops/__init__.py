"""What each verb does, here and on a host: data in, data out. Never prints, never exits."""
