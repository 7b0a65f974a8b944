/**
 * The Python program that compiles. It is text in a module, and not a file of its own, so that a bundle has it too.
 *
 * It reads jobs from stdin and writes one answer for each to stdout, in order; both are frames of a length (4 bytes, big
 * endian) and so many bytes. A job is fields with a NUL byte between them: the path of a wheel, and for each file of a
 * chunk the offset, compressed size, size and CRC-32 of its data, its method (0 or 8), and the path that the code is to
 * name. An answer is a letter and what follows it:
 *
 * - `k`: for each file 4 bytes of length and so many bytes of `.pyc`; a length of 0xFFFFFFFF for one that does not compile
 * - `d`: the wheel is damaged at the file with this index (4 bytes)
 * - `c`: the process that compiled crashed, or was killed
 *
 * Each chunk is compiled in a process forked from an interpreter that has never compiled anything: what a process
 * compiled before can change a flag in the next file's bytes. Both end at once when nobody reads the answer any more,
 * since Lamella may be killed.
 */
export const compilerProgram: string = String.raw`
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import gc, marshal, os, select, zlib, _imp
from _frozen_importlib_external import MAGIC_NUMBER

# PEP 552: bit 0 says that the pyc is checked by hash, bit 1 (not set) that the hash is looked at.
HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little")
KEY = int.from_bytes(MAGIC_NUMBER, "little")
NOT_COMPILED = b"\xff\xff\xff\xff"

class Damaged(Exception):
    pass

def read(length):
    parts = []
    while length:
        part = os.read(0, length)
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)

def write(answer):
    answer = memoryview(len(answer).to_bytes(4, "big") + answer)
    while answer:
        answer = answer[os.write(1, answer):]

def content(wheel, offset, compressed_size, size, crc, method):
    data = os.pread(wheel, compressed_size, offset)
    if method == 8:
        inflater = zlib.decompressobj(-15)
        try:
            data = inflater.decompress(data, size + 1)
        except zlib.error:
            raise Damaged
        if not inflater.eof or inflater.unused_data:
            raise Damaged
    if len(data) != size or zlib.crc32(data) != crc:
        raise Damaged
    return data

def compiled(source, path):
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        return HEADER + _imp.source_hash(KEY, source) + marshal.dumps(code)
    except Exception:
        return None

def answer(job):
    fields = job.split(b"\0")
    wheel = os.open(fields[0], os.O_RDONLY)
    parts = [b"k"]
    for at in range(1, len(fields), 6):
        try:
            source = content(wheel, *map(int, fields[at:at + 5]))
        except Damaged:
            return b"d" + (at // 6).to_bytes(4, "big")
        pyc = compiled(source, fields[at + 5].decode())
        if pyc is None:
            parts.append(NOT_COMPILED)
        else:
            parts += (len(pyc).to_bytes(4, "big"), pyc)
    return b"".join(parts)

# A string of one character is one object in the whole process. Whether it is interned shows in bytecode, and must not
# hang on whether the interpreter read its own library as bytecode or as source.
for number in range(256):
    sys.intern(chr(number))
gc.disable()
gc.freeze()
while True:
    length = read(4)
    job = length and read(int.from_bytes(length, "big"))
    if not job:
        break
    # A byte in this pipe says that the child has begun to write.
    begun, begin = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            result = answer(job)
            os.write(begin, b"1")
            write(result)
            code = 0
        finally:
            os._exit(code)
    os.close(begin)
    # A hang-up is reported unasked: of stdin when whoever gave the job is gone, of the pipe when the child has ended.
    either = select.poll()
    either.register(0, 0)
    either.register(begun, 0)
    if any(descriptor == 0 for descriptor, _ in either.poll()):
        os.kill(child, 9)
        break
    status = os.waitpid(child, 0)[1]
    if status:
        if os.read(begun, 1):
            sys.exit("A compiling process ended in the middle of its answer.")
        write(b"c")
    os.close(begun)
`;
