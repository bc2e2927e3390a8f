"""Functions that serve an API themselves: a guard for their handlers, and the principal of an authorizer.

Owns the events and responses of plain handlers, and the conversion of an authorizer's context to a Principal.
May import `aws_lambda._authorizer`, `aws_lambda._lifecycle`, `aws_lambda._raw_event`, `_web` and every layer
below `_web`.
"""
