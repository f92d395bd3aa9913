"""Addresses of the pages of sessions."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from processing.forms import LoginForm
from processing.views import (
    creation,
    health,
    keys,
    photo,
    pictures,
    presets,
    results,
    session,
    sessions,
    settings,
    tokens,
    verdicts,
)

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path(
        "login/",
        LoginView.as_view(authentication_form=LoginForm, redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", sessions.sessions, name="sessions"),
    path("keys/", keys.keys, name="keys"),
    path("settings/", settings.settings, name="settings"),
    path("settings/appearance/", settings.appearance, name="settings-appearance"),
    path("settings/keys/", settings.keys, name="settings-keys"),
    path("settings/password/", settings.password, name="settings-password"),
    path("settings/sign-out/", settings.sign_out_everywhere, name="settings-sign-out"),
    path("settings/tokens/", tokens.make, name="settings-token-new"),
    path("settings/tokens/<slug:token_id>/revoke/", tokens.revoke, name="settings-token-revoke"),
    path("settings/presets/new/", presets.new_preset, name="preset-new"),
    path("settings/presets/restore/", presets.restore_preset, name="preset-restore"),
    path("settings/presets/<int:preset_id>/", presets.preset, name="preset"),
    path("settings/presets/<int:preset_id>/delete/", presets.delete_preset, name="preset-delete"),
    path("sessions/new/", creation.new_session, name="session-new"),
    path("sessions/<uuid:session_id>/", session.session, name="session"),
    path("sessions/<uuid:session_id>/pause/", session.pause, name="session-pause"),
    path("sessions/<uuid:session_id>/resume/", session.resume, name="session-resume"),
    path("sessions/<uuid:session_id>/cancel/", session.cancel, name="session-cancel"),
    path("sessions/<uuid:session_id>/checkpoint/", session.checkpoint, name="session-checkpoint"),
    path("sessions/<uuid:session_id>/results/", results.results, name="session-results"),
    path("sessions/<uuid:session_id>/results/verdict/", verdicts.give, name="session-verdict"),
    path("sessions/<uuid:session_id>/results/all/", verdicts.give_to_all, name="session-verdict-all"),
    path("sessions/<uuid:session_id>/results/undo/", verdicts.take_back, name="session-verdict-undo"),
    path("sessions/<uuid:session_id>/results/<int:position>/", photo.photo, name="session-photo"),
    path(
        "sessions/<uuid:session_id>/thumbnails/<int:position>", pictures.thumbnail, name="session-thumbnail"
    ),
    path("sessions/<uuid:session_id>/crops/<int:position>", pictures.crop, name="session-crop"),
    path("sessions/<uuid:session_id>/pictures/<int:position>", pictures.picture, name="session-picture"),
]
