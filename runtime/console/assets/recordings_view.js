// The recordings in the operator's folder.

import { element, keyed, setText } from "./dom.js";
import * as format from "./format.js";

export class RecordingsView {
  title = "Recordings";

  constructor() {
    this.rows = element("tbody");
    this.note = element("p", { class: "empty" }, "Reading the folder.");
    const heads = ["Recording", "Last written", "Size", ""].map((name) => element("th", { scope: "col" }, name));
    this.root = element("section", { "aria-labelledby": "recordings" },
      element("div", { class: "heading" }, element("h1", { id: "recordings" }, "Recordings"), element("span", { class: "grow" }),
        element("button", { type: "button", onclick: () => this.load() }, "Read again")),
      element("div", { class: "wide" }, element("table", { class: "recordings" }, element("thead", {}, element("tr", {}, ...heads)), this.rows)),
      this.note);
    this.load();
  }

  async load() {
    let found;
    try {
      const answer = await fetch("/console/recordings", { cache: "no-store" });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      found = await answer.json();
    } catch (error) {
      this.note.hidden = false;
      setText(this.note, `The list cannot be read: ${error.message}.`);
      return;
    }
    keyed(this.rows, found.recordings, (each) => `${each.name} ${each.bytes} ${each.ended_ms}`, (each) => {
      const address = `/console/recordings/${encodeURIComponent(each.name)}`;
      return element("tr", {},
        element("td", { "data-label": "Recording", class: "id" }, each.name),
        element("td", { "data-label": "Last written" }, format.dateTime(each.ended_ms)),
        element("td", { "data-label": "Size" }, format.bytes(each.bytes)),
        element("td", {}, element("a", { href: address, download: each.name, "aria-label": `Download ${each.name}` }, "Download")));
    }, () => {});
    this.note.hidden = found.recordings.length > 0;
    setText(this.note, found.is_on ? "The folder has no recordings." : "Recording is off: recording.folder is not set.");
  }

  show() {}
}
