"""The one settings file: from the environment, with safe defaults, failing loudly."""

import gc
import os
import re
import secrets
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import dj_database_url
import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor  # type: ignore[import-untyped]

from writeorperish.ops import embedded

# Lets `ModelAdmin[User]` and its like stand in code that runs, as the type checker wants them.
django_stubs_ext.monkeypatch()

# Before numpy is loaded: workers share the cores, and threads that spin for them slow a query tenfold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Until the apps load, when it is not done at all (see writeorperish.ops.apps), and from then on: looking for garbage
# after every 700 new objects, as Python does, takes a fifth of the time of each start.
gc.set_threshold(10_000, 10, 10)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- environment -----------------------------------------------------------------------------

KNOWN_WOP_NAMES = {"WOP_DATA_DIR", "WOP_FEATURES", "WOP_EMBEDDING_MODEL_DIR"}


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, *, default: bool) -> bool:
    value = env(name, "1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 0 or 1, for example {name}=1; it is neither.")


def env_int(name: str, default: int, *, low: int = 0, high: int = 1_000_000) -> int:
    value = env(name, str(default))
    if not value.isdecimal() or not low <= int(value) <= high:
        raise ImproperlyConfigured(
            f"{name} must be a whole number from {low} to {high}, for example {name}={default}."
        )
    return int(value)


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_choice(name: str, default: str, choices: set[str]) -> str:
    value = env(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of: {', '.join(sorted(choices))}.")
    return value


def env_service(name: str, *, plain: bool) -> str:
    """The address of a service that is given people's words: https, or a server on this machine."""
    address = env(name).rstrip("/")
    parts = urlsplit(address)
    nearby = plain or parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if address and not (parts.hostname and (parts.scheme == "https" or nearby)):
        raise ImproperlyConfigured(f"{name} must be an https address, or one on this machine.")
    return address


def env_bucket(name: str) -> dict[str, str]:
    """Where files lie, as in s3://bucket?endpoint=https://…&region=…&prefix=…; empty: in the data folder."""
    address = env(name)
    if not address:
        return {}
    parts = urlsplit(address)
    told = parse_qsl(parts.query, keep_blank_values=True)
    options = {"endpoint": "", "region": "", "prefix": ""} | dict(told)
    plain = parts.scheme == "s3" and parts.path in {"", "/"} and not parts.fragment
    if not plain or len(options) > 3 or len(told) > len(dict(told)):
        raise ImproperlyConfigured(
            f"{name} must read like s3://bucket?endpoint=https://host&region=auto&prefix=folder."
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
        raise ImproperlyConfigured(
            f"{name} must name a bucket after s3://, and no credentials: those are AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        )
    endpoint = urlsplit(options["endpoint"])
    nearby = endpoint.hostname in {"localhost", "127.0.0.1", "::1"}
    whole = endpoint.hostname and (
        endpoint.scheme == "https" or (endpoint.scheme == "http" and nearby)
    )
    more = endpoint.path.strip("/") or endpoint.query or endpoint.fragment or "@" in endpoint.netloc
    if options["endpoint"] and (not whole or more):
        raise ImproperlyConfigured(
            f"The endpoint of {name} must be an https address, or one on this machine, and nothing more."
        )
    for option, allowed in (("region", r"[a-z0-9-]*"), ("prefix", r"([\w-]+(/[\w-]+)*/?)?")):
        if not re.fullmatch(allowed, options[option], re.ASCII):
            raise ImproperlyConfigured(f"The {option} of {name} is none.")
    return options | {
        "bucket": parts.netloc,
        "endpoint": options["endpoint"].rstrip("/"),
        "prefix": options["prefix"].rstrip("/"),
    }


def env_models(name: str, capabilities: set[str]) -> dict[str, str]:
    """Which model does what, as in large=qwen3,transcribe=whisper-1."""
    pairs = dict(part.partition("=")[::2] for part in env_list(name))
    if not set(pairs) <= capabilities or not all(pairs.values()):
        raise ImproperlyConfigured(
            f"{name} must read like large=qwen3,small=qwen3; it may name "
            f"{', '.join(sorted(capabilities))}."
        )
    return pairs


def env_contacts(name: str, usual: dict[str, str]) -> dict[str, str]:
    """Whom to call, by country, as in DE=TelefonSeelsorge 0800 1110111;*=findahelpline.com; others as usual."""
    pairs = dict(part.strip().partition("=")[::2] for part in env(name).split(";") if part.strip())
    known = all(name == "*" or (len(name) == 2 and name.isalpha()) for name in pairs)
    if not known or not all(pairs.values()):
        raise ImproperlyConfigured(
            f"{name} must read like DE=TelefonSeelsorge 0800 1110111;*=findahelpline.com, "
            "a country by its two letters."
        )
    return usual | pairs


def env_secret(name: str) -> str:
    """The secret, from NAME or from the file NAME_FILE names; empty when neither is set."""
    path = env(f"{name}_FILE")
    if not path:
        return env(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read.") from error


def kept_secret(name: str, file_name: str) -> str:
    """The secret as given, or one of our own, made once and kept readable to us alone."""
    given = env_secret(name)
    if given:
        return given
    if OWN_SERVERS and not DEBUG:
        raise ImproperlyConfigured(
            f"{name} must be set when DATABASE_URL is, for example {name}_FILE=/run/secrets/{file_name}."
        )
    path = DATA_DIR / file_name
    try:
        DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            made = secret_beside(path)
            # Of two processes that make one at once, both keep the first.
            with suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {DATA_DIR} cannot be written. Set WOP_DATA_DIR to one that can."
        ) from error


def secret_beside(path: Path) -> Path:
    """A new secret, whole and readable to us alone, under a name nobody looks for yet."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    made = Path(name)
    made.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return made


unknown = sorted(
    name for name in os.environ if name.startswith("WOP_") and name not in KNOWN_WOP_NAMES
)
if unknown:
    raise ImproperlyConfigured(
        f"Unknown setting {unknown[0]}. Known are: {', '.join(sorted(KNOWN_WOP_NAMES))}."
    )

# --- core ------------------------------------------------------------------------------------

DEBUG = env_bool("DEBUG", default=False)
ENVIRONMENT = env("ENVIRONMENT", "local")
DATA_DIR = Path(env("WOP_DATA_DIR", str(BASE_DIR / "var"))).expanduser().absolute()
OWN_SERVERS = bool(env_secret("DATABASE_URL"))
SECRET_KEY = kept_secret("SECRET_KEY", "secret-key")
SECRET_KEY_FALLBACKS = [key for key in [env_secret("SECRET_KEY_OLD")] if key]
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
PORT = env_int("PORT", 8000, low=1, high=65535)
BASE_URL = env("BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
TRUSTED_PROXIES = env_list("TRUSTED_PROXIES")
SIGNUP_MODE = env_choice("SIGNUP_MODE", "approval", {"open", "approval", "closed"})
SIGNUP_MODE_GIVEN = bool(env("SIGNUP_MODE"))
OUTWARD = env_bool("OUTWARD", default=True)
WEB_THREADS = env_int("WEB_THREADS", 16, low=1, high=200)
HTTPS = BASE_URL.startswith("https://")

# --- apps ------------------------------------------------------------------------------------

BUILT_FEATURES = ["journal", "download"]
FEATURES = env_list("WOP_FEATURES", ",".join(BUILT_FEATURES))
for feature in FEATURES:
    if feature not in BUILT_FEATURES:
        raise ImproperlyConfigured(
            f"WOP_FEATURES names {feature}; known are: {', '.join(BUILT_FEATURES)}."
        )
if "journal" not in FEATURES:
    raise ImproperlyConfigured("WOP_FEATURES must contain journal: the others stand on it.")

GROUND = [
    "writeorperish.ops",
    "writeorperish.crypto",
    "writeorperish.audit",
    "writeorperish.events",
    "writeorperish.privacy",
    "writeorperish.ui",
    "writeorperish.ai",
]

INSTALLED_APPS = [
    "accounts.apps.AccountsConfig",
    *FEATURES,
    *GROUND,
    "accounts.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "writeorperish.ui.apps.StaticFiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_celery_beat",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "rest_framework",
    "template_partials.apps.SimpleAppConfig",
]

AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "writeorperish.urls"
WSGI_APPLICATION = "writeorperish.wsgi.application"
ASGI_APPLICATION = "writeorperish.asgi.application"

# --- http ------------------------------------------------------------------------------------

MIDDLEWARE = [
    "writeorperish.ops.middleware.RequestId",
    "writeorperish.ops.middleware.ApiOrigins",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "writeorperish.ui.policy.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "writeorperish.ui.middleware.Fragments",
    "accounts.gate.Gate",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "writeorperish.ui.templatetags.ui",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "writeorperish.ui.nav.shell",
            ],
        },
    }
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "report-uri": "/csp-report/",
    }
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS and not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
UI_STRICT = (
    DEBUG  # an htmx request for a part nobody answers with raises, instead of reloading the page
)
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
CSRF_COOKIE_HTTPONLY = False  # the page's module reads it, so that a stale form still saves
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024 + 64 * 1024
# An uploaded file stays in memory until it is sealed: a temporary file would hold it in clear.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
API_ORIGINS = env_list("API_ORIGINS")

# --- static ----------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_FINDERS = [
    "writeorperish.ui.finders.StylesFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
STORAGES = {
    "default": {"BACKEND": "writeorperish.crypto.storage.EncryptedStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "writeorperish.ui.storage.HashedModules"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
# Besides what is packed already: maps, which only open consoles ask for.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")

# --- data ------------------------------------------------------------------------------------

DATABASE_URL = env_secret("DATABASE_URL") or embedded.database_url(DATA_DIR)
# Only the process that serves pages keeps a pool: asgi imports wsgi before the settings are read.
# Celery's children fork, and a pool opened before the fork would be shared.
SERVING = "writeorperish.wsgi" in sys.modules
DB_POOL = env_int("DB_POOL", 8, high=200)
DATABASES = {
    "default": dj_database_url.parse(
        DATABASE_URL, engine="writeorperish.ops.postgres", conn_max_age=0
    )
}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    # Values travel beside the statement: none stands in it where the server shows or logs what runs, and no time
    # is spent on writing them into it.
    "server_side_binding": True,
    **(
        {"pool": {"min_size": 1, "max_size": DB_POOL, "timeout": 10}} if SERVING and DB_POOL else {}
    ),
}
DATABASES["default"]["ATOMIC_REQUESTS"] = False

try:
    REDIS = (
        embedded.split_redis_url(env_secret("REDIS_URL"))
        if env_secret("REDIS_URL")
        else embedded.redis_urls(DATA_DIR)
    )
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
CACHES = {
    "default": {
        "BACKEND": "writeorperish.ops.cache.ForgivingRedisCache",
        "LOCATION": REDIS.cache,
        "KEY_PREFIX": "v1",
    }
}

# --- keys ------------------------------------------------------------------------------------

KEY_SERVICE = env_choice("KEY_SERVICE", "local", {"local", "gcp", "aws"})
MASTER_KEY = env_secret("MASTER_KEY")
GCP_KMS_KEY = env("GCP_KMS_KEY")
AWS_KMS_KEY = env("AWS_KMS_KEY")
JWT_KEYS = [key.strip() for key in env_secret("JWT_KEYS").split(",") if key.strip()] or [
    kept_secret("JWT_KEYS", "jwt-key")
]
if OWN_SERVERS and not DEBUG:
    if KEY_SERVICE == "local" and not MASTER_KEY:
        raise ImproperlyConfigured(
            "MASTER_KEY must be set when DATABASE_URL is, for example MASTER_KEY_FILE=/run/secrets/master-key."
        )
    if not env_secret("REDIS_URL"):
        raise ImproperlyConfigured(
            "REDIS_URL must be set when DATABASE_URL is, for example REDIS_URL=redis://cache:6379."
        )
if KEY_SERVICE == "gcp" and not GCP_KMS_KEY:
    raise ImproperlyConfigured("KEY_SERVICE=gcp needs GCP_KMS_KEY, the full name of the key.")
if KEY_SERVICE == "aws" and not AWS_KMS_KEY:
    raise ImproperlyConfigured("KEY_SERVICE=aws needs AWS_KMS_KEY, the id or ARN of the key.")
AUDIT_SIGNING_KEY = env_secret("AUDIT_SIGNING_KEY")
AUDIT_ANCHOR_TARGET = env("AUDIT_ANCHOR_TARGET")

# --- files -----------------------------------------------------------------------------------

STORAGE = env_bucket("STORAGE_URL")

# --- auth ------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesBackend",
    "accounts.adapters.Backend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/journal/"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_USER_DISPLAY = "accounts.adapters.display_name"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Write or Perish: "
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# A code by mail proves nothing of who holds an unlocked phone.
ACCOUNT_REAUTHENTICATION_METHODS = ("password", "mfa")
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
MFA_ADAPTER = "accounts.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
USERSESSIONS_TRACK_ACTIVITY = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
# With allauth the default locks everybody behind one address, the admin included.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.adapters.axes_username"
AXES_LOCKOUT_CALLABLE = "accounts.adapters.locked_out"
AXES_CLIENT_IP_CALLABLE = "writeorperish.ops.middleware.client_ip"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ACCESS_FAILURE_LOG = False
ANONYMOUS_USER_NAME = None  # guardian would write a person at migrate otherwise
GUARDIAN_RAISE_403 = False
GUARDIAN_MONKEY_PATCH_USER = False

# --- api -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.gate.BearerAuthentication",
        "accounts.gate.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["writeorperish.ui.access.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["writeorperish.ui.parsing.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["writeorperish.ui.access.RateThrottle"],
    "DEFAULT_PAGINATION_CLASS": "writeorperish.ui.cursors.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "writeorperish.ui.schema.Schema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "writeorperish.ui.parsing.AlwaysAnswered",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "writeorperish.ui.api.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Write or Perish",
    "VERSION": "1",
    "DESCRIPTION": "A private journal that thinks with you. See docs/contract.md.",
    "DEFAULT_GENERATOR_CLASS": "writeorperish.ui.schema.Generator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": None,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "PrivacyLevel": "writeorperish.privacy.levels.PrivacyLevel.values",
        "AIUsage": "writeorperish.privacy.levels.AIUsage.values",
        "NodeState": "journal.models.nodes.Node.State",
        "AuthorKind": "journal.models.nodes.Node.Author",
        "VersionReason": "journal.models.nodes.Version.Reason",
        "ImportState": "journal.models.imports.ImportRun.State",
        "LinkImportState": "download.models.imports.Import.State",
        "ImportRowOutcome": "download.models.imports.ImportRow.Outcome",
        "FeedKind": "download.models.feeds.Feed.Kind",
        "WhyNot": "journal.serializers.WHY_NOT",
        "PortraitState": "journal.models.portraits.Portrait.State",
        "PortraitMadeBy": "journal.models.portraits.Portrait.MadeBy",
        "PersonState": "accounts.models.User.State",
        "ExportState": "accounts.models.Export.State",
        "MembershipState": "writeorperish.privacy.models.Membership.State",
        "CircleKind": "writeorperish.privacy.models.Circle.Kind",
    },
}

# --- events and worker -----------------------------------------------------------------------

CELERY_BROKER_URL = env_secret("BROKER_URL") or REDIS.broker
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "normal"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 600_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "priority",
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    # Publishing is tried once: a broker that is down must not hold up the request that asks.
    "max_retries": 0,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "relay": {
        "task": "writeorperish.events.tasks.relay",
        "schedule": 10.0,
        "options": {"queue": "urgent"},
    },
    "mark": {
        "task": "writeorperish.events.tasks.mark",
        "schedule": 20.0,
        "options": {"queue": "urgent"},
    },
    "reclaim-jobs": {
        "task": "writeorperish.ai.tasks.reclaim_jobs",
        "schedule": 30.0,
        "options": {"queue": "urgent"},
    },
    "settle-lost-calls": {
        "task": "writeorperish.ai.tasks.settle_lost_calls",
        "schedule": crontab(minute="*/5"),
    },
    "tend-vectors": {
        "task": "writeorperish.ai.tasks.tend_vectors",
        "schedule": crontab(hour=2, minute=40),
        "options": {"queue": "low"},
    },
    "drop-old-answers": {
        "task": "writeorperish.ai.tasks.drop_old_answers",
        "schedule": crontab(hour=3, minute=40),
    },
    "prune-events": {
        "task": "writeorperish.events.tasks.prune",
        "schedule": crontab(hour=3, minute=10),
    },
    "tidy-accounts": {"task": "accounts.tasks.tidy", "schedule": crontab(hour=3, minute=20)},
    "purge": {"task": "journal.tasks.purge", "schedule": crontab(hour=3, minute=30)},
    "purge-library": {
        "task": "download.tasks.purge",
        "schedule": crontab(hour=3, minute=40),
    },
    "ask-feeds": {
        "task": "download.tasks.ask_feeds",
        "schedule": crontab(minute=3),
        "options": {"queue": "low"},
    },
    "portray": {"task": "journal.tasks.portray", "schedule": crontab(minute=17)},
    "anchor-audit": {
        "task": "writeorperish.events.tasks.anchor_audit",
        "schedule": crontab(hour=4, minute=0),
    },
    "verify-audit": {
        "task": "writeorperish.events.tasks.verify_audit",
        "schedule": crontab(hour=4, minute=20),
    },
}

# --- ai --------------------------------------------------------------------------------------

EMBEDDING_SPACE = env_choice("EMBEDDING_SPACE", "local", {"local"})
EMBEDDING_MODEL_DIR = env("WOP_EMBEDDING_MODEL_DIR")
FFMPEG = env("FFMPEG")
SOUND_CEILING_BYTES = env_int("SOUND_CEILING_GB", 5, high=100_000) * 1_000_000_000
AI_PAUSED = env_bool("AI_PAUSED", default=False)
AI_ALLOW_PLAIN_HTTP = env_bool("AI_ALLOW_PLAIN_HTTP", default=False)
OPENAI_API_KEY = env_secret("OPENAI_API_KEY")
OPENAI_TRAIN_API_KEY = env_secret("OPENAI_TRAIN_API_KEY")
OPENAI_BASE_URL = env_service("OPENAI_BASE_URL", plain=AI_ALLOW_PLAIN_HTTP)
# Another server than the vendor's rarely knows more than Chat Completions.
OPENAI_API = env_choice(
    "OPENAI_API",
    "responses" if urlsplit(OPENAI_BASE_URL).hostname in {None, "api.openai.com"} else "chat",
    {"responses", "chat"},
)
ANTHROPIC_API_KEY = env_secret("ANTHROPIC_API_KEY")
ANTHROPIC_TRAIN_API_KEY = env_secret("ANTHROPIC_TRAIN_API_KEY")
ANTHROPIC_BASE_URL = env_service("ANTHROPIC_BASE_URL", plain=AI_ALLOW_PLAIN_HTTP)
COMPAT_BASE_URL = env_service("COMPAT_BASE_URL", plain=AI_ALLOW_PLAIN_HTTP)
COMPAT_API_KEY = env_secret("COMPAT_API_KEY")
COMPAT_MODELS = env_models("COMPAT_MODELS", {"small", "large", "transcribe", "speak"})
# Whom to call when somebody writes of dying: only numbers that a public list confirms, and a directory for
# everywhere else. A wrong number does harm, so whoever runs a site should check those of its countries.
HELP_CONTACTS = env_contacts(
    "HELP_CONTACTS",
    {
        "AU": "Lifeline 13 11 14",
        "CH": "Die Dargebotene Hand 143",
        "DE": "TelefonSeelsorge 0800 1110111",
        "ES": "Línea 024",
        "GB": "Samaritans 116 123",
        "IE": "Samaritans 116 123",
        "US": "988 Suicide & Crisis Lifeline, call or text 988",
        "*": "findahelpline.com",
    },
)
for vendor, chat_key, train_key in (
    ("OPENAI", OPENAI_API_KEY, OPENAI_TRAIN_API_KEY),
    ("ANTHROPIC", ANTHROPIC_API_KEY, ANTHROPIC_TRAIN_API_KEY),
):
    if chat_key and chat_key == train_key:
        raise ImproperlyConfigured(
            f"{vendor}_TRAIN_API_KEY must be another key than {vendor}_API_KEY: with it, texts are sent "
            "that may be used for training."
        )

# --- mail, language --------------------------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", "Write or Perish <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
LANGUAGE_CODE = env("LANGUAGE_CODE", "en")
LANGUAGES = [("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LOCALE_PATHS = [BASE_DIR / "writeorperish" / "locale"]

# --- watching --------------------------------------------------------------------------------

LOG_LEVEL = env_choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
LOG_FORMAT = env_choice("LOG_FORMAT", "console" if DEBUG else "json", {"console", "json"})
LOGGING_CONFIG = "writeorperish.ops.logging.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}
SLOW_QUERY_MS = env_int("SLOW_QUERY_MS", 200, high=60_000)
METRICS_TOKEN = env_secret("METRICS_TOKEN")
HEALTH_CHECKS = {
    "database": "writeorperish.ops.health.database",
    "migrations": "writeorperish.ops.health.migrations",
    "redis": "writeorperish.ops.health.redis",
    "keys": "writeorperish.crypto.keys.healthy",
    "beat": "writeorperish.events.tasks.beat_alive",
    "disk": "writeorperish.ops.health.disk",
}
DEEP_HEALTH_CHECKS = {
    "receipts": "writeorperish.events.receipts.healthy",
    "storage": "writeorperish.crypto.storage.healthy",
}
SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # grants are asked for by privacy.grants alone, never through has_perm
    "auth.W004",  # unique over the folded address, by a constraint
]
