"""Settings, URLs and system checks: what binds the two apps into one site."""
