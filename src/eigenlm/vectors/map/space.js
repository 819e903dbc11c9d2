// ---- words and their vectors: whole numbers from -127 to 127, brought to length 1 where they are used ---------------

const space = { words: [], index: new Map(), codes: new Int8Array(), lengths: new Float32Array(), layouts: [] };

async function readSpace() {
  const [words, codes, ...places] = await Promise.all(["words", "codes", ...data.layouts.map((_, i) => "places-" + i)].map(unpacked));
  space.words = JSON.parse(new TextDecoder().decode(words));
  space.words.forEach((word, i) => space.index.has(word) || space.index.set(word, i));
  space.codes = new Int8Array(codes);
  space.layouts = places.map((bytes) => Float32Array.from(new Int16Array(bytes)));
  space.lengths = new Float32Array(space.words.length);
  for (let i = 0; i < space.lengths.length; i++) {
    let square = 0;
    for (let j = i * data.dim; j < (i + 1) * data.dim; j++) square += space.codes[j] * space.codes[j];
    space.lengths[i] = Math.sqrt(square);
  }
}

// A word in large letters that is not there is that in small letters, as on the command line.
const indexOf = (word) => space.index.get(word) ?? space.index.get(word.toLowerCase());

function vectorOf(i) {
  const found = new Float64Array(data.dim);
  for (let j = 0; j < data.dim; j++) found[j] = space.lengths[i] ? space.codes[i * data.dim + j] / space.lengths[i] : 0;
  return found;
}

const inner = (a, b) => a.reduce((sum, value, j) => sum + value * b[j], 0);
const scaled = (a, by) => a.map((value) => value * by);
const plus = (a, b, by = 1) => a.map((value, j) => value + by * b[j]);

function unit(a) {
  const length = Math.sqrt(inner(a, a));
  return length ? scaled(a, 1 / length) : a;
}

function cosines(query) {
  const { codes, lengths } = space, { dim } = data;
  const to = Float32Array.from(unit(query)), found = new Float32Array(lengths.length);
  for (let i = 0, at = 0; i < found.length; i++, at += dim) {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += codes[at + j] * to[j];
    found[i] = lengths[i] ? sum / lengths[i] : 0;
  }
  return found;
}

// The k words of the largest cosine, the best first. `without` are left out, `changed` have other vectors, by their rows.
function nearest(query, k, without = [], changed = new Map()) {
  const found = cosines(query), best = [];
  const to = unit(query);
  for (const [i, vector] of changed) found[i] = inner(vector, to);
  for (const i of without) found[i] = -Infinity;
  for (let i = 0; i < found.length; i++) {
    if (best.length === k && found[i] <= best[k - 1].cosine) continue;
    if (found[i] === -Infinity) continue;
    let at = best.length;
    while (at && best[at - 1].cosine < found[i]) at--;
    best.splice(at, 0, { i, cosine: found[i] });
    if (best.length > k) best.pop();
  }
  return best;
}
