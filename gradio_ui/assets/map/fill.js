// Filling an element with children of which some may be absent.

/** Replace an element's children, leaving out null, undefined and false. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}
