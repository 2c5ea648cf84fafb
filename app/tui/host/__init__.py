"""Textual and trio in one terminal program."""
