"""Checkpoints, crashes and the way back. Reads and steps processing through its public methods.

Read in this order: models, checkpoints (made with each commit), detection (who is dead), resume (the way back).
published and statistics say what the world is told.
"""
