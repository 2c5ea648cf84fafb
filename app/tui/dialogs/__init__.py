"""Cards that lie over a screen."""
