"""What the adapters of Starlette and FastAPI share: marks of endpoints, and finding an endpoint.

It is private, and the only folder besides those adapters that imports Starlette.
"""
