"""The synthesiser without a network."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from vocoder.classic import ClassicSynthesizer


def test_the_classic_synthesiser_needs_no_onnxruntime():
    """What is left on a device without it: numpy alone."""
    program = "import sys; import vocoder.classic as c; c.ClassicSynthesizer(); print('onnxruntime' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == result.stdout.strip()
    assert ClassicSynthesizer().synthesize(np.zeros((32, 42), np.float32)).dtype == np.float32
