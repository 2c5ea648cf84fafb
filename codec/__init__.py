"""Speech to 32-byte packets and back to features: format, analysis, encoder, decoder."""
