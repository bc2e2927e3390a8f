"""What a verifier runs on: sync and async waiting, hooks, events, forks, the token cache."""
