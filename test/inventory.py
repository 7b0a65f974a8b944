"""Prints what there is below the given paths, as JSON: by path its kind, mode and owner, and its text or digest.

With --special first also what few files have: attributes, numbers of devices, other names of the same file.

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


def describe_special(path):
    status = os.lstat(path)
    names = os.listxattr(path, follow_symlinks=False)
    said = [f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in sorted(names)]
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        kind = "character" if stat.S_ISCHR(status.st_mode) else "block"
        said.append(f"{kind} {os.major(status.st_rdev)},{os.minor(status.st_rdev)}")
    if stat.S_ISLNK(status.st_mode):
        said.append(f"{status.st_uid}:{status.st_gid}")
    if not stat.S_ISDIR(status.st_mode):
        first = first_names.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            said.append(f"is {first}")
    return said


found = {}
first_names = {}
special = sys.argv[1] == "--special"
for top in sys.argv[2 if special else 1 :]:
    collect(top, found)
if special:
    for path in sorted(found):
        found[path] = " ".join([found[path], *describe_special(path)])
json.dump(found, sys.stdout)
