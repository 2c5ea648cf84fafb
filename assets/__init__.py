"""Trained models and demonstration clips, found through importlib.resources."""
