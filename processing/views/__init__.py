"""The pages of sessions and photos."""
