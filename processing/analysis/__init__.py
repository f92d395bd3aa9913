"""Bytes and pixels in, numbers and verdicts out. No Django, no settings, no files."""
