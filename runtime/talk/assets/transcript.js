// The words of both sides. Text of a pipeline is never taken as markup.

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

const NAMES = { person: "You", agent: "Answer" };

/** Shows a conversation in a list. */
export class Transcript {
  #list;
  #open = null; // the entry of partial text
  #answers = new Map(); // by turn
  #pieces = new Set(); // answers of which there are only pieces

  constructor(list) {
    this.#list = list;
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  clear() {
    this.#list.replaceChildren();
    this.#open = null;
    this.#answers.clear();
    this.#pieces.clear();
  }

  /** Show text. Partial words of a person are replaced by what follows them. */
  show({ speaker, node, text, partial, sequence }) {
    if (speaker === "agent") this.#answer(sequence, text, partial);
    else this.#words(speaker, NAMES[speaker] ?? node, text, partial);
    this.#follow();
  }

  #words(speaker, name, text, partial) {
    const entry = this.#open ?? this.#add(speaker || "other", name);
    entry.querySelector(".words").textContent = text;
    entry.toggleAttribute("data-partial", partial);
    this.#open = partial ? entry : null;
  }

  /** Add a piece or a sentence to an answer; a whole answer replaces its pieces. */
  #answer(turn, text, partial) {
    const entry = this.#answers.get(turn) ?? this.#begin(turn);
    const words = entry.querySelector(".words");
    const before = this.#pieces.has(entry) && !partial ? "" : words.textContent;
    words.textContent = before + (/[.!?;:]$/.test(before) && /^\S/.test(text) ? " " : "") + text;
    entry.toggleAttribute("data-partial", partial);
    if (partial) this.#pieces.add(entry);
    else this.#pieces.delete(entry);
  }

  #begin(turn) {
    const entry = this.#add("agent", NAMES.agent);
    this.#answers.set(turn, entry);
    return entry;
  }

  #add(speaker, name) {
    const entry = element("li", "entry");
    entry.dataset.speaker = speaker;
    entry.append(element("span", "who", name), element("p", "words"), element("span", "note"));
    this.#list.append(entry);
    return entry;
  }

  /** Note that the answer of a turn has become audible, and how long after the words. */
  audible(turn, seconds) {
    const entry = this.#answers.get(turn) ?? this.#begin(turn);
    this.#list.querySelectorAll("[data-playing]").forEach((each) => each.removeAttribute("data-playing"));
    entry.setAttribute("data-playing", "");
    if (seconds !== null) {
      entry.dataset.latency = seconds.toFixed(3);
      entry.querySelector(".note").textContent = `${seconds.toFixed(2)} s after you stopped`;
    }
    this.#follow();
  }

  /** Note that the voice is silent; `isCut` tells that it was interrupted. */
  silent(isCut) {
    this.#list.querySelectorAll("[data-playing]").forEach((entry) => {
      entry.removeAttribute("data-playing");
      entry.removeAttribute("data-partial");
      if (isCut) {
        entry.setAttribute("data-cut", "");
        const note = entry.querySelector(".note");
        note.textContent = [note.textContent, "interrupted"].filter(Boolean).join(", ");
      }
    });
  }

  #follow() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
