// The filters of the Compare tab: the same as those of the search, as a menu, and the active ones as chips.

import { closing, h } from "./dom.js";
import { filtersPanel, removeFilter } from "./filters.js";
import { filterChips } from "./results.js";
import { chosen, state } from "./store.js";

/** Make the menu and the chips; `follow()` draws what is active. The panel is made when it is first needed. */
export function compareFilters() {
  const menu = h("div", { class: "pm-compare-filters" });
  const chips = h("div", { class: "pm-filter-chips" });

  function make() {
    const panel = closing(filtersPanel());
    panel.className = "pm-compare-menu";
    panel.removeAttribute("data-panel"); // of the search, which remembers whether it is open
    panel.querySelector("summary").className = "pm-button";
    panel.querySelector(".pm-panel-body").classList.add("pm-popover");
    menu.append(panel);
  }

  return {
    menu,
    chips,
    follow() {
      if (!menu.firstChild) make();
      chips.replaceChildren(...filterChips(state().where, chosen().facets, removeFilter));
    },
  };
}
