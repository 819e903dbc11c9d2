// ---- sums of words as people write them: king - man + woman --------------------------------------------------------

// A minus has white space before it, since words have hyphens in them.
const SIGN = /\s*(\+|−|(?:^|(?<=\s))-)\s*/;
const WEIGHTED = /^(\d+(?:\.\d+)?)\s*\*\s*(\S.*)$/;

// Each word with its weight; null where a sign has no word.
function parseSum(text) {
  const pieces = text.trim().split(SIGN);
  if (pieces[0]) pieces.unshift("+");
  else pieces.shift();
  const terms = [];
  for (let at = 0; at < pieces.length; at += 2) {
    const [, weight = "1", word = pieces[at + 1]] = pieces[at + 1].match(WEIGHTED) ?? [];
    if (!word) return null;
    terms.push({ word, i: indexOf(word), weight: Number(weight) * (pieces[at] === "+" ? 1 : -1) });
  }
  return terms.length ? terms : null;
}

// What is itself a word, such as "-" or "+1", is that word.
const termsOf = (text) => (space.index.has(text.trim()) ? [{ word: text.trim(), i: space.index.get(text.trim()), weight: 1 }] : parseSum(text));

const sumOf = (terms) => terms.reduce((sum, { i, weight }) => plus(sum, vectorOf(i), weight), new Float64Array(data.dim));
