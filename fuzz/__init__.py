"""Fuzzing: what bytes from outside may do to tokens, key sets and key files. See `scripts/run_fuzz.py`.

Only `__main__` knows the fuzzer, so that tests/fuzz can run every finding again without it.
"""
