"""Holds an installed package to its own RECORD, and its bytecode to its sources. Prints what it found, as JSON."""

import base64
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import sys

name = sys.argv[1]
files = importlib.metadata.distribution(name).files

unlike_record = []
for file in files:
    path = file.locate()
    if not path.exists():
        unlike_record.append(f"{file} is missing")
    elif file.hash is not None and file.suffix != ".pyc":
        # Where a wheel has bytecode, uv compiles over it and leaves its row alone, and so do we.
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            unlike_record.append(f"{file} is another")

# PEP 552: magic number, flags (1: by hash, 2: checked), hash of the source.
stale_bytecode = []
compiled = 0
for file in files:
    source = file.locate()
    if source.suffix != ".py":
        continue
    cached = importlib.util.cache_from_source(source)
    try:
        with open(cached, "rb") as bytecode:
            header = bytecode.read(16)
    except FileNotFoundError:
        continue
    compiled += 1
    by_hash = int.from_bytes(header[4:8], "little") & 1
    if not by_hash or header[8:] != importlib.util.source_hash(source.read_bytes()):
        stale_bytecode.append(str(cached))

json.dump(
    {
        "version": importlib.import_module(name).__version__,
        "unlike RECORD": unlike_record,
        "stale bytecode": stale_bytecode,
        "compiled": compiled,
    },
    sys.stdout,
)
