// Where the nodes and links of a pipeline are drawn: layers from the inputs to the results.

const NODE = { width: 190, height: 92 };
const END = { width: 74, height: 34 };
const BEND = { width: 8, height: 8 };
// Between layers there is room for the text of a queue beside an arrow to the right.
const GAP = { along: 84, alongUpright: 56, across: 22 };

export const INPUT = "(input)";
export const RESULTS = "(results)";

/**
 * Return { nodes: Map(id -> {x, y, width, height}), links: [{link, points}], width, height }.
 *
 * @param ids of the nodes.
 * @param links with producer and reader; "" is the session's own end.
 * @param isUpright whether layers are rows, for narrow screens.
 */
export function layout(ids, links, isUpright) {
  const edges = links.map((link) => ({ link, from: link.producer || INPUT, to: link.reader || RESULTS }));
  const all = [...new Set([...edges.some((e) => e.from === INPUT) ? [INPUT] : [], ...ids, ...edges.some((e) => e.to === RESULTS) ? [RESULTS] : []])];
  const layerOf = layers(all, edges);
  const rows = [];
  const parts = new Map();
  const add = (id, layer, size) => {
    (rows[layer] ??= []).push(id);
    parts.set(id, { ...size, before: [], layer });
  };
  for (const id of all) add(id, layerOf.get(id), id === INPUT || id === RESULTS ? END : NODE);
  for (const [number, edge] of edges.entries()) {
    edge.path = [edge.from];
    for (let layer = layerOf.get(edge.from) + 1; layer < layerOf.get(edge.to); layer += 1) {
      const bend = `bend ${number} ${layer}`;
      add(bend, layer, BEND);
      edge.path.push(bend);
    }
    edge.path.push(edge.to);
    for (let i = 1; i < edge.path.length; i += 1) parts.get(edge.path[i]).before.push(edge.path[i - 1]);
  }
  order(rows, parts);
  return place(rows, parts, edges, isUpright);
}

/** Each node's layer is one more than the greatest of those before it; results come last. */
function layers(ids, edges) {
  const layer = new Map(ids.map((id) => [id, 0]));
  for (let round = 0; round < ids.length; round += 1) {
    let isChanged = false;
    for (const { from, to } of edges) {
      if (layer.get(to) <= layer.get(from)) {
        layer.set(to, layer.get(from) + 1);
        isChanged = true;
      }
    }
    if (!isChanged) break;
  }
  if (layer.has(INPUT) && ids.length > 1) {
    for (const id of ids) if (id !== INPUT && !edges.some((e) => e.to === id)) layer.set(id, Math.max(1, layer.get(id)));
  }
  if (layer.has(RESULTS)) layer.set(RESULTS, Math.max(...layer.values(), 1));
  return layer;
}

/** Sort each layer by the mean place of what comes before. */
function order(rows, parts) {
  for (const [number, row] of rows.entries()) {
    if (number === 0) continue;
    const places = new Map(rows[number - 1].map((id, place) => [id, place]));
    const mean = new Map(row.map((id, own) => {
      const before = parts.get(id).before.map((each) => places.get(each)).filter((each) => each !== undefined);
      return [id, before.length ? before.reduce((a, b) => a + b, 0) / before.length : own];
    }));
    row.sort((a, b) => mean.get(a) - mean.get(b));
  }
}

function place(rows, parts, edges, isUpright) {
  const along = isUpright ? "height" : "width";
  const across = isUpright ? "width" : "height";
  const gap = isUpright ? GAP.alongUpright : GAP.along;
  const lengthOf = (row) => row.reduce((sum, id) => sum + parts.get(id)[across], 0) + GAP.across * (row.length - 1);
  const widest = Math.max(...rows.map(lengthOf));
  let start = 0;
  for (const row of rows) {
    const depth = Math.max(...row.map((id) => parts.get(id)[along]));
    // A link goes past the nodes of a layer straight, and bends between the layers.
    for (const id of row) if (id.startsWith("bend ")) parts.get(id)[along] = depth;
    let offset = (widest - lengthOf(row)) / 2;
    for (const id of row) {
      const part = parts.get(id);
      const position = start + (depth - part[along]) / 2;
      [part.x, part.y] = isUpright ? [offset, position] : [position, offset];
      offset += part[across] + GAP.across;
    }
    start += depth + gap;
  }
  const nodes = new Map([...parts].filter(([id]) => !id.startsWith("bend ")));
  const drawn = edges.map((edge) => ({ link: edge.link, points: edge.path.flatMap((id, index) => ends(parts.get(id), index, edge.path.length, isUpright)) }));
  const size = [start - gap, widest];
  const [width, height] = isUpright ? size.reverse() : size;
  return { nodes, links: drawn, width, height };
}

function ends(part, index, length, isUpright) {
  const middle = isUpright ? part.x + part.width / 2 : part.y + part.height / 2;
  const first = isUpright ? [middle, part.y] : [part.x, middle];
  const last = isUpright ? [middle, part.y + part.height] : [part.x + part.width, middle];
  if (index === 0) return [last];
  return index === length - 1 ? [first] : [first, last];
}

/** Return the path of a link as SVG has it. */
export function pathOf(points, isUpright) {
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const half = isUpright ? (y1 - y0) / 2 : (x1 - x0) / 2;
    path += isUpright
      ? `C${x0} ${y0 + half} ${x1} ${y1 - half} ${x1} ${y1}`
      : `C${x0 + half} ${y0} ${x1 - half} ${y1} ${x1} ${y1}`;
  }
  return path;
}
