// ---- an axis between words: the mean of the differences of pairs, and words without it -----------------------------

const axis = { pairs: [], g: null, flat: [0, 0], words: [], share: 0, chosen: -1 };

// "man:woman he:she" as rows, the left end first; and the words that are not there.
function readPairs(text) {
  const unknown = [], pairs = [];
  for (const told of text.split(/[\s,]+/).filter(Boolean)) {
    const ends = told.split(":"), rows = ends.map(indexOf);
    if (ends.length !== 2 || ends.includes("")) unknown.push(`${told} is no pair, such as ${examplePair()}`);
    else if (rows.includes(undefined)) unknown.push(missing(ends[rows.indexOf(undefined)]));
    else pairs.push(rows);
  }
  return { pairs, unknown };
}

function readWords(text) {
  const unknown = [], words = [];
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const i = indexOf(word);
    if (i === undefined) unknown.push(missing(word));
    else if (!words.includes(i)) words.push(i);
  }
  return { words, unknown };
}

function missing(word) {
  const near = nearSpellings(word, 2).map((i) => space.words[i]);
  return `“${word}” is not among these words` + (near.length ? `; spelled nearly so: ${near.join(", ")}` : "");
}

const examplePair = () => `${space.words[0]}:${space.words[1]}`;
const difference = ([left, right]) => plus(vectorOf(right), vectorOf(left), -1);

// g, and the arrow of g in a picture that is linear.
function aim(pairs) {
  const sum = pairs.reduce((so, pair) => plus(so, difference(pair)), new Float64Array(data.dim));
  const length = Math.sqrt(inner(sum, sum));
  axis.pairs = pairs;
  axis.g = length ? scaled(sum, 1 / length) : null;
  axis.flat = [0, 1].map((which) => pairs.reduce((so, [left, right]) => so + goalOf(right)[which] - goalOf(left)[which], 0) / (length || 1));
}

const alongOf = (vector) => inner(vector, axis.g);

// w - s (w . g) g at length 1 (s = 1: Bolukbasi and others 2016, neutralize).
const taken = (vector, share) => unit(plus(vector, axis.g, -share * alongOf(vector)));

const takenFrom = (share) => new Map(axis.words.map((i) => [i, taken(vectorOf(i), share)]));

// Where a word stands in the picture once the axis is taken out of it.
function placeTaken(i, origin) {
  const along = alongOf(vectorOf(i)), rest = plus(vectorOf(i), axis.g, -axis.share * along);
  const length = Math.sqrt(inner(rest, rest)) || 1;
  return goalOf(i).map((at, which) => origin[which] + (at - origin[which] - axis.share * along * axis.flat[which]) / length);
}
