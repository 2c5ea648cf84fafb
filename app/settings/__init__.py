"""Settings of a station: values, their file, contacts, passphrase and protection."""
