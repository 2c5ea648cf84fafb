"""`make fuzz`: a million inputs, guided by coverage, into everything that reads from a link."""
