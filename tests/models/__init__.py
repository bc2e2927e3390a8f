"""Model-based tests: the verifier against small models of DESIGN's rules, and the planted bugs."""
