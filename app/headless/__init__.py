"""A station without a screen: events as JSON lines out, commands as JSON lines in, a button for a talk key."""
