"""Trials that did not become part of the product."""
