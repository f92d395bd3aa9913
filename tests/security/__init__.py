"""The lines of the security checklist that no other test proves; docs/security.md names the test of each line."""
