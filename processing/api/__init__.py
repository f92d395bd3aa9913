"""REST of sessions, photos, presets and the audit log: `/api/v1/`. Start at sessions.py; shapes.py is what goes in and out."""
