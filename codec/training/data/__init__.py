"""The corpus: packing, batches and augmentation."""
