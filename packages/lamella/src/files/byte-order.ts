/**
 * Compares two well-formed strings by the bytes of their UTF-8: the order of `LC_ALL=C sort`, in every locale.
 *
 * JavaScript's own `<` goes by UTF-16 code units, which puts what lies beyond U+FFFF (surrogate pairs, 0xD800 to 0xDFFF)
 * before U+E000 to U+FFFF; UTF-8 puts it after. Apart from that the two orders agree.
 */
export function compareByteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
