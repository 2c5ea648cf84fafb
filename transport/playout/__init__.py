"""When each packet is played."""
