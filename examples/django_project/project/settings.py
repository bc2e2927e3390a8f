"""The least that Django asks for: no database, no session, no template."""

ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
