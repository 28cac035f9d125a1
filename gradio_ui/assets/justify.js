// Justified rows: pictures keep their shape, every full row has the same width.

/**
 * Lay pictures out in rows.
 * @param ratios width / height of each picture
 * @param width pixels that a row has
 * @param target height in pixels that rows should have, about
 * @param gap pixels between pictures
 * @returns rows of {height, items: [{index, width}]}; the last row keeps the target height
 */
export function justify(ratios, width, target, gap) {
  const rows = [];
  let items = [];
  let sum = 0;
  const close = (height) => {
    rows.push({ height, items: items.map(({ index, ratio }) => ({ index, width: Math.floor(ratio * height) })) });
    items = [];
    sum = 0;
  };
  ratios.forEach((value, index) => {
    const ratio = Math.min(4, Math.max(0.35, value || 1));
    const without = items.length ? (width - gap * (items.length - 1)) / sum : Infinity;
    items.push({ index, ratio });
    sum += ratio;
    const height = (width - gap * (items.length - 1)) / sum;
    if (height > target) return;
    // The row is full: with this picture it is a little too low, without it a little too high; take the closer one.
    if (items.length > 1 && without - target < target - height) {
      const last = items.pop();
      close(without);
      items = [last];
      sum = last.ratio;
    } else close(height);
  });
  if (items.length) {
    const height = Math.min(target, (width - gap * (items.length - 1)) / sum);
    close(height);
  }
  return rows;
}
