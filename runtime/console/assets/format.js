// Numbers for people.

/** 12, 1.2 k, 3.4 M. */
export function count(value) {
  if (value < 10_000) return String(Math.round(value));
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} k`;
  if (value < 1e9) return `${(value / 1e6).toFixed(1)} M`;
  return `${(value / 1e9).toFixed(1)} G`;
}

/** A rate, without its unit. */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** Milliseconds, with their unit. */
export function milliseconds(value) {
  if (!value) return "0 ms";
  if (value < 1) return `${(1000 * value).toFixed(0)} µs`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${value.toFixed(0)} ms`;
  return `${(value / 1000).toFixed(1)} s`;
}

/** Bytes, with their unit. */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A duration: 12 s, 3 min 20 s, 2 h 5 min. */
export function duration(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A share of 1, in percent. */
export function percent(value) {
  return `${Math.round(100 * value)} %`;
}

/** The time of day. */
export function time(ms) {
  return new Date(ms).toLocaleTimeString([], { hour12: false });
}

/** Date and time. */
export function dateTime(ms) {
  return new Date(ms).toLocaleString([], { hour12: false });
}
