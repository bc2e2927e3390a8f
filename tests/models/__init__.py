"""Model-based tests: the verifier against small models of its rules, and the planted bugs."""
