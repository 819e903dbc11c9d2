// ---- the picture: points, what is drawn over them, words; drawn when something changed, once a frame ---------------

const picture = byId("picture");
const context = picture.getContext("2d", { alpha: false });
const goalOf = (i) => [space.layouts[laidOut][2 * i], space.layouts[laidOut][2 * i + 1]];
const placeOf = (i) => [places[2 * i], places[2 * i + 1]];
const shownNow = { terms: [], found: [], moved: [] }; // a sum's words, their nearest, and words that an axis has moved
let places = new Float32Array(); // x and y of each word, as they are now
let laidOut = 0; // which layout they are of, or walk to
let hovered = -1;
let asked = 0;

function redraw() {
  asked ||= requestAnimationFrame(() => ((asked = 0), drawPicture()));
}

function fitPicture() {
  const ratio = Math.min(devicePixelRatio || 1, 2), { width, height } = picture.getBoundingClientRect();
  if (!width || (width === size.width && height === size.height && picture.width === Math.round(width * ratio))) return;
  const kept = camera.scale ? magnified() : 1;
  Object.assign(size, { width, height });
  Object.assign(picture, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  camera.scale = kept * wholeScale();
  redraw();
}

function drawPicture() {
  if (!size.width || !places.length) return;
  const ratio = picture.width / size.width;
  context.setTransform(1, 0, 0, 1, 0, 0);
  paintPoints(context, places);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = `13px ${colours.font}`;
  const { terms, found, moved } = shownNow, { accent, mark: orange, green } = colours;
  const marked = new Map([[moved, green], [found, orange], [terms, accent]].flatMap(([words, colour]) => words.map(({ i }) => [i, colour])));
  const first = new Set([...terms, ...found, ...moved].map(({ i }) => i));
  if (hovered >= 0) first.add(hovered);
  const placed = placedLabels(context, places, [...first]);
  for (const { i } of placed) mark(i);
  drawMarks(context);
  writeLabels(context, placed, marked);
  writeArrows(context);
  if (hovered >= 0) ring(context, placeOf(hovered), 5, colours.ink, false);
  if (document.activeElement === picture && picture.matches(":focus-visible")) cross();
  tellInView();
}

// A word that is written has a point that is seen.
function mark(i) {
  context.fillStyle = colours.ink;
  context.fillRect(across(places[2 * i]) - 1.5, down(places[2 * i + 1]) - 1.5, 3, 3);
}

function cross() {
  const [x, y] = [size.width / 2, size.height / 2];
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 5 * dx, y + 5 * dy);
    context.lineTo(x + 13 * dx, y + 13 * dy);
  }
  context.stroke();
}

// The word whose point is nearest to one of the picture, within so many pixels; -1 for none.
function wordAt(px, py, within) {
  const [x, y] = [camera.x + (px - size.width / 2) / camera.scale, camera.y - (py - size.height / 2) / camera.scale];
  let best = -1, least = (within / camera.scale) ** 2;
  for (let i = 0; i < places.length; i += 2) {
    const apart = (places[i] - x) ** 2 + (places[i + 1] - y) ** 2;
    if (apart < least) [best, least] = [i / 2, apart];
  }
  return best;
}

// The words in view, the most frequent first: as a table, and as a sentence once the picture rests.
let resting = 0;

function tellInView() {
  clearTimeout(resting);
  resting = setTimeout(() => {
    const seen = [];
    let count = 0;
    for (let i = 0; 2 * i < places.length; i++) {
      const [x, y] = [across(places[2 * i]), down(places[2 * i + 1])];
      if (x < 0 || y < 0 || x > size.width || y > size.height) continue;
      count++;
      if (seen.length < 40) seen.push(i);
    }
    byId("in-view-count").textContent = `${count.toLocaleString("en")} of ${space.words.length.toLocaleString("en")} words are in view` + (count > seen.length ? `; the first ${seen.length} of the file:` : ":");
    byId("in-view-words").replaceChildren(...seen.map((i) => element("tr", {}, [
      element("th", { scope: "row" }, [wordButton(i)]),
      ...[(i + 1).toLocaleString("en"), signed(places[2 * i] / FAR), signed(places[2 * i + 1] / FAR)].map((textContent) => element("td", { textContent })),
    ])));
    picture.setAttribute("aria-label", `Map of words: ${count.toLocaleString("en")} in view, among them ${seen.slice(0, 8).map((i) => space.words[i]).join(", ")}`);
  }, 250);
}

// Change to another layout; the points walk there, unless the reader wants things to keep still.
function layOut(to) {
  const goal = space.layouts[to], from = places;
  laidOut = to;
  byId("caption").textContent = data.layouts[to].caption;
  for (const button of byId("layouts").children) button.setAttribute("aria-pressed", String(button.value === data.layouts[to].name));
  if (from === goal) return;
  if (calm.matches || from.length !== goal.length) {
    places = goal;
    return redraw();
  }
  const began = performance.now();
  places = Float32Array.from(from);
  const own = places;
  const step = (now) => {
    if (places !== own) return; // another change has begun
    const t = Math.min((now - began) / 700, 1), eased = t * t * (3 - 2 * t);
    for (let i = 0; i < goal.length; i++) own[i] = from[i] + (goal[i] - from[i]) * eased;
    if (t === 1) places = goal;
    redraw();
    if (t < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
