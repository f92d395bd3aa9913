"""The first user: made once, with a password that is shown once."""

import secrets

from django.contrib.auth import get_user_model

FIRST_USERNAME = "admin"
PASSWORD_BYTES = 12


def make_first_user() -> str | None:
    """Make an administrator if there is no user yet, and give the one-time password; None if there are users."""
    users = get_user_model().objects
    if users.exists():
        return None
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    users.create_superuser(FIRST_USERNAME, password=password)
    return password
