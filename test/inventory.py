"""Prints what there is below the given paths, as JSON: by path its kind, mode and owner, and its text or digest.

What a container's runtime puts into its root is left out. Runs in the image's own interpreter, from -c, and writes nothing.
"""

import hashlib
import json
import os
import stat
import sys

OF_THE_RUNTIME = {
    "/.dockerenv",
    "/dev",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/proc",
    "/sys",
}


def describe(path):
    status = os.lstat(path)
    owner = f"{stat.S_IMODE(status.st_mode):04o} {status.st_uid}:{status.st_gid}"
    if stat.S_ISDIR(status.st_mode):
        return f"directory {owner}"
    if stat.S_ISLNK(status.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return f"file {owner} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    return f"special {owner}"


def collect(path, found):
    if path in OF_THE_RUNTIME:
        return
    found[path] = describe(path)
    if found[path].startswith("directory"):
        for name in os.listdir(path):
            collect(os.path.join(path, name), found)


found = {}
for top in sys.argv[1:]:
    collect(top, found)
json.dump(found, sys.stdout)
