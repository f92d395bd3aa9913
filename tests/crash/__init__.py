"""Real processes killed, frozen and stopped; start at studio.py, which runs them, and victim.py, which dies."""
