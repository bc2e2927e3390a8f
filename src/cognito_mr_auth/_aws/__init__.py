"""What AWS's own API says about a user pool. `discovery` and `cognito-mr-auth doctor` use it.

It needs boto3 (extra `[aws]`), which is loaded only when somebody asks AWS. It only reads, because a call
that is not in `reading.READS` cannot be made.
"""
