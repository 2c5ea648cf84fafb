"""The play-out: the time at which each packet is played."""
