"""Checks of this machine, field tests of a link, and reproductions of what went wrong."""
