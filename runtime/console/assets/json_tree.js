// A JSON value whose objects and arrays open and close.

import { element } from "./dom.js";

const OPEN_DEPTH = 2;
const MOST_MEMBERS = 200;

/** Return a tree of a value. */
export function jsonTree(value, depth = 0) {
  if (value === null || typeof value !== "object") {
    return element("span", { class: `json-${value === null ? "null" : typeof value}` }, JSON.stringify(value));
  }
  const entries = Object.entries(value);
  const isArray = Array.isArray(value);
  if (!entries.length) return element("span", {}, isArray ? "[]" : "{}");
  const items = entries.slice(0, MOST_MEMBERS).map(([name, member]) =>
    element("li", {}, element("span", { class: "json-name" }, isArray ? `${name}` : name), ": ", jsonTree(member, depth + 1)));
  if (entries.length > MOST_MEMBERS) items.push(element("li", {}, `${entries.length - MOST_MEMBERS} more`));
  const summary = isArray ? `array of ${entries.length}` : `object of ${entries.length}`;
  return element("details", { open: depth < OPEN_DEPTH }, element("summary", {}, summary), element("ul", {}, ...items));
}
