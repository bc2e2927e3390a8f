"""Lambda authorizers, which turn an event into the response for its kind of API.

Owns the events, options, route tables, policy documents and contexts of authorizers, and the ready handler.
May import `aws_lambda._lifecycle`, `aws_lambda._raw_event`, `_web` and every layer below `_web`. Inside, the
order is: `environment`, `authorizer`, `options`, `responses`, then the rest.
"""
