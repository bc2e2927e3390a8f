"""Fuzzing: what strangers' bytes may do to tokens, key sets and key files. See `scripts/run_fuzz.py`.

`checks` and `reading` know no fuzzer, so that tests/fuzz can run every finding again.
"""
