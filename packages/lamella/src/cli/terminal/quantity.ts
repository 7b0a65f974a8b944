const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes for people, in powers of 1,000 and three significant digits: `999 B`, `1.50 kB`, `61.2 MB`, `539 MB`. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = Math.max(0, bytes);
  // 999.5 would be rounded to 1000: it belongs to the next unit.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : significant(value)} ${units[unit]}`;
}

function significant(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return value.toFixed(0);
}

/** Milliseconds as seconds: `0.04 s`, `4.2 s`, `93 s`. */
export function formatSeconds(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  return `${seconds < 59.95 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
}

/** `1 layer`, `2 layers`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}
