"""Codecs side by side: Gossamer, other codecs through their real libraries, and plain samples.

Every one of them has the interface of `reference.ReferenceCodec`, a file each:

    for codec in registry.other_codecs():
        if reason := codec.missing(): ...            # one line that names the Debian package
        encode, decode = codec.open_encoder(), codec.open_decoder()
        samples = decode(encode(block))              # float32 [codec.frame_samples] at 8 kHz

To add one, write a class with the members of `ReferenceCodec` and name it in `registry.other_codecs`.
"""
