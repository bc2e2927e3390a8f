"""The applications of section 5, each in several variants; each takes its pool from the environment."""
