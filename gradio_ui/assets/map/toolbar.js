// Tools at the edge of the map: zoom, select, place a picture, kept selections.

import { h } from "../dom.js";

const PATHS = {
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  whole: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  lasso: "M8 14c-3 0-5-2-5-5s3-5.500 7-5.500 7 2.200 7 5.200-3 4.800-6 4.800c-2 0-3 .8-3 2s1 1.700 1 1.700M8 14a1.600 1.600 0 1 0 0 .1",
  box: "M4 4h3M10 4h3M16 4v3M16 10v3M16 16h-3M10 16H7M4 16v-3M4 10V7",
  place: "M10 17s5.500-5 5.500-9a5.500 5.500 0 0 0-11 0c0 4 5.500 9 5.500 9zM10 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
};

/**
 * @param {() => import("./map.js").PictureMap} map
 * @param {{place?: (file: File) => Promise<any>, renew?: () => void}} actions
 * @param {{placed: (answer: any, file: File, url: string) => void, stage: HTMLElement}} page
 */
export function toolbar(map, actions, { placed, stage }) {
  const lasso = tool("Draw around pictures to select them", "lasso", () => toggle("lasso"));
  const box = tool("Select pictures in a box", "box", () => toggle("box"));
  const file = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Picture to place on the map" });
  const message = h("p", { class: "pm-map-message", role: "alert", hidden: true });
  const kept = h("select", { class: "pm-map-select pm-map-kept", "aria-label": "Kept selections", hidden: true });
  const element = h("div", { class: "pm-map-tools", role: "toolbar", "aria-label": "Map tools" },
    tool("Zoom in", "plus", () => map().moveTo(map().view.zoomed(map().limited(1.7)))),
    tool("Zoom out", "minus", () => map().moveTo(map().view.zoomed(map().limited(1 / 1.7)))),
    tool("Show the whole map", "whole", () => map().showAll()), h("hr"), lasso, box,
    actions.place ? [h("hr"), tool("Place a picture on the map", "place", () => file.click()), file] : null, kept, message);
  let names = [];

  file.addEventListener("change", () => {
    if (file.files[0]) place(file.files[0]);
    file.value = "";
  });
  kept.addEventListener("change", () => {
    const chosen = names[Number(kept.value)];
    if (chosen) map().select(chosen.outline);
    kept.selectedIndex = 0;
  });
  if (actions.place) acceptDrops();

  function tool(label, path, onclick) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("aria-hidden", "true");
    svg.classList.add("pm-icon");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", PATHS[path]);
    svg.append(line);
    return h("button", { type: "button", class: "pm-tool", "aria-label": label, title: label, onclick }, svg);
  }

  function toggle(mode) {
    map().setMode(map().mode === mode ? "pan" : mode);
  }

  function draw() {
    lasso.setAttribute("aria-pressed", String(map().mode === "lasso"));
    box.setAttribute("aria-pressed", String(map().mode === "box"));
  }

  /** Send a picture to the server and show where it belongs. */
  async function place(chosen) {
    say("Placing the picture", false);
    const answer = await actions.place(chosen).catch(() => ({ error: "The page's server did not answer. Is it still running? Then try again." }));
    show(answer, chosen, URL.createObjectURL(chosen));
  }

  function show(answer, picture, url) {
    if (answer.error) {
      say(answer.error, true);
      return;
    }
    message.hidden = true;
    placed(answer, picture, url);
  }

  function say(text, wrong) {
    message.hidden = false;
    message.textContent = text;
    message.classList.toggle("pm-warning", wrong);
  }

  function acceptDrops() {
    const over = (on) => stage.classList.toggle("is-dropping", on);
    stage.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    stage.addEventListener("dragleave", () => over(false));
    stage.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation(); // the Search tab takes what is dropped elsewhere
      over(false);
      if (event.dataTransfer.files[0]) place(event.dataTransfer.files[0]);
    });
  }

  return {
    element,
    draw,
    show,
    names(list) {
      names = list;
      kept.hidden = !list.length;
      kept.replaceChildren(h("option", { value: "" }, "Kept selections"), ...list.map(({ name }, k) => h("option", { value: String(k) }, name)));
    },
  };
}
