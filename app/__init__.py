"""The talker: settings, engine, audio, files, commands and the terminal UI."""
