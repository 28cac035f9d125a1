// Numbers of the Compress tab in words.

/** Bytes as the slider shows them; exact when asked for. */
export function count(bytes, exact = false) {
  if (bytes < 1000 || exact) return `${bytes.toLocaleString("en")} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** How many times smaller than the samples, as 1:N. */
export function ratio(value) {
  return `1:${value < 10 ? value.toFixed(1) : Math.round(value)}`;
}

/** Milliseconds, or seconds from one on. */
export function time(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What stands for an answer that did not come. */
export function noAnswer(error) {
  console.error(error);
  return { error: "The page's server did not answer. Is it still running? Then try again." };
}
