"""Checkpoints, crashes and the way back. Reads and steps processing through its public methods.

Read in this order: models, keeping (CheckpointManager: the manager of checkpoints, with create_session_checkpoint),
kinds (CheckpointType), contents and seal (what a checkpoint says, and how it is bound), ledger and chain (which must
be there), pruning, rotation (of keys), checkpoints (what processing calls), checkpoint_acts (what people do);
detection (detect_crashes_on_startup: who is dead), evidence, classification and testimony (why); changes, confidence
and plans (prepare_recovery_options: the ways back), resume (execute_recovery), undo, automatic; integrity (whether
all is as it was written); audit, acts and overrides (who did what); deletion; statistics.
"""
