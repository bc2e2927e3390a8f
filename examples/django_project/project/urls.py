"""Which view answers which path."""

from django.urls import path

from cognito_mr_auth.django import ready

from . import views

urlpatterns = [
    path("health", views.health),
    path("ready", ready),
    path("me", views.me),
    path("orders", views.orders),
]
