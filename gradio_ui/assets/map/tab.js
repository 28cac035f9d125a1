// The Map tab on the page: opens the chosen gallery's map, follows the URL, and connects the map with search.

import { button, h } from "../dom.js";
import { chosen, navigate, NO_PICTURE, onGalleries, searchStored, state, subscribe } from "../store.js";
import { follow as followTheme, isDark } from "../theme.js";
import { httpSource, MapData } from "./data.js";
import { explorer } from "./explorer.js";

const POLL_MS = 500;

export function mount({ element, props, server, upload, watch }) {
  const root = element.querySelector(".pm-map");
  const notice = h("div"), place = h("div");
  root.append(notice, place);
  /** @type {ReturnType<typeof explorer>|null} */ let shown = null;
  let address = "", ticket = 0, wanted = null;

  async function follow() {
    const now = state(), entry = chosen();
    if (!entry || now.tab !== "map") return;
    if (entry.address === address) {
      if (shown) await shown.restore(now.map);
      arrive();
      return;
    }
    address = entry.address;
    await open(entry.address);
  }

  async function open(gallery) {
    const mine = ++ticket;
    const answer = await server.open_map({ gallery }).catch(noAnswer);
    if (mine !== ticket) return;
    shown?.dispose();
    shown = null;
    notice.replaceChildren();
    if (answer.error) say("The map cannot be shown", answer.error, () => open(gallery));
    else if (answer.state === "ready") await draw(gallery, answer, mine);
    else if (answer.state === "building") await watchBuilding(gallery, mine);
    else offer(gallery, answer);
  }

  async function draw(gallery, answer, mine) {
    if (answer.notice) {
      notice.replaceChildren(h("div", { class: "pm-map-notice", role: "status" }, h("span", {}, answer.notice),
        button("Renew the map", { onclick: () => build(gallery) })));
    }
    try {
      const base = new URL(answer.base, document.baseURI).href;
      const thumbnails = answer.thumbnails && new URL(answer.thumbnails, document.baseURI).href;
      const data = await MapData.open(httpSource(base, answer.version, thumbnails));
      if (mine !== ticket) return;
      if (!data.n) {
        say("An empty gallery", "There is nothing to lay out yet. Add pictures, then build its features and its map.");
        return;
      }
      shown = explorer(place, data, { theme: isDark() ? "dark" : "light", state: state().map, draw: wantedBackend(), remember, actions: actions(gallery) });
      place.pmMap = shown.map; // for tests and the curious
      await shown.ready;
      arrive();
    } catch (error) {
      console.error(error);
      say("The map cannot be shown", String(error.message ?? error), () => open(gallery));
    }
  }

  function remember(text) {
    if (state().tab === "map") navigate({ map: text }, { replace: true });
  }

  function actions(gallery) {
    return {
      neighbours: (id) => server.neighbours({ gallery, id }).catch(noAnswer),
      alike: (ids) => server.alike({ gallery, ids }).catch(noAnswer),
      save: (kind, ids, name) => server.save_selection({ gallery, kind, ids, name }).catch(noAnswer),
      searchWith: (id) => searchStored(gallery, id),
      searchWithUpload: (path, name) => navigate({ ...NO_PICTURE, tab: "search", upload: { path, name } }),
      place: async (file) => {
        if (file.size > props.max_upload_bytes) return { error: `The picture is larger than ${Math.round(props.max_upload_bytes / 2 ** 20)} MB.` };
        const { path } = await upload(file);
        return server.place({ gallery, path });
      },
    };
  }

  // --- a picture sent here from elsewhere ---

  async function arrive() {
    if (!wanted || !shown) return;
    const picture = wanted;
    if (picture.gallery && picture.gallery !== address) return; // its gallery's map is being opened
    wanted = null;
    if (picture.image_id !== undefined) shown.showImage(picture.image_id);
    else if (picture.path) {
      const answer = await server.place({ gallery: address, path: picture.path }).catch(noAnswer);
      shown.placed(answer, picture, new URL(`gradio_api/file=${picture.path}`, document.baseURI).href);
    }
  }

  watch("value", () => {
    const sent = typeof props.value === "string" && props.value ? JSON.parse(props.value) : null;
    if (!sent) return;
    wanted = sent;
    arrive();
  });

  // --- without a map ---

  function offer(gallery, { count, message }) {
    place.replaceChildren(h("div", { class: "pm-map-empty" },
      h("h2", {}, "No map yet"),
      h("p", {}, message || `The ${count.toLocaleString("en")} pictures of this gallery have not been laid out. That takes half a minute or so, and is kept.`),
      message ? null : button("Build the map", { class: "pm-button pm-primary", onclick: () => build(gallery) })));
  }

  async function build(gallery) {
    const answer = await server.build_map({ gallery }).catch(noAnswer);
    if (answer.error) say("The map could not be built", answer.error, () => build(gallery));
    else await watchBuilding(gallery, ++ticket);
  }

  async function watchBuilding(gallery, mine) {
    const what = h("p", { role: "status" }), bar = h("progress", { "aria-label": "Building the map" });
    const stop = button("Cancel", { onclick: () => server.cancel_map({ gallery }) });
    notice.replaceChildren();
    place.replaceChildren(h("div", { class: "pm-map-empty" }, h("h2", {}, "Building the map"), what, bar, stop));
    for (;;) {
      const answer = await server.map_progress({ gallery }).catch(noAnswer);
      if (mine !== ticket) return;
      if (answer.error) {
        say("The map could not be built", answer.error, () => build(gallery));
        return;
      }
      if (answer.state !== "building") {
        await open(gallery);
        return;
      }
      what.textContent = answer.what + (answer.total ? `, ${answer.done.toLocaleString("en")} of ${answer.total.toLocaleString("en")}` : "") + (answer.left ? `, ${answer.left} left` : "");
      if (answer.total) bar.value = answer.done / answer.total;
      else bar.removeAttribute("value");
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  function say(title, message, again) {
    place.replaceChildren(h("div", { class: "pm-map-empty", role: "alert" }, h("h2", {}, title), h("p", {}, message),
      again ? button("Try again", { onclick: again }) : null));
  }

  followTheme((dark) => shown?.setTheme(dark ? "dark" : "light"));
  subscribe(follow);
  onGalleries(follow);
  follow();
}

/** For measuring and for machines whose graphics misbehave: localStorage["pentimento-map-draw"] = "splat" or "webgl". */
function wantedBackend() {
  try {
    const wish = localStorage.getItem("pentimento-map-draw");
    return wish === "splat" || wish === "webgl" ? wish : "";
  } catch {
    return ""; // storage is blocked
  }
}

function noAnswer() {
  return { error: "The page's server did not answer. Is it still running? Then try again." };
}
