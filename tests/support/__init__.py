"""What the tests share: declared needs, the vectors, the house's rules, running the docs."""
