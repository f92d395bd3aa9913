"""Which part of the program owns which path."""

from django.contrib import admin
from django.urls import include, path

from config.api import api

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", include("processing.urls")),
    path("", include("recovery.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
]
