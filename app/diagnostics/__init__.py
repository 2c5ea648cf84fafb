"""Whether everything works here, and what a link did: checks, field tests, reproductions."""
