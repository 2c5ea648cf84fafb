"""The frames, the overs and the floor."""
