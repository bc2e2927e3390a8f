"""What all HTTP adapters share: from a request to a token, from an error to a response.

May import `verifier`, every module at the root below it, and every private folder. Imports no adapter
and no framework.
"""
