"""Checkpoints, crashes and the way back. Reads and steps processing through its public methods.

Read in this order: models, detection, resume.
"""
