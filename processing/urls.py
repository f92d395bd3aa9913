"""Addresses of the pages of sessions."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from processing import views
from processing.forms import LoginForm

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path(
        "login/",
        LoginView.as_view(authentication_form=LoginForm, redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("sessions/<uuid:session_id>/pause/", views.pause, name="session-pause"),
    path("sessions/<uuid:session_id>/resume/", views.resume, name="session-resume"),
    path("sessions/<uuid:session_id>/cancel/", views.cancel, name="session-cancel"),
]
