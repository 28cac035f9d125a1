// A legend's rows: what a colour means, how many points have it, and which codes a switched-off row hides.

const BINS = 8;
export const NO_VALUE = 255; // number of the row for points without a value, and their code

/**
 * @typedef {object} Row
 * @property {number} number in the URL
 * @property {string} label
 * @property {number} count
 * @property {number} code whose colour stands for the row
 */

/**
 * @param {object} field of map.json
 * @param {Uint8Array} codes of all points
 * @returns {Row[]}
 */
export function rows(field, codes) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < codes.length; i++) counts[codes[i]]++;
  const found = [];
  if (field.kind === "choice") {
    field.values.forEach(([label], code) => found.push({ number: code, label, count: counts[code], code }));
  } else {
    const step = (field.high - field.low) / BINS;
    for (let bin = 0; bin < BINS; bin++) {
      let count = 0;
      for (let code = 0; code < NO_VALUE; code++) if (binOf(code) === bin) count += counts[code];
      const low = field.low + bin * step;
      found.push({ number: bin, label: `${plain(low, step)} to ${plain(low + step, step)}`, count, code: Math.round(((bin + 0.5) / BINS) * 254) });
    }
  }
  if (counts[NO_VALUE]) found.push({ number: NO_VALUE, label: "no value", count: counts[NO_VALUE], code: NO_VALUE });
  return found;
}

/** Which codes the switched-off rows hide: 1 for hidden. */
export function hiddenCodes(field, numbers) {
  const hidden = new Uint8Array(256), off = new Set(numbers);
  for (let code = 0; code < 256; code++) {
    const number = code === NO_VALUE || field.kind === "choice" ? code : binOf(code);
    if (off.has(number)) hidden[code] = 1;
  }
  return hidden;
}

function binOf(code) {
  return Math.min(BINS - 1, Math.floor((code / 254) * BINS));
}

/** A number with the digits that its step makes meaningful. */
function plain(value, step) {
  const digits = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step || 1)) + 1));
  return value.toFixed(step >= 2 ? 0 : digits);
}
