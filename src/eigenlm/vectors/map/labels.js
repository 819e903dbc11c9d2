// ---- words on the picture: the most frequent first, each where none is yet -----------------------------------------

const CELL = 6, LINE = 16; // pixels
const LONGEST = 26; // letters of a word that is drawn
const labelText = (i) => (space.words[i].length > LONGEST ? space.words[i].slice(0, LONGEST - 1) + "…" : space.words[i]);
const isWord = (i) => /[\p{L}\p{N}]/u.test(space.words[i]); // and not a sign, of which the most frequent words are full
const widths = new Map(); // of words, measured once

function widthOf(context, i) {
  if (!widths.has(i)) widths.set(i, context.measureText(labelText(i)).width);
  return widths.get(i);
}

// What is taken of the picture, in cells.
function emptyGrid() {
  const columns = Math.ceil(size.width / CELL) + 1, rows = Math.ceil(size.height / CELL) + 1;
  const taken = new Uint8Array(columns * rows);
  const cells = (x, y, width, height, visit) => {
    for (let row = Math.max(0, Math.floor(y / CELL)); row <= Math.min(rows - 1, Math.floor((y + height) / CELL)); row++) {
      for (let column = Math.max(0, Math.floor(x / CELL)); column <= Math.min(columns - 1, Math.floor((x + width) / CELL)); column++) {
        if (visit(row * columns + column)) return true;
      }
    }
    return false;
  };
  return {
    free: (...box) => !cells(...box, (at) => taken[at]),
    take: (...box) => cells(...box, (at) => void (taken[at] = 1)),
  };
}

// The words that are written, each with the place of its first letter: `first` before all others, then by frequency, but
// no more than two in a part of the picture, so that where rare words are there is something to read too.
function placedLabels(context, places, first) {
  const grid = emptyGrid(), placed = [], crowd = new Uint8Array(64 * 64);
  const most = first.length + Math.max(12, Math.round((size.width * size.height) / 8500));
  const put = (i, x, y, sides) => {
    const width = widthOf(context, i);
    const offsets = [[7, 0], [-7 - width, 0], [-width / 2, -13], [-width / 2, 13]].slice(0, sides);
    for (const [left, middle] of offsets.map(([dx, dy]) => [x + dx, y + dy])) {
      const box = [left - 2, middle - LINE / 2, width + 4, LINE];
      if (left < 2 || left + width > size.width - 2 || middle < LINE / 2 || middle > size.height - LINE / 2 || !grid.free(...box)) continue;
      grid.take(...box);
      placed.push({ i, x: left, y: middle });
      return true;
    }
    return false;
  };
  for (const i of first) put(i, across(places[2 * i]), down(places[2 * i + 1]), 4);
  const already = new Set(first);
  for (let i = 0; 2 * i < places.length && placed.length < most; i++) {
    const x = across(places[2 * i]), y = down(places[2 * i + 1]);
    if (x < 0 || y < 0 || x > size.width || y > size.height || already.has(i)) continue;
    const part = Math.floor(x / 150) + 64 * Math.floor(y / 110);
    if (crowd[part] < 2 && isWord(i) && put(i, x, y, 2)) crowd[part]++;
  }
  return placed;
}

// `marked` has the colours of words that have one of their own.
function writeLabels(context, placed, marked) {
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = colours.panel;
  for (const { i, x, y } of placed) context.strokeText(labelText(i), x, y);
  for (const { i, x, y } of placed) {
    context.fillStyle = marked.get(i) ?? colours.ink;
    context.fillText(labelText(i), x, y);
  }
}
