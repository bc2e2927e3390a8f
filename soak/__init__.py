"""Soak and chaos: many outages in ten minutes, with every answer judged.

    python -m soak [SECONDS]

Threads, asyncio tasks and gunicorn's forked workers verify tokens of one pool whose keys rotate and whose
Regions fail at random, on loopback. Ends by itself, and with status 1 if a limit was broken.
"""
