"""The least that Django needs: no database, no session, no template."""

ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["cognito_mr_auth.django"]  # the system checks
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "cognito_mr_auth.django.CognitoAuthMiddleware",
]
COGNITO_AUTH = {"PROTECT_ALL": True}  # the pool comes from the COGNITO_ variables
