"""The web application, for waitress or any other WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from config.privacy import keep_private

keep_private()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
