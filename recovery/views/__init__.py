"""The pages of crashes, recoveries, checkpoints and the audit log."""
