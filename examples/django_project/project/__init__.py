"""Django with the native middleware.

python -m cognito_mr_auth.testing --scope orders/read -- gunicorn --chdir examples/django_project project.wsgi
python -m cognito_mr_auth.testing --scope orders/read -- \
    uvicorn --app-dir examples/django_project project.asgi:application
"""
