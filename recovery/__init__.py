"""Checkpoints, crashes and the way back. Reads and steps processing through its public methods.

Read in this order: models, keeping (the manager of checkpoints), contents and seal (what one says, and how it is
bound), ledger (which must be there), checkpoints (what processing calls), detection (who is dead), evidence,
classification and testimony (what happened, and how it is told), resume (the way back).
published and statistics say what the world is told.
"""
