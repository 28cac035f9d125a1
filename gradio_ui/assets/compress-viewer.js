// Two pictures on top of each other with a divider to drag, and one zoom for both.

import { button, h } from "./dom.js";

const MOST_ZOOM = 16;
const STEP = 0.02; // of the width, for an arrow key

/** Make a viewer. `show({original, restored, label, width, height})` fills it. */
export function viewer() {
  const left = h("img", { alt: "Original", draggable: false, decoding: "async" });
  const right = h("img", { alt: "Restored", draggable: false, decoding: "async", class: "pm-cv-right" });
  const handle = h("div", {
    class: "pm-cv-divider", role: "slider", tabindex: "0", "aria-label": "Divider between original and restored",
    "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "50",
  }, h("span", { "aria-hidden": "true" }));
  const leftName = h("span", { class: "pm-cv-name pm-cv-name-left" }, "Original");
  const rightName = h("span", { class: "pm-cv-name pm-cv-name-right" });
  const stage = h("div", { class: "pm-cv-stage" }, left, right, handle, leftName, rightName);
  const percent = h("output", { class: "pm-cv-zoom", "aria-label": "Zoom" }, "fit");
  const difference = button("Difference", { "aria-pressed": "false", onclick: () => swap(difference.getAttribute("aria-pressed") !== "true") });
  const tools = h("div", { class: "pm-cv-tools", role: "toolbar", "aria-label": "Viewer" },
    button("Zoom out", { quiet: true, onclick: () => zoomBy(1 / 1.5) }), percent,
    button("Zoom in", { quiet: true, iconName: "plus", onclick: () => zoomBy(1.5) }),
    button("Fit", { onclick: fit }), button("1:1", { onclick: actual }), difference);
  tools.firstChild.textContent = "−";
  const element = h("div", { class: "pm-cv" }, stage, tools);

  let size = { width: 1, height: 1 }, urls = {}, divide = 0.5, scale = 1, x = 0, y = 0, least = 1;

  function place() {
    const box = stage.getBoundingClientRect();
    const wide = size.width * scale, high = size.height * scale;
    x = wide <= box.width ? (box.width - wide) / 2 : Math.min(0, Math.max(box.width - wide, x));
    y = high <= box.height ? (box.height - high) / 2 : Math.min(0, Math.max(box.height - high, y));
    for (const image of [left, right]) {
      Object.assign(image.style, { width: `${wide}px`, height: `${high}px`, transform: `translate(${x}px, ${y}px)` });
      image.style.imageRendering = scale * devicePixelRatio >= 2 ? "pixelated" : "auto";
    }
    const at = divide * box.width;
    right.style.clipPath = `inset(0 0 0 ${Math.min(wide, Math.max(0, at - x))}px)`;
    handle.style.left = `${at}px`;
    handle.setAttribute("aria-valuenow", String(Math.round(divide * 100)));
    handle.setAttribute("aria-valuetext", `${Math.round(divide * 100)} % original`);
    percent.textContent = scale === least ? "fit" : `${Math.round(scale * 100)} %`;
  }

  function fit() {
    const box = stage.getBoundingClientRect();
    if (!box.width) return;
    least = scale = Math.min(box.width / size.width, box.height / size.height);
    x = y = 0;
    place();
  }

  function actual() {
    zoomTo(1 / devicePixelRatio);
  }

  function zoomBy(factor, at) {
    zoomTo(scale * factor, at);
  }

  function zoomTo(wanted, at) {
    const box = stage.getBoundingClientRect();
    const point = at ?? { x: box.width / 2, y: box.height / 2 };
    const next = Math.min(MOST_ZOOM, Math.max(Math.min(least, 1), wanted));
    x = point.x - (point.x - x) * (next / scale);
    y = point.y - (point.y - y) * (next / scale);
    scale = next;
    place();
  }

  function swap(on) {
    difference.setAttribute("aria-pressed", String(on));
    right.src = (on ? urls.difference : urls.restored) ?? "";
    rightName.textContent = on ? "Difference, eightfold" : urls.label ?? "";
    rightName.hidden = !rightName.textContent;
  }

  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && scale <= least && event.deltaY > 0) return; // let the page scroll
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomBy(Math.exp(-event.deltaY / 400), { x: event.clientX - box.left, y: event.clientY - box.top });
  }, { passive: false });

  const fingers = new Map();
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    const box = stage.getBoundingClientRect();
    const near = Math.abs(event.clientX - box.left - divide * box.width) < 24;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, divides: near || scale <= least });
    if (!near && scale <= least && event.pointerType === "mouse") moveDivider(event, box);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const box = stage.getBoundingClientRect();
    if (fingers.size === 2) pinch(event, box);
    else if (before.divides) moveDivider(event, box);
    else {
      x += event.clientX - before.x;
      y += event.clientY - before.y;
      place();
    }
    Object.assign(before, { x: event.clientX, y: event.clientY });
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => fingers.delete(event.pointerId));

  function pinch(event, box) {
    const [one, other] = [...fingers.entries()].map(([id, point]) => ({ id, ...point }));
    const still = one.id === event.pointerId ? other : one;
    const moved = one.id === event.pointerId ? one : other;
    const before = Math.hypot(moved.x - still.x, moved.y - still.y);
    const after = Math.hypot(event.clientX - still.x, event.clientY - still.y);
    if (before > 8) zoomBy(after / before, { x: (event.clientX + still.x) / 2 - box.left, y: (event.clientY + still.y) / 2 - box.top });
  }

  function moveDivider(event, box) {
    divide = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    place();
  }

  handle.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -STEP, ArrowRight: STEP, PageDown: -5 * STEP, PageUp: 5 * STEP, Home: -1, End: 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    divide = Math.min(1, Math.max(0, divide + move));
    place();
  });
  new ResizeObserver(() => (scale === least ? fit() : place())).observe(stage);

  return {
    element,
    /** Say that another restored picture is on its way; the one before stays. */
    waiting(size) {
      rightName.textContent = size ? `${size}, coming` : "Coding";
      rightName.hidden = false;
    },
    show(next) {
      const isNew = urls.original !== next.original;
      urls = next;
      size = { width: next.width, height: next.height };
      if (isNew) {
        left.src = next.original;
        divide = 0.5;
        stage.style.aspectRatio = `${Math.max(size.width / size.height, 1.2)}`;
        fit();
      }
      swap(difference.getAttribute("aria-pressed") === "true" && Boolean(next.difference));
      place();
    },
  };
}
