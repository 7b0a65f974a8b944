/** Units of time, in milliseconds. */
const durations: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Reads `30s`, `90m`, `12h`, `30d` or `2w`; gives milliseconds. */
export function parseDuration(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const factor = durations[unit];
  if (factor === undefined)
    throw new Error("It takes a number with s, m, h, d or w, for example 30d");
  return Number(number) * factor;
}

/** Reads what {@link parseDuration} or {@link parseSize} reads, but for nothing at all. */
export function aboveZero(parse: (text: string) => number): (text: string) => number {
  return (text) => {
    const value = parse(text);
    if (value === 0) throw new Error("It has to be more than nothing");
    return value;
  };
}

/** Powers of 1,000, as sizes are shown, and of 1,024. */
const sizes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** Reads `20GB`, `500MiB` or `0B`; gives bytes. */
export function parseSize(text: string): number {
  const [, number, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)([a-z]+)$/i.exec(text) ?? [];
  const factor = sizes[unit.toLowerCase()];
  if (factor === undefined) throw new Error("It takes a number with a unit, for example 20GB");
  return Math.round(Number(number) * factor);
}
