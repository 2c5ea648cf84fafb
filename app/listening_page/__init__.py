"""The listening page: recordings through every codec, in one HTML file that fetches nothing.

In reading order: lanes.py (the codecs on the page), contents.py (sound and figures as plain data), runtime.py (what the
page needs to run the codec itself), document.py (all of it in one file). `page/` holds its HTML, CSS and scripts,
`npm/` names the version of onnxruntime-web that it is tested with.
"""
