"""This machine: its paths, files, descriptors, programs, processes, clock and threads."""
