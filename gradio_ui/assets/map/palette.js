// Colours that people with a colour vision deficiency can tell apart, on paper and on graphite.

// Chosen by search: any two differ by at least 0.07 in OKLab, as seen with normal, red-blind and green-blind eyes.
export const QUALITATIVE = {
  light: ["#2B4C9B", "#EE8822", "#448811", "#BB66BB", "#661144", "#6699FF", "#005511", "#885555", "#8E8E8C"],
  dark: ["#7F9FF5", "#FFDD77", "#DD7766", "#66BBAA", "#EEAAFF", "#CCAA33", "#88EEDD", "#778800", "#787A80"],
};
// Sequential: dark to light, of even steps in lightness, blue to yellow.
export const SEQUENTIAL = {
  light: ["#14245E", "#26428F", "#3F61A6", "#5F7FAA", "#8098A4", "#A0AF97", "#BDBE7E", "#D8C55A", "#EAC72E"],
  dark: ["#3A4F9E", "#4F69B4", "#6781B8", "#8197B3", "#9BABA8", "#B5BD98", "#D0CD80", "#E9DC62", "#FBEA45"],
};
const PLAIN = { light: "#2B4C9B", dark: "#92ADF5" };
const MISSING = { light: "#B9B5AC", dark: "#4A4C52" };
const GROUND = { light: "#FAF8F4", dark: "#141517" };

/** @param {string} hex @returns {number[]} [r, g, b] in 0..255 */
export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/**
 * Colour of each of the 256 codes of a field, and of all points alike where there is no field.
 * @param {{kind: string, values?: any[]}|null} field
 * @param {"light"|"dark"} theme
 * @returns {number[][]} 256 times [r, g, b]
 */
export function colours(field, theme) {
  if (!field) return Array(256).fill(rgb(PLAIN[theme]));
  const table = Array(256).fill(rgb(MISSING[theme]));
  if (field.kind === "range") {
    for (let code = 0; code < 255; code++) table[code] = alongStops(SEQUENTIAL[theme], code / 254);
  } else {
    const named = QUALITATIVE[theme].map(rgb), count = field.values.length;
    // Values beyond the colours that can be told apart share the last one, grey; the legend still filters them.
    for (let code = 0; code < Math.min(count, 255); code++) table[code] = named[Math.min(code, named.length - 1)];
  }
  return table;
}

/**
 * Pixels (little-endian RGBA) for a back end: 256 codes in full colour, then the same codes faded into the ground.
 * @param {number[][]} table
 * @param {"light"|"dark"} theme
 */
export function pixels(table, theme) {
  const packed = new Uint32Array(512), ground = rgb(GROUND[theme]);
  table.forEach(([r, g, b], code) => {
    packed[code] = pack(r, g, b);
    packed[256 + code] = pack(...[r, g, b].map((value, c) => Math.round(ground[c] + (value - ground[c]) * 0.16)));
  });
  return packed;
}

export function ground(theme) {
  return GROUND[theme];
}

export function pack(r, g, b) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

function alongStops(stops, t) {
  const at = Math.min(t * (stops.length - 1), stops.length - 1.000001), k = Math.floor(at);
  const one = rgb(stops[k]), other = rgb(stops[k + 1]);
  return one.map((value, c) => Math.round(value + (other[c] - value) * (at - k)));
}
