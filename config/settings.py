"""Every setting, once, from the environment or `.env`; a wrong value stops the start with a sentence."""

from datetime import timedelta
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from config import databases, environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent
environment.read_file(BASE_DIR / ".env")

# --- where things are ---
STOCKPROOF_VAR = environment.read_state_folder("STOCKPROOF_VAR", BASE_DIR / "var")
STOCKPROOF_SOURCE_ROOTS = environment.read_folders("STOCKPROOF_SOURCE_ROOTS")
STOCKPROOF_OUTPUT_ROOTS = environment.read_folders("STOCKPROOF_OUTPUT_ROOTS")
# The web process sets this for itself alone (config.web); `check` refuses it everywhere else.
STOCKPROOF_POOLED = environment.read_switch("STOCKPROOF_POOLED", default=False)
DATABASES = {
    "default": databases.hardened(
        environment.read_database("DATABASE_URL", f"sqlite:///{STOCKPROOF_VAR / 'stockproof.sqlite3'}"),
        STOCKPROOF_VAR,
        is_pooled=STOCKPROOF_POOLED,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- how the work is done ---
USABLE_CORES_COUNT = environment.usable_cores_count()
STOCKPROOF_WORKERS = environment.read_whole("STOCKPROOF_WORKERS", USABLE_CORES_COUNT, 1, 256)
STOCKPROOF_DEVICE = environment.read_device("STOCKPROOF_DEVICE")
BATCH_SIZE = environment.read_whole("BATCH_SIZE", 50, 1, 10_000)
CHECKPOINT_INTERVAL = environment.read_whole("CHECKPOINT_INTERVAL", 10, 1, 10_000)
PHOTO_TIMEOUT_S = environment.read_seconds("PHOTO_TIMEOUT_S", 30, 1, 3600)
CRASH_DETECTION_TIMEOUT_S = environment.read_seconds("CRASH_DETECTION_TIMEOUT_S", 300, 0, 86_400)
CHECKPOINT_KEEP_COUNT = environment.read_whole("CHECKPOINT_KEEP_COUNT", 5, 1, 1000)
AUTO_RECOVER_IS_GIVEN = bool(environment.read_text("AUTO_RECOVER"))
AUTO_RECOVER = environment.read_choice("AUTO_RECOVER", "off", ("off", "safe", "always"))

# SQLite has one writer at a time, so its workers say more rarely that they live.
HEARTBEAT_S = 1 if DATABASES["default"]["ENGINE"] == databases.POSTGRESQL else 2
# A lane works this long, then lets other sessions have the worker.
LANE_SLICE_S = 30
# Pages that show the same session share one look at it for so long; a page asks every 2 s.
SHARED_LOOK_S = 1.0
# How often a parent looks for the dead and offers missing lanes.
SWEEP_S = 1

# --- secrets ---
SECRET_KEY_IS_GIVEN = bool(environment.read_text("SECRET_KEY"))
SECRET_KEY = environment.read_text("SECRET_KEY") or environment.kept_secret(STOCKPROOF_VAR / "secret_key")
STOCKPROOF_CHECKPOINT_KEYS_ARE_GIVEN = bool(environment.read_words("STOCKPROOF_CHECKPOINT_KEYS"))
STOCKPROOF_CHECKPOINT_KEYS = environment.read_words("STOCKPROOF_CHECKPOINT_KEYS") or [
    environment.kept_secret(STOCKPROOF_VAR / "checkpoint_keys")
]

# --- the web ---
DEBUG = environment.read_switch("DEBUG", default=False)
# `serve` sets this for its children: public means beyond loopback, behind a proxy that speaks HTTPS.
STOCKPROOF_SERVED = environment.read_choice("STOCKPROOF_SERVED", "loopback", ("loopback", "public"))
ALLOWED_HOSTS = environment.read_words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.read_origins("CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
CSRF_FAILURE_VIEW = "config.errors.form_too_old"

_public = STOCKPROOF_SERVED == "public"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# With this prefix a browser takes them from this host alone, over HTTPS alone (RFC 6265bis, section 4.1.3.2).
SESSION_COOKIE_NAME = "__Host-sessionid" if _public else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _public else "csrftoken"
SESSION_COOKIE_AGE = 14 * 86_400
SECURE_SSL_REDIRECT = _public
SECURE_HSTS_SECONDS = 365 * 86_400 if _public else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _public
# Whether browsers ship with a domain's name in their list is for its owner to say, of all that is under it.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _public else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "config.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_q",
    # Before ours: what it finds out about a failed login is what the audit log then says of it.
    "axes",
    "config.apps.HouseConfig",
    "processing",
    "recovery",
]
MIDDLEWARE = [
    "config.middleware.StrictPages",
    "config.problems.Problems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "processing.frame.frame",
                "recovery.frame.frame",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- the guard at the login ---
# A person is locked out from one address only, so that nobody can lock out somebody else from elsewhere.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "config.guard.name_mark"
AXES_CLIENT_IP_CALLABLE = "config.guard.client_address"
AXES_LOCKOUT_CALLABLE = "config.errors.locked_out"
# Who came and went is in the audit log; a second list would be kept by nobody.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

STATIC_URL = "/static/"
# Static files are served from where they lie (config/static), so nobody has to run collectstatic.
WHITENOISE_USE_FINDERS = True

# --- language and time ---
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]

# --- logs ---
# `serve` and `workers` log from INFO up unless one is given.
LOG_LEVEL_IS_GIVEN = bool(environment.read_text("LOG_LEVEL"))
LOG_LEVEL = environment.read_choice("LOG_LEVEL", "warning", ("debug", "info", "warning", "error")).upper()
LOGGING = logs.configuration(LOG_LEVEL)

# --- the queue ---
# It wakes workers and remembers nothing. Only its signing, its tables and its worker loop are used, so only what
# those read is set. A lane has no time limit of its own here, because a photo's limit and the death of a worker
# are seen by our own parent process.
Q_CLUSTER = {
    "name": "stockproof",
    "label": "Stockproof queue",
    "broker_class": "processing.queue.LaneBroker",
    "orm": "default",
    "timeout": 86_400,
    "retry": 365 * 86_400,
    # django-q2 asks for this key when Q_CLUSTER_NAME names a private queue.
    "ALT_CLUSTERS": {},
}
