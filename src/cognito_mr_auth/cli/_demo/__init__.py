"""`cognito-mr-auth demo`: a verifier and a stream of tokens while Regions fail.

Owns the plan, the tokens, the run, the judgement of each response, and the ways to show it.
May import the rest of `cli`, `testing` and every layer below; other commands do not import it.
"""
