"""Django's settings. Every variable is read and checked in `config.environment`; here they only find their places."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import django_stubs_ext
from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _

from config import csp, databases, embedded_broker, environment, keys, logs, schedule, sentry
from config.env import EnvError, stop
from config.environment import BASE_DIR as BASE_DIR
from config.unfold import UNFOLD as UNFOLD

django_stubs_ext.monkeypatch()  # Paginator[Lead] and the like at run time, as the type checker sees them

try:
    environment.read_env_file()
    ENV = environment.read()
    VAR_DIR = ENV.var_dir
    SECRET_KEY = ENV.secret_key or keys.own_key(VAR_DIR / "secret_key", get_random_secret_key)
    FIELD_ENCRYPTION_KEYS = ENV.field_encryption_keys or [
        keys.own_key(VAR_DIR / "field_encryption_key", lambda: Fernet.generate_key().decode())
    ]
    DATABASES = {"default": databases.database(ENV)}
    _SECRETS = [SECRET_KEY, *FIELD_ENCRYPTION_KEYS, *ENV.secrets]
    sentry.start(ENV.sentry_dsn, logs.Scrubber(_SECRETS).cleaned)
except EnvError as error:
    stop(error)

# --- Hosts ---

DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
APP_URL = ENV.app_url
PORT = ENV.port

# --- Application ---

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_celery_beat",
    "django_structlog",
    "axes",
    "csp",
    "config",
    "leads",
    "analytics",
    "integrations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.logs.PathOnlyRequestMiddleware",  # early: what goes wrong in the others is logged as well
    "config.paths.CanonicalPathMiddleware",
    "config.patience.PatienceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "leads.languages.person_language",
    "leads.pages.signing.typed_is_kept",
    "leads.admin.zone.accounts_zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.csp.PathCSPMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # config.paths answers both spellings in place

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data ---

CACHES = {"default": databases.cache(ENV.cache_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# An amoCRM body has as many fields as the deal has, and an admin list as many as there are rows.
DATA_UPLOAD_MAX_NUMBER_FIELDS = None
# A year of spend by day and creative; the hooks have a bound of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

# --- Language and time ---

LANGUAGE_CODE = "en"
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
# Ours before what the libraries have left untranslated: config.translations.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "libraries"]
TIME_ZONE = "UTC"

# --- Who may come in ---

AUTH_USER_MODEL = "leads.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "config.unlocking.NewPasswordOpens"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/app/"
LOGOUT_REDIRECT_URL = "/login/"

# Counted per person *and* address, so that nobody can lock another out from elsewhere. Tokens never pass through here.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_TEMPLATE = "429.html"  # at the admin's own door; at ours the form says it
# The name that forms and authenticate() use; axes would look for "email", find none and count everybody as one.
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "config.guard.counted_name"
AXES_CLIENT_IP_CALLABLE = "config.guard.client_address"
TRUSTED_PROXIES = ENV.trusted_proxies
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

# --- Cookies, transport ---

_HTTPS = APP_URL.startswith("https://")
SESSION_ENGINE = "config.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [APP_URL]
if _HTTPS:
    # The proxy that speaks TLS for us must set (and strip from outside) X-Forwarded-Proto: the rule is in .env.example.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
# TLS is the proxy's, and no path of ours answers by redirect; other subdomains are not ours to bind.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.STRICT}

# --- Static files ---

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.ForgivingManifestStorage"},
}

# --- API ---

REST_FRAMEWORK: dict[str, Any] = {
    # The token first: its WWW-Authenticate makes an anonymous call 401 rather than 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "leads.languages.TokenAuthentication",
        "leads.access.Session",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["leads.access.AccountPermission"],
    "DEFAULT_PAGINATION_CLASS": "leads.api.pagination.Pages",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "leads.api.negotiation.AlwaysAnswered",
    "DEFAULT_PARSER_CLASSES": [
        "leads.api.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "leads.api.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "leads.api.schema.AccountSchema",
    "EXCEPTION_HANDLER": "leads.api.errors.error_response",
    # `format=csv` is a choice of the report itself, not of a renderer.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Voronka",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "LeadSource": "leads.models.leads.LeadSource",
        "WebhookSource": "integrations.models.webhooks.Hook",
        "SaleStatus": "analytics.models.sales.SaleStatus",
        "ConnectionState": "integrations.models.connection.ConnectionState",
        "SyncKind": "integrations.models.sync.SyncRun.Kind",
        "SyncState": "integrations.models.sync.SyncRun.State",
    },
}

# --- amoCRM, Telegram, advertising ---

AMOCRM_CLIENT_ID = ENV.amocrm_client_id
AMOCRM_CLIENT_SECRET = ENV.amocrm_client_secret
AMOCRM_REDIRECT_URI = ENV.amocrm_redirect_uri
AMOCRM_AUTH_URL = ENV.amocrm_auth_url
AMOCRM_BASE_URL = ENV.amocrm_base_url  # empty: https://{subdomain}.{domain}
AMOCRM_REQUESTS_PER_SECOND = ENV.amocrm_requests_per_second
AMOCRM_BLOCK_PROBE_SECONDS = ENV.amocrm_block_probe_seconds
TELEGRAM_BOT_TOKEN = ENV.telegram_bot_token
TELEGRAM_CHAT_ID = ENV.telegram_chat_id
TELEGRAM_ALERT_CHAT_ID = ENV.telegram_alert_chat_id
TELEGRAM_API_URL = ENV.telegram_api_url
META_ADS_TOKEN = ENV.meta_ads_token
META_API_URL = ENV.meta_api_url  # with the API's version
METRICS_TOKEN = ENV.metrics_token

# --- Celery ---

CELERY_BROKER_URL = ENV.celery_broker_url
_EMBEDDED = CELERY_BROKER_URL.startswith("embedded")
# A stopped broker must not hang a web request: the sweep finds what a lost message left behind.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    embedded_broker.transport_options(VAR_DIR / "broker")
    if _EMBEDDED
    else {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0}
)
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a hundred tries last 47 minutes, and then a worker would end
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 8
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Remote control costs the embedded broker a queue to look into ten times a second.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not _EMBEDDED
CELERY_BEAT_SCHEDULER = "config.beat:HeartbeatScheduler"
CELERY_BEAT_SCHEDULE = schedule.beat_schedule(ENV)

# --- Logs ---

logs.configure_structlog()
LOGGING = logs.logging_config(_SECRETS)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# Asking who the user is would query the database for each request, also for /healthz.
DJANGO_STRUCTLOG_USER_ID_FIELD = None
# A line for each delivery that went well would cost more than taking it in: those are in webhook_logs.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DJANGO_STRUCTLOG_STATUS_2XX_LOG_LEVEL = logging.DEBUG
