// A line chart of the last minutes, on a canvas.

import { element, setText } from "./dom.js";

const HEIGHT = 120;
const LEFT = 46;
const BOTTOM = 18;
const TOP = 8;
export const WINDOW_SECONDS = 300;
const SPANS = [60, 120, 300];
const NARROW = 440;

/** One chart with some series. */
export class Timeline {
  #points = [];
  #pointer = null;

  /**
   * @param title of the chart.
   * @param series [{name, value: (point) => number | null}], at most three.
   * @param unit formats a value.
   * @param least the least top of the scale.
   */
  constructor(title, series, unit, least = 0) {
    this.title = title;
    this.series = series;
    this.unit = unit;
    this.least = least;
    this.canvas = element("canvas", { height: HEIGHT, role: "img" });
    this.legend = series.map((each, index) => {
      const value = element("b");
      return { root: element("span", { class: `key series-${index}` }, each.name, " ", value), value };
    });
    this.when = element("span", { class: "when" });
    this.root = element("figure", { class: "timeline" },
      element("figcaption", {}, element("span", { class: "title" }, title), ...this.legend.map((each) => each.root), this.when), this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.canvas.addEventListener("pointerdown", (event) => this.#point(event.offsetX));
    this.canvas.addEventListener("pointerleave", () => this.#point(null));
  }

  /** Draw points, each with `clock` in seconds, the oldest first. */
  show(points) {
    this.#points = points;
    this.#draw();
  }

  #point(x) {
    this.#pointer = x;
    this.#draw();
  }

  #draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(HEIGHT * scale);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const last = this.#points.at(-1)?.clock ?? 0;
    const points = this.#points.filter((point) => point.clock >= last - WINDOW_SECONDS);
    const span = SPANS.find((each) => last - (points[0]?.clock ?? last) <= each) ?? WINDOW_SECONDS;
    const values = points.flatMap((point) => this.series.map((each) => each.value(point) ?? 0));
    const top = niceTop(Math.max(...values, this.least));
    const x = (clock) => LEFT + (width - LEFT - 6) * (1 - (last - clock) / span);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    this.#drawGrid(context, width, top, x, y, { last, span }, colour);
    for (const [index, each] of this.series.entries()) {
      drawLine(context, points, each.value, x, y, colour(`--series-${index}`));
    }
    this.#drawLegend(context, points, x, y, colour);
  }

  #drawGrid(context, width, top, x, y, { last, span }, colour) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colour("--text-2");
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of [0, top / 2, top]) {
      const at = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(width - 6, at);
      context.stroke();
      context.fillText(this.unit(value), LEFT - 6, at);
    }
    context.textBaseline = "alphabetic";
    const parts = width < NARROW ? 2 : span === WINDOW_SECONDS ? 5 : 4;
    for (let part = 0; part <= parts; part += 1) {
      const seconds = (span * part) / parts;
      context.textAlign = part === 0 ? "right" : part === parts ? "left" : "center";
      const text = seconds < 60 ? `-${seconds} s` : `-${seconds / 60} min`;
      context.fillText(part ? text : "now", x(last - seconds), HEIGHT - 4);
    }
  }

  #drawLegend(context, points, x, y, colour) {
    let shown = points.at(-1);
    if (this.#pointer !== null && points.length) {
      shown = points.reduce((best, each) => (Math.abs(x(each.clock) - this.#pointer) < Math.abs(x(best.clock) - this.#pointer) ? each : best));
      context.strokeStyle = colour("--text-2");
      context.beginPath();
      context.moveTo(x(shown.clock), TOP);
      context.lineTo(x(shown.clock), HEIGHT - BOTTOM);
      context.stroke();
    }
    for (const [index, each] of this.series.entries()) {
      const value = shown ? each.value(shown) : null;
      setText(this.legend[index].value, value === null || value === undefined ? "–" : this.unit(value));
    }
    const seconds = shown ? Math.round((points.at(-1).clock - shown.clock)) : 0;
    setText(this.when, this.#pointer !== null && seconds ? `${seconds} s ago` : "");
    const words = this.series.map((each, index) => `${each.name} ${this.legend[index].value.textContent}`).join(", ");
    this.canvas.setAttribute("aria-label", `${this.title}: ${words}`);
  }
}

function drawLine(context, points, valueOf, x, y, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.75;
  context.lineJoin = "round";
  context.beginPath();
  let isDown = false;
  for (const point of points) {
    const value = valueOf(point);
    if (value === null || value === undefined) {
      isDown = false;
      continue;
    }
    if (isDown) context.lineTo(x(point.clock), y(value));
    else context.moveTo(x(point.clock), y(value));
    isDown = true;
  }
  context.stroke();
}

/** Return the next of 1, 2, 5, 10, 20, ... from a value on. */
export function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value);
}
