"""The link lab's screen."""
