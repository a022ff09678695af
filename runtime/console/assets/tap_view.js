// What a node emits: some of its outputs, as they come.

import { element, setText } from "./dom.js";
import * as format from "./format.js";
import { jsonTree } from "./json_tree.js";

const MOST_TEXTS = 20;
const PICTURES = 4;

export class TapView {
  #node = "";
  #content = null;
  #kind = "";

  constructor() {
    this.note = element("p", { class: "empty" });
    this.about = element("p", { class: "hint" });
    this.place = element("div", { class: "tap" });
    this.root = element("div", {}, element("h3", {}, "Outputs"), this.about, this.place, this.note);
  }

  /** Begin with another node. */
  reset(node) {
    this.#node = node;
    this.#kind = "";
    this.place.replaceChildren();
    setText(this.about, "");
    this.note.hidden = false;
    setText(this.note, "Waiting for an output.");
  }

  /** State why there is nothing more. */
  end(text) {
    if (!this.#kind) setText(this.note, text);
  }

  show(message) {
    if (message.node !== this.#node) return;
    if (message.type === "tap_failed") {
      this.note.hidden = false;
      setText(this.note, message.error);
      return;
    }
    this.note.hidden = true;
    const output = message.output;
    const kind = output.error ? "error" : output.kind;
    if (kind !== this.#kind) {
      this.#kind = kind;
      this.#content = contentOf(kind);
      this.place.replaceChildren(this.#content.root);
    }
    setText(this.about, `${output.kind}, sequence ${message.sequence}, ${format.milliseconds(message.latency_ms)} after its input came; at most 4 outputs a second are shown`);
    this.#content.show(output);
  }
}

function contentOf(kind) {
  const made = { audio: Waveform, text: Texts, json: Tree, video: Pictures, bundle: Members }[kind];
  return made ? new made() : new Facts();
}

class Waveform {
  constructor() {
    this.canvas = element("canvas", { class: "waveform", height: 90, role: "img" });
    this.meter = element("span", { class: "bar level" }, element("span"));
    this.text = element("span", { class: "after-bar" });
    this.root = element("div", {}, this.canvas, element("div", {}, this.meter, this.text));
  }

  show(output) {
    const width = this.canvas.clientWidth || 300;
    const scale = window.devicePixelRatio || 1;
    const height = 90;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const style = getComputedStyle(this.canvas);
    context.fillStyle = style.getPropertyValue("--line").trim();
    context.fillRect(0, height / 2, width, 1);
    context.fillStyle = style.getPropertyValue("--series-0").trim();
    const step = width / Math.max(1, output.least.length);
    const y = (value) => (height / 2) * (1 - Math.max(-1, Math.min(1, value)));
    output.least.forEach((least, index) => {
      const top = y(output.greatest[index]);
      context.fillRect(index * step, top, Math.max(1, step), Math.max(1, y(least) - top));
    });
    const decibels = output.rms > 0 ? 20 * Math.log10(output.rms) : -Infinity;
    const share = Math.max(0, Math.min(1, 1 + decibels / 60));
    this.meter.firstChild.style.width = `${100 * share}%`;
    this.meter.dataset.level = output.peak >= 0.999 ? "full" : "free";
    const level = Number.isFinite(decibels) ? `${decibels.toFixed(1)} dBFS` : "silence";
    setText(this.text, `RMS ${level}, peak ${output.peak.toFixed(3)}; ${format.milliseconds(output.duration_ms)}, ${output.sample_rate} Hz, ${output.channels} ${output.channels === 1 ? "channel" : "channels"}`);
    this.canvas.setAttribute("aria-label", `Waveform: ${this.text.textContent}`);
  }
}

class Texts {
  constructor() {
    this.root = element("ol", { class: "texts", tabindex: 0, "aria-label": "Texts" });
  }

  show(output) {
    this.root.append(element("li", {}, output.text));
    while (this.root.childElementCount > MOST_TEXTS) this.root.firstElementChild.remove();
    this.root.scrollTop = this.root.scrollHeight;
  }
}

class Tree {
  constructor() {
    this.root = element("div", { class: "tree", tabindex: 0, role: "region", "aria-label": "JSON" });
  }

  show(output) {
    try {
      if (!output.is_json) throw new SyntaxError("cut");
      this.root.replaceChildren(jsonTree(JSON.parse(output.text)));
    } catch {
      this.root.replaceChildren(element("pre", {}, output.text));
    }
  }
}

class Pictures {
  constructor() {
    this.pictures = element("div", { class: "pictures" });
    this.text = element("p", { class: "hint" });
    this.root = element("div", {}, this.pictures, this.text);
  }

  show(output) {
    setText(this.text, `${output.width} x ${output.height}, ${output.format}, frame ${output.frame_number}`);
    if (!output.picture) {
      setText(this.text, `${this.text.textContent}; an encoded frame has no thumbnail`);
      return;
    }
    const { picture_width: width, picture_height: height } = output;
    const pixels = Uint8Array.from(atob(output.picture), (each) => each.charCodeAt(0));
    const image = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      image.data.set(pixels.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
      image.data[4 * pixel + 3] = 255;
    }
    const canvas = element("canvas", { width, height, role: "img", "aria-label": `Frame ${output.frame_number}` });
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.pictures.prepend(canvas);
    while (this.pictures.childElementCount > PICTURES) this.pictures.lastElementChild.remove();
  }
}

class Members {
  #members = new Map();

  constructor() {
    this.root = element("div", { class: "members" });
  }

  show(output) {
    for (const [name, member] of Object.entries(output.members)) {
      const key = `${name} ${member.kind}`;
      if (!this.#members.has(key)) {
        const content = contentOf(member.kind);
        this.#members.set(key, content);
        this.root.append(element("h4", {}, `${name} (${member.kind})`), content.root);
      }
      this.#members.get(key).show(member);
    }
  }
}

/** Shape, dtype and bounds of an array, the first bytes of binary, the path of a file. */
class Facts {
  constructor() {
    this.root = element("div", { class: "tree" });
  }

  show(output) {
    const { kind, ...facts } = output;
    this.root.replaceChildren(jsonTree(facts));
  }
}
