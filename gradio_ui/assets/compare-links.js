// Thin lines through the same picture in all columns, drawn over the table while one of them is pointed at.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** Make the overlay of a scrolled frame. `show(id)` links a picture, `show(null)` removes the lines. */
export function links(frame) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.classList.add("pm-compare-links");
  svg.setAttribute("aria-hidden", "true");
  let shown = null;

  function draw() {
    svg.replaceChildren();
    const table = frame.querySelector("table");
    if (table) {
      svg.setAttribute("width", table.offsetWidth);
      svg.setAttribute("height", table.offsetHeight);
      table.classList.toggle("pm-linking", shown !== null);
    }
    if (shown === null || !table) return;
    const origin = svg.getBoundingClientRect();
    const cells = [...table.querySelectorAll(`.pm-compare-cell[data-id="${shown}"]`)];
    const places = cells.map((cell) => {
      const box = (cell.querySelector("img") ?? cell).getBoundingClientRect();
      return { x0: box.left - origin.left, x1: box.right - origin.left, y: box.top - origin.top + box.height / 2, isMissed: cell.dataset.kind === "missed" };
    });
    places.sort((one, other) => one.x0 - other.x0);
    places.slice(1).forEach((to, at) => {
      const from = places[at];
      const middle = (from.x1 + to.x0) / 2;
      const path = document.createElementNS(NAMESPACE, "path");
      path.setAttribute("d", `M${from.x1} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x0} ${to.y}`);
      if (from.isMissed || to.isMissed) path.classList.add("pm-broken");
      svg.append(path);
    });
  }

  new ResizeObserver(draw).observe(frame);
  return {
    element: svg,
    show(id) {
      if (id === shown) return;
      frame.querySelectorAll(".pm-linked").forEach((one) => one.classList.remove("pm-linked"));
      shown = id;
      if (id !== null) frame.querySelectorAll(`.pm-compare-cell[data-id="${id}"]`).forEach((one) => one.classList.add("pm-linked"));
      draw();
    },
    again: draw,
  };
}
