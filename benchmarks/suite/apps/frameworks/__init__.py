"""One application per framework, guarded by our adapter and by an authentication that is a constant.

`benchmarks/frameworks.py` measures each module of this folder. A module has

    NAME      the row's name
    COMMAND   what follows `python -m` to serve it: `uvicorn(__name__)`, `gunicorn(__name__)`, or a module
              that picks its port itself and says "Listening at: http://127.0.0.1:PORT"
    guarded   from `Settings` to the application with our adapter, whose verifier is `settings.verifier()`
    constant  the same application with an authentication that reads the header and returns a constant
    served    `chosen(guarded, constant)`, for the server

and where it needs them

    REQUEST   what it is asked instead of GET /orders
    LATER     packages that it imports in functions, because they want the process to have settings

It imports its framework, which need not be installed: then its row says what is missing.
The application answers with 200, and with `ANSWER` somewhere in its body. The constant is an authentication
of the framework's own kind, in the place of ours, whose principal is the same object each time.
"""
