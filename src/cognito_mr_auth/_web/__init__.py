"""What all HTTP adapters share: from a request to a token, from an error to a response.

`bearer` finds the token and makes the answer, `guard` decides who passes. The other modules serve these two.
It may import `verifier` and every layer below it, and no adapter.
"""
