// ---- the axis as a strip: a line for each word, to be pressed, dragged, added to -----------------------------------

const strip = byId("strip");
const SUGGESTED = { pairs: "man:woman he:she", along: "nurse librarian teacher doctor lawyer engineer programmer captain" };

const suggested = (key) => SUGGESTED[key].split(" ").filter((told) => told.split(":").every((word) => indexOf(word) !== undefined)).join(" ");

function readAxis() {
  const { pairs, unknown } = readPairs(byId("pairs").value);
  const { words, unknown: more } = readWords(byId("along").value);
  aim(pairs);
  axis.words = words;
  if (axis.g) axis.words.sort((a, b) => alongOf(vectorOf(a)) - alongOf(vectorOf(b)));
  if (!words.includes(axis.chosen)) axis.chosen = words[0] ?? -1;
  const faults = [...unknown, ...more];
  if (!axis.g && !faults.length) faults.push(pairs.length ? "The differences of these pairs add up to nothing" : `Type a pair of words, such as ${examplePair()}`);
  byId("axis-fault").textContent = faults.map((fault) => fault + ".").join(" ");
  buildStrip();
}

function buildStrip() {
  const ends = [0, 1].map((end) => [...new Set(axis.pairs.map((pair) => space.words[pair[end]]))].join(", "));
  const lines = !axis.g ? [] : axis.words.map((i) => element("div", { className: "line" }, [element("span", { className: "was" }), element("span", { className: "dot" }), stripWord(i)]));
  strip.replaceChildren(element("p", { className: "ends" }, [element("span", { textContent: axis.g ? "← " + ends[0] : "" }), element("span", { textContent: axis.g ? ends[1] + " →" : "" })]), ...lines);
  byId("axis-pairs").textContent = axis.g ? "Cosine of each pair's own difference with the axis: " + axis.pairs.map((pair) => `${pair.map((i) => space.words[i]).join(":")} ${signed(inner(unit(difference(pair)), axis.g))}`).join(", ") + "." : "";
  drawStrip();
}

function stripWord(i) {
  const button = element("button", { type: "button", className: "word", textContent: space.words[i], onclick: () => chooseAlong(i) });
  button.onpointerdown = (event) => beginDrag(event, i);
  return button;
}

// The share is what brings the dragged word to where the pointer is.
function beginDrag(event, i) {
  const button = event.currentTarget, from = event.clientX, along = alongOf(vectorOf(i)), was = (1 - axis.share) * along;
  button.onpointermove = (moved) => {
    if (Math.abs(moved.clientX - from) < 4 || !along) return;
    button.setPointerCapture(moved.pointerId);
    const now = was + ((moved.clientX - from) / (strip.clientWidth / 2)) * reach();
    takeOut(Math.round(100 * Math.min(Math.max(1 - now / along, 0), 1)));
  };
  button.onpointerup = button.onpointercancel = () => (button.onpointermove = null);
}

// The coordinate at either end of the strip; words have room beside their dots.
const reach = () => 1.35 * Math.max(0.05, ...axis.words.map((i) => Math.abs(alongOf(vectorOf(i)))));

function drawStrip() {
  const lines = [...strip.querySelectorAll(".line")], end = reach();
  const percent = (along) => 50 + (50 * along) / end;
  const after = axis.g ? takenFrom(axis.share) : new Map();
  lines.forEach((line, n) => {
    const i = axis.words[n], before = alongOf(vectorOf(i)), now = alongOf(after.get(i));
    const [was, dot, word] = line.children;
    was.style.left = percent(Math.min(before, now)) + "%";
    was.style.width = (50 * Math.abs(before - now)) / end + "%";
    dot.style.left = percent(now) + "%";
    word.style.left = percent(now) + "%";
    word.classList.toggle("leftward", now > 0);
    word.setAttribute("aria-pressed", String(i === axis.chosen));
    word.setAttribute("aria-label", `${space.words[i]}, ${signed(before)} along the axis` + (axis.share ? `, ${signed(now)} after` : ""));
  });
  byId("out").value = Math.round(100 * axis.share);
  byId("out-told").textContent = Math.round(100 * axis.share) + "%";
  byId("axis-words").replaceChildren(...(axis.g ? axis.words : []).map((i) => element("tr", {}, [element("th", { scope: "row", textContent: space.words[i] }), ...[alongOf(vectorOf(i)), alongOf(after.get(i))].map((value) => element("td", { textContent: signed(value) }))])));
  drawEffect(after);
  const { origin } = data.layouts[laidOut];
  shownNow.moved = axis.g && axis.share && origin ? axis.words.map((i) => ({ i, to: placeTaken(i, origin) })) : [];
  redraw();
}

// The neighbours of the chosen word before and after, and how far along the axis they lie.
function drawEffect(after) {
  const i = axis.chosen;
  if (!axis.g || i < 0) return byId("axis-effect").replaceChildren();
  const before = nearest(vectorOf(i), MANY, [i]), now = nearest(after.get(i), MANY, [i], after);
  const left = new Set(now.map((one) => one.i)), there = new Set(before.map((one) => one.i));
  const mean = (found, changed) => found.reduce((sum, one) => sum + alongOf(changed.get(one.i) ?? vectorOf(one.i)), 0) / (found.length || 1);
  const stay = before.filter((one) => left.has(one.i)).length;
  const side = (title, found, other) => element("div", {}, [element("h3", { textContent: title }), ranked(found, new Set(found.map((one) => one.i).filter((one) => !other.has(one))))]);
  const where = `lie at ${signed(mean(before, new Map()))} along the axis on average`;
  const told = axis.share
    ? `Of the ${before.length} nearest to ${space.words[i]}, ${stay} stay. They ${where} before, and at ${signed(mean(now, after))} after: what its neighbours still tell of the axis is not taken out. In bold: those that changed.`
    : `The ${before.length} nearest to ${space.words[i]} ${where}.`;
  const lists = [side(`Nearest to ${space.words[i]}`, before, left)];
  if (axis.share) lists.push(side(`With ${Math.round(100 * axis.share)}% of the axis taken out`, now, there));
  byId("axis-effect").replaceChildren(element("p", { className: "definition", textContent: told }), element("div", { className: "pair" }, lists));
}

function takeOut(percent) {
  axis.share = percent / 100;
  setState({ out: percent ? String(percent) : null });
  drawStrip();
}

function chooseAlong(i) {
  axis.chosen = i;
  setState({ word: space.words[i] });
  drawStrip();
}

function addAlong(word) {
  const told = byId("along");
  if (!readWords(told.value).words.includes(indexOf(word))) told.value = `${told.value} ${word}`.trim();
  axis.chosen = indexOf(word);
  setState({ along: told.value, word });
  readAxis();
}

function startAxis() {
  const given = readState();
  for (const key of ["pairs", "along"]) {
    byId(key).value = given[key] ?? suggested(key);
    byId(key).placeholder = key === "pairs" ? examplePair() : space.words.slice(0, 3).join(" ");
    byId(key).oninput = (event) => (setState({ [key]: event.target.value || null }), readAxis());
  }
  axis.share = Math.min(Math.max(Number(given.out) || 0, 0), 100) / 100;
  axis.chosen = indexOf(given.word ?? "") ?? -1;
  byId("out").oninput = (event) => takeOut(Number(event.target.value));
  strip.ondragover = (event) => event.preventDefault();
  strip.ondrop = (event) => {
    event.preventDefault();
    const word = event.dataTransfer.getData("text/plain");
    if (indexOf(word) !== undefined) addAlong(word);
  };
  readAxis();
}
