"""What AWS's own API says of a user pool: read by `discovery` and by `cognito-mr-auth doctor`.

Needs boto3 (extra `[aws]`), which is loaded when somebody asks and never before. Reads alone: a call that
is not in `reading.READS` cannot be made.
"""
