"""`cognito-mr-auth doctor`: is this pool set up for the loss of a Region, and this verifier for the pool?

Checks are pure functions of the responses of AWS's API and the key endpoints (`*_checks`). `examination` asks
both side by side, and `command` prints.
"""
