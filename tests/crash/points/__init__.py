"""A kill before and after every database write; start at forker.py, whose children act and die, and points.py."""
