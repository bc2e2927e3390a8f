"""Functions that are the API themselves: a guard for their handlers, and the principal of an authorizer.

Owns the events and answers of plain handlers, and the way back from an authorizer's context to a Principal.
May import `aws_lambda._authorizer`, `aws_lambda._lifecycle`, `aws_lambda._raw_event`, `_web` and every layer
below `_web`.
"""
