"""Export of trained networks as ONNX graphs."""
