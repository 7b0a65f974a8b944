/**
 * The fields of a `WHEEL` or `METADATA` file: RFC 5322 header lines up to the first empty line (core metadata
 * specification). Names are in lower case, each with its values in order. What is no header is passed over, as the email
 * parsers of pip and uv do.
 */
export function parseHeaders(text: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  let values: string[] | undefined;
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") break;
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (values) values.push(`${values.pop() ?? ""} ${line.trim()}`.trim());
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) {
      values = undefined;
      continue;
    }
    const name = line.slice(0, colon).toLowerCase();
    values = fields.get(name) ?? [];
    fields.set(name, values);
    values.push(line.slice(colon + 1).trim());
  }
  return fields;
}
