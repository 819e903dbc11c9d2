// ---- what is drawn over the points: chosen words, their neighbours, and the arrows of a sum ------------------------

function ring(context, [x, y], radius, colour, filled) {
  context.beginPath();
  context.arc(across(x), down(y), radius, 0, 2 * Math.PI);
  context.lineWidth = 2;
  context.strokeStyle = filled ? colours.panel : colour;
  context.fillStyle = filled ? colour : colours.panel;
  context.fill();
  context.stroke();
}

function arrow(context, from, to, colour, dash = []) {
  const [x, y, X, Y] = [across(from[0]), down(from[1]), across(to[0]), down(to[1])];
  const length = Math.hypot(X - x, Y - y), angle = Math.atan2(Y - y, X - x), head = Math.min(11, 0.6 * length);
  if (length < 2) return;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(X - 0.7 * head * Math.cos(angle), Y - 0.7 * head * Math.sin(angle));
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  context.moveTo(X, Y);
  for (const turn of [0.42, -0.42]) context.lineTo(X - head * Math.cos(angle - turn), Y - head * Math.sin(angle - turn));
  context.fill();
}

// Words on an arrow, nearer to its beginning: the next may come back beside it.
function wordsOn(context, from, to, text, colour) {
  const [x, y] = [0.65 * across(from[0]) + 0.35 * across(to[0]), 0.65 * down(from[1]) + 0.35 * down(to[1])];
  const width = context.measureText(text).width + 12;
  context.fillStyle = colours.panel;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.roundRect(x - width / 2, y - 10, width, 20, 10);
  context.fill();
  context.stroke();
  context.fillStyle = colours.ink;
  context.fillText(text, x - width / 2 + 6, y);
}

// The way of a sum in a linear picture, head to tail: each word moves by its own vector, which leads from the origin to it.
function wayOf(terms, origin) {
  const [first, ...rest] = terms;
  let place = goalOf(first.i).map((value, axis) => origin[axis] + first.weight * (value - origin[axis]));
  return rest.map(({ i, weight, word }) => {
    const from = place;
    place = from.map((value, axis) => value + weight * (goalOf(i)[axis] - origin[axis]));
    return { from, to: place, text: (weight < 0 ? "− " : "+ ") + (Math.abs(weight) === 1 ? "" : Math.abs(weight) + " ") + word };
  });
}

function drawMarks(context) {
  const { origin } = data.layouts[laidOut], { terms, found, moved } = shownNow;
  for (const { i, to } of moved) if (origin) arrow(context, placeOf(i), to, colours.green, [5, 4]);
  for (const { i } of found) ring(context, placeOf(i), 4.5, colours.mark, true);
  for (const { i } of terms) ring(context, placeOf(i), 5.5, colours.accent, true);
  if (terms.length < 2) return;
  if (!origin) {
    for (const { i } of terms) if (found.length) arrow(context, placeOf(i), placeOf(found[0].i), colours.accent, [2, 4]);
    return;
  }
  const way = wayOf(terms, origin);
  for (const { from, to } of way) arrow(context, from, to, colours.accent);
  ring(context, way.at(-1).to, 6, colours.accent, false);
  if (found.length) arrow(context, way.at(-1).to, placeOf(found[0].i), colours.mark, [2, 4]);
}

function writeArrows(context) {
  const { origin } = data.layouts[laidOut];
  if (shownNow.terms.length < 2 || !origin) return;
  for (const { from, to, text } of wayOf(shownNow.terms, origin)) wordsOn(context, from, to, text, colours.accent);
}
