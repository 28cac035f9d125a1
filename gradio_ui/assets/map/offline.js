// The exported map: one file, opened from disk, without any network.

import { follow, isDark } from "../theme.js";
import { inlineSource, MapData } from "./data.js";
import { explorer } from "./explorer.js";

/** @param {HTMLElement} root @param {Record<string, string>} files name -> base64 */
export async function start(root, files) {
  const data = await MapData.open(inlineSource(files));
  const shown = explorer(root, data, {
    theme: isDark() ? "dark" : "light",
    state: decodeURIComponent(location.hash.slice(1)),
    remember: (text) => history.replaceState(null, "", "#" + text),
  });
  root.pmMap = shown.map;
  follow((dark) => shown.setTheme(dark ? "dark" : "light"));
  await shown.ready;
}
