"""The least that Django needs: no database, no session, no template."""

ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"  # so that `runserver` has the guard too
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "project.auth.AuthErrors"]
