"""Getting a pool's keys: threads, HTTP, the key file, and the callers who wait."""
