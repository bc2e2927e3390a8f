"""Soak and chaos: hours of a bad day in ten minutes, with every answer judged.

    python -m soak [SECONDS]

Threads, asyncio tasks and gunicorn's forked workers verify tokens of one pool whose keys rotate and whose
Regions fail at random, on loopback. Ends by itself, and with status 1 where a promise was broken.
"""
