// What the recall dial can be turned to: the measured settings of one index, and the one nearest to a wish.

const UNITS = { n_probe: "lists probed", n_rerank: "compared again exactly", n_candidates: "candidates compared exactly", ef_search: "candidates of the graph walk", k_factor: "times k compared exactly" };

/** What a knob is called for people. */
export function title(knob) {
  return UNITS[knob] ?? knob;
}

/** The indexes that were measured, each once, in order. */
export function indexes(curves) {
  return [...new Set(curves.map((curve) => curve.index))];
}

/** Bytes of a vector's code, or null where an index has no such choice. `own`: index -> bytes of the gallery's own. */
export function codeBytes(curve, own) {
  return curve.code_bytes ?? own[curve.index] ?? null;
}

/** The code lengths that can be chosen for an index, ascending; empty where there is no choice. */
export function lengths(curves, own, index) {
  const found = new Set(curves.filter((curve) => curve.index === index).map((curve) => codeBytes(curve, own)));
  return [...found].filter((value) => value !== null).sort((a, b) => a - b);
}

/** Every {curve, point} of an index at a code length; those of the gallery's own index come first. */
export function settings(curves, own, index, bytes) {
  const fits = curves.filter((curve) => curve.index === index && (bytes === null || codeBytes(curve, own) === bytes));
  fits.sort((a, b) => Number(a.code_bytes !== null) - Number(b.code_bytes !== null));
  return fits.flatMap((curve) => curve.points.map((point) => ({ curve, point })));
}

/** Knob -> the values at which it was measured, ascending; what is absent from a setting counts as 0. */
export function ranges(entries) {
  const names = [...new Set(entries.flatMap(({ point }) => Object.keys(point.knobs)))];
  return new Map(names.map((name) => [name, [...new Set(entries.map(({ point }) => point.knobs[name] ?? 0))].sort((a, b) => a - b)]));
}

/** The entry nearest to the wanted knobs; `first`, the knob that a hand is on, counts above all others. */
export function nearest(entries, wanted, first = null) {
  const apart = ({ point }) => Object.keys({ ...wanted, ...point.knobs }).reduce((sum, name) =>
    sum + (name === first ? 1000 : 1) * Math.abs(Math.log2((1 + (wanted[name] ?? 0)) / (1 + (point.knobs[name] ?? 0)))), 0);
  return entries.reduce((best, entry) => (best && apart(best) <= apart(entry) ? best : entry), null);
}

/** A setting in words: "ivfpq-32, n_probe 12, n_rerank 50". */
export function words(key, knobs) {
  return [key, ...Object.entries(knobs).map(([name, value]) => `${name} ${value}`)].join(", ");
}

/** The settings that nothing beats in both recall and cost, cheapest first. */
export function frontier(points, k, cost) {
  const best = [];
  for (const point of [...points].sort((a, b) => cost(a) - cost(b) || b.recall[k] - a.recall[k])) {
    if (!best.length || point.recall[k] > best.at(-1).recall[k]) best.push(point);
  }
  return best;
}

/** A share as in ".957". */
export function share(value) {
  return value.toFixed(3).replace(/\.?0+$/, "").replace(/^0(?=\.)/, "");
}

/** Milliseconds with two digits that count. */
export function milliseconds(value) {
  return `${Number(value.toPrecision(2))} ms`;
}

/** What the server answered, or {error} where it did not. */
export function call(answer) {
  const none = () => ({ error: "The page's server did not answer. Is it still running? Then try again." });
  return answer.then((found) => found ?? none(), none);
}
