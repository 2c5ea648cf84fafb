"""What can be measured and shown of packets and sound."""
