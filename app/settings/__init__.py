"""What the user chose: values, their file, contacts, passphrase and protection."""
