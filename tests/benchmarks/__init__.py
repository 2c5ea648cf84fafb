"""Quality, speed and memory beside real codecs: `make bench`, or `python -m tests.benchmarks`.

In reading order: clips.py (which speech), lanes/ (a file per codec: samples -> decoded samples and bits),
alignment.py, metrics/ (a file per metric), bootstrap.py, quality.py (every clip through every lane and metric),
speed.py and footprint.py (time and memory), report.py (Markdown and CSV), __main__.py (the command).
"""
