// Small tools for building elements: no framework, no templates, no innerHTML of data.

/** Make an element: h("button", {class: "x", onclick: f, "aria-label": "y"}, child, "text"). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  why: "M7.5 13.500a4.500 4.500 0 1 1 0-9 4.500 4.500 0 0 1 0 9zM12.500 15.500a4.500 4.500 0 1 1 0-9 4.500 4.500 0 0 1 0 9z",
  left: "M4.5 7.5V3.5M4.5 7.5h4M4.5 7.5A6.5 6.5 0 1 1 4 12",
  right: "M15.5 7.5V3.5M15.5 7.5h-4M15.5 7.5A6.5 6.5 0 1 0 16 12",
  mirror: "M10 3v14M7.5 6L3 14h4.500zM12.5 6L17 14h-4.500z",
  camera: "M3 6.500h3l1.500-2h5l1.500 2h3v9.500H3zM10 13.500a2.700 2.700 0 1 0 0-5.400a2.700 2.700 0 0 0 0 5.400z",
  picture: "M3 4h14v12H3zM3 13l4-4 3.500 3.500L13 10l4 4M12.600 7.600h.01",
  region: "M3 6V3h3M14 3h3v3M17 14v3h-3M6 17H3v-3M7 7h6v6H7z",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17",
  more: "M5 8l5 5 5-5",
  save: "M10 3v9M6.500 8.500L10 12l3.500-3.500M4 16h12",
  open: "M11 4h5v5M16 4l-7 7M8 5H4v11h11v-4",
  moon: "M15.500 11.800A6.300 6.300 0 0 1 8.200 4.500a6.300 6.300 0 1 0 7.300 7.300z",
  sun: "M10 13.200a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400zM10 2v2M10 16v2M2 10h2M16 10h2M4.300 4.300l1.400 1.400M14.300 14.300l1.400 1.400M15.700 4.300l-1.400 1.400M5.700 14.300l-1.400 1.400",
};

/** Make a line icon of 20 units that screen readers skip. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("pm-icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Make a button with an icon; the label is shown, or (quiet) only spoken and shown as a tooltip. */
export function button(label, { iconName, quiet = false, onclick, ...rest } = {}) {
  const attributes = { type: "button", class: quiet ? "pm-tool" : "pm-button", onclick, ...rest };
  if (quiet) Object.assign(attributes, { "aria-label": label, title: label });
  return h("button", attributes, iconName ? icon(iconName) : null, quiet ? null : label);
}

/** Let a press elsewhere, or Escape, close a <details> that is used as a menu. */
export function closing(menu) {
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  return menu;
}

/** Call `work` once things have been quiet for `ms`. */
export function debounced(work, ms) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), ms);
  };
}

/** Return a byte count as a person would write it. */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}
