"""A relay: one process that carries overs and messages from each of its links to the others."""
