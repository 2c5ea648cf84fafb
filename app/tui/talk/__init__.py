"""The talk screen."""
