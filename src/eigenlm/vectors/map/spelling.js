// ---- words that begin so, and words that are spelled nearly so; the most frequent first ----------------------------

function beginningWith(start, most) {
  const found = [], small = start.toLowerCase();
  for (let i = 0; i < space.words.length && found.length < most; i++) {
    if (space.words[i].startsWith(start) || space.words[i].startsWith(small)) found.push(i);
  }
  return found;
}

function nearSpellings(word, most = 4) {
  const wanted = word.toLowerCase(), bound = Math.max(1, Math.min(2, Math.floor(wanted.length / 3)));
  const near = [];
  for (let i = 0; i < space.words.length; i++) {
    const other = space.words[i];
    if (Math.abs(other.length - wanted.length) > bound) continue;
    const apart = changes(wanted, other.toLowerCase(), bound);
    if (apart <= bound) near.push({ i, apart });
  }
  return near.sort((a, b) => a.apart - b.apart || a.i - b.i).slice(0, most).map(({ i }) => i);
}

// Letters put in, left out, replaced, or swapped with the next (Damerau and Levenshtein); more than `bound` is only "more".
function changes(a, b, bound) {
  let before = [], last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > bound) return bound + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}
