"""`cognito-mr-auth demo`, part by part."""
