"""Real network faults: the library in a Linux network namespace of its own, with every row a promise.

    python -m netns [--only NAME,...] [--brief] [--list]

Two namespaces joined by one virtual cable: in one the library runs, in the other the Regions' servers and a
name server. nftables drops or resets packets, a user-space wire delays them, and neither namespace reaches
anything else. Needs root on Linux; elsewhere it says so and passes.
"""
