// Elements. Text of clients and nodes becomes text nodes only, never markup.

/** Return an element with attributes, listeners ("onclick": f) and children (elements or text). */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
}

/** Set the text of an element, if it is another one: that keeps a selection of the user. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Set a class or remove it. */
export function setClass(target, name, isSet) {
  target.classList.toggle(name, Boolean(isSet));
}

/**
 * Keep one child of a parent for each key, in order: known ones are updated, others made or removed.
 * The focus and the selection of the user stay where they are.
 */
export function keyed(parent, entries, keyOf, make, update) {
  parent.keyedChildren ??= new Map();
  const known = parent.keyedChildren;
  const present = new Set();
  let place = parent.firstElementChild;
  for (const entry of entries) {
    const key = keyOf(entry);
    present.add(key);
    let child = known.get(key);
    if (!child) {
      child = make(entry);
      known.set(key, child);
    }
    update(child, entry);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const [key, child] of known) {
    if (!present.has(key)) {
      child.remove();
      known.delete(key);
    }
  }
}
