"""What a program wants of the machine of the person who uses it."""
