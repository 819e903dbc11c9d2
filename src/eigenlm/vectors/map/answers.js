// ---- what is nearest, as lists beside the picture ------------------------------------------------------------------

const MANY = 10;

// A word to press, to drag to the axis, and to see on the map while the mouse or the focus is on it.
function wordButton(i) {
  const button = element("button", { type: "button", className: "word", textContent: space.words[i], draggable: true, onclick: () => ask(space.words[i]) });
  button.onmouseenter = button.onfocus = () => readOut(i);
  button.onmouseleave = button.onblur = () => readOut(-1);
  button.ondragstart = (event) => event.dataTransfer.setData("text/plain", space.words[i]);
  return button;
}

function ranked(found, own = new Set()) {
  return element("ol", { className: "ranked" }, found.map(({ i, cosine }) => {
    const line = element("li", { className: own.has(i) ? "own" : "" }, [wordButton(i), element("span", { className: "cosine", textContent: signed(cosine) })]);
    line.style.setProperty("--share", Math.max(cosine, 0).toFixed(3));
    return line;
  }));
}

function showAnswers(terms, stay) {
  const query = sumOf(terms), own = new Set(terms.map(({ i }) => i));
  const found = nearest(query, MANY, own);
  const heading = (textContent) => element("h3", { textContent });
  const said = terms.length > 1 || terms[0].weight !== 1;
  const parts = said
    ? [heading("Nearest other words"), ranked(found), heading("Nearest, its own words included"), ranked(nearest(query, MANY), own), element("p", { className: "hint", textContent: drawnHow(terms.length) })]
    : [heading(`Nearest to ${space.words[terms[0].i]}`), ranked(found), element("p", { className: "hint", textContent: `Cosines of all ${space.words.length.toLocaleString("en")} words with it; itself left out.` })];
  byId("answers").replaceChildren(...parts, ...(said ? [] : [axisButton(terms[0].i)]));
  Object.assign(shownNow, { terms, found });
  if (!stay) flyToSee(pointsOf(terms, found), said ? 30 : 12);
  redraw();
}

const drawnHow = (count) => (count < 2 ? "" : data.layouts[laidOut].origin
  ? "Arrows: each word's own vector, head to tail; the ring is the sum, and a dotted line leads to the nearest word."
  : "Dotted lines lead from the words to the answer: a picture that bends has no place for a sum.");

// What has to be in view: a word and its neighbours, or the words of a sum, its way, and the nearest.
function pointsOf(terms, found) {
  const { origin } = data.layouts[laidOut];
  const own = terms.map(({ i }) => goalOf(i));
  if (terms.length === 1) return [...own, ...found.map(({ i }) => goalOf(i))];
  return [...own, ...found.slice(0, 1).map(({ i }) => goalOf(i)), ...(origin ? wayOf(terms, origin).map(({ to }) => to) : [])];
}

function axisButton(i) {
  return element("button", { type: "button", className: "plain", textContent: `Put ${space.words[i]} on the axis`, onclick: () => (addAlong(space.words[i]), goTo("axis")) });
}

function tellFault(said, near, replaced) {
  const offers = near.map((i) => element("button", { type: "button", className: "word", textContent: space.words[i], onclick: () => ask(replaced(space.words[i])) }));
  byId("answers").replaceChildren(element("p", { className: "notice", attributes: { role: "status" } }, [said, ...(near.length ? [" Spelled nearly so: ", ...offers.flatMap((one) => [one, " "])] : [])]));
  Object.assign(shownNow, { terms: [], found: [] });
  redraw();
}

function showNothing() {
  byId("answers").replaceChildren();
  Object.assign(shownNow, { terms: [], found: [] });
  redraw();
}
