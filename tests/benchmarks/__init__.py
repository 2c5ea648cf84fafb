"""Quality, speed and memory beside real codecs: `make bench`, or `python -m tests.benchmarks`; README.md says more.

In reading order: clips.py (which speech), lanes/ (a file per codec: samples -> decoded samples and bits),
candidates.py (models beside the shipped ones), alignment.py, metrics/ (a file per metric), weights.py (of the
recognisers), bootstrap.py, quality.py (every clip through every lane and metric), study.py (which clips answer what),
robustness.py and spoilt.py (what goes wrong, and what is left then), speed.py, footprint.py and reception.py (time and
memory), results.py, report.py, report_ceilings.py, report_speed.py and report_csv.py (Markdown and CSV), options.py and
__main__.py (the command), gallery.py (what the codecs sound and look like).
"""

import os

# Before NumPy is loaded: one thread a process. "On one core" means that, and several would fight over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
"""Variables that keep the libraries of the recognisers from the network; the report shows them."""
for _name in OFFLINE:
    os.environ[_name] = "1"
