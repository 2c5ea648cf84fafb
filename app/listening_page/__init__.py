"""The listening page: each codec's sound of the same clips, before and after a link, in one HTML file."""
