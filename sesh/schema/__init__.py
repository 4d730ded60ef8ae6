"""The types of values that cross a border, their checks, and their JSON."""
