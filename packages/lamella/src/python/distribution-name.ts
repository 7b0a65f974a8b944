// Names of distributions as the binary distribution format and the name normalization specification (PEP 503, PEP 508)
// have them.

export { normalizeName } from "../image/project/normalize-name.ts";

/** The longest name that we take: longer ones are no package of any index and only cost memory. */
const maximumLength = 255;

const validName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** Whether `text` may name a distribution (PEP 508, `identifier`). */
export function isDistributionName(text: string): boolean {
  return text.length <= maximumLength && validName.test(text);
}
