"""What Starlette's and FastAPI's adapters have in common: marks of endpoints, and the way to an endpoint.

Private, and the one folder besides those adapters that imports Starlette.
"""
