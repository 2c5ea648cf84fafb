"""Whole conversations over real lines, modems and networks, in real time: `make field-test`."""
