"""Which view answers which path."""

from django.urls import path

from . import views

urlpatterns = [
    path("health", views.health),
    path("ready", views.ready),
    path("me", views.me),
    path("orders", views.orders),
]
